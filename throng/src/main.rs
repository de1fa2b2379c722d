//! The `throng` binary: the command line with the scenarios that ship with it.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    throng::cli(throng_scenarios::all())
}
