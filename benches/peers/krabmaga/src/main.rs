//! Models of the comparison in krABMaga: `throng-peer-krabmaga walkers|schelling|epidemic AGENTS ROUNDS`.

mod epidemic;
mod schelling;
mod walkers;

fn argument<T: std::str::FromStr>(place: usize, default: T) -> T {
    std::env::args().nth(place).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() {
    let (model, agents, rounds) =
        (argument(1, String::new()), argument(2, 1_000_000), argument(3, 5));
    let told = match model.as_str() {
        "walkers" => walkers::play(agents, rounds),
        "schelling" => schelling::play(agents, rounds),
        "epidemic" => epidemic::play(agents, rounds),
        _ => panic!("write walkers, schelling or epidemic"),
    };
    println!("krABMaga 0.6.2, 1 thread: {told}");
}
