//! Disks that are full, folders that may not be written: clear words, and every round intact.

use crate::fixture::{as_i32, new_run, origin, output};
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use throng_data::{
    Column, Error, Fault, NewRun, RoundOutput, RoundWriter, RunDir, RunStatus, Table, Values,
    WritableRun,
};

/// A small file system in memory, unmounted when dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// `None`, said aloud, where this user may not mount.
    fn new(folder: &Path, options: &str) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(folder)
            .output()
            .unwrap();
        if mount.status.success() {
            return Some(Self(folder.to_owned()));
        }
        assert!(!is_root(), "root can mount: {}", String::from_utf8_lossy(&mount.stderr));
        eprintln!("SKIPPED: only root can mount a small file system; run this test as root");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "the test's own mount");
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Noise does not compress, so that its files have the size one expects.
fn noisy(round: u32) -> Table {
    let rows = 20_000;
    let noise = |row: u64| (row + u64::from(round) * 77).wrapping_mul(0x9e37_79b9_7f4a_7c15) as i64;
    let columns = vec![
        Column::new("round", "r", Values::I32Repeat { value: as_i32(round), rows }),
        Column::new("noise", "n", Values::I64((0..rows as u64).map(noise).collect())),
    ];
    Table::new("environment", columns).unwrap()
}

fn noisy_output(round: u32) -> RoundOutput {
    let mut output = output(round);
    if round > 0 {
        output.tables.push(noisy(round));
    }
    output
}

#[test]
fn a_full_disk_costs_no_committed_round() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mounted) = Mounted::new(folder.path(), "size=1m") else { return };
    let mut run = new_run(folder.path(), "r");
    let path = run.path().to_owned();
    let error = (0..100).find_map(|round| run.commit(noisy_output(round)).err()).unwrap();
    let committed = run.last_round().unwrap();
    assert!(committed >= 1, "some rounds fit");
    assert_eq!(error.fault(), Fault::System, "{error}");
    assert!(error.to_string().ends_with("the disk is full"), "{error}");
    assert!(error.hint().unwrap().contains("throng resume"));
    assert_eq!(fs::read_dir(path.join("tmp")).unwrap().count(), 0, "nothing half is left");
    drop(run);
    let report = RunDir::open(&path).unwrap().verify();
    assert!(report.is_whole(), "{:?}", report.problems);

    // The same through the writer behind, which also has no room to note the failure.
    let mut writer = RoundWriter::start(WritableRun::open(&path).unwrap()).unwrap();
    let mut rounds = committed + 1..committed + 100;
    let error = rounds.find_map(|round| writer.submit(noisy_output(round)).err()).unwrap();
    assert!(error.to_string().ends_with("the disk is full"), "{error}");
    drop(writer);

    // Room again, and the run goes on.
    let mount = Command::new("mount").args(["-o", "remount,size=8m"]).arg(folder.path()).status();
    assert!(mount.unwrap().success());
    let mut run = WritableRun::open(&path).unwrap();
    assert_eq!(run.last_round(), Some(committed));
    run.commit(noisy_output(committed + 1)).unwrap();
    run.set_status(RunStatus::Done).unwrap();
    drop(run);
    assert!(RunDir::open(&path).unwrap().verify().is_whole());
    drop(mounted);
}

#[test]
fn no_room_even_to_begin() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mounted) = Mounted::new(folder.path(), "size=8k") else { return };
    let error = create(folder.path()).unwrap_err();
    assert!(error.to_string().ends_with("the disk is full"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing half is left");
    drop(mounted);
}

#[test]
fn a_read_only_file_system() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mounted) = Mounted::new(folder.path(), "ro") else { return };
    let error = create(folder.path()).unwrap_err();
    assert!(error.to_string().ends_with("the file system is read-only"), "{error}");
    assert_eq!(error.hint(), Some("choose another folder with `--out`"));
    drop(mounted);
}

#[test]
fn a_file_where_the_folder_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for out in [file.clone(), file.join("runs")] {
        let error = create(&out).unwrap_err();
        assert_eq!(error.fault(), Fault::System, "{error}");
    }
}

fn create(out: &Path) -> Result<WritableRun, Error> {
    let new = NewRun { id: None, config_toml: "a = 1\n".repeat(2_000), origin: origin() };
    WritableRun::create(out, new)
}

/// Set for the child process that has no rights.
const CHILD_OUT: &str = "THRONG_TEST_DISK_OUT";
/// The user and group without rights.
const NOBODY: u32 = 65_534;

#[test]
fn a_folder_of_someone_else() {
    if let Ok(out) = env::var(CHILD_OUT) {
        let error = create(Path::new(&out)).unwrap_err();
        println!("error: {error}; hint: {}", error.hint().unwrap());
        return;
    }
    // Root may write anywhere, so that a process without rights has to try. Its program must lie
    // where everyone can read it.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let mut child = Command::new(&program);
    child
        .args(["--exact", "disk::a_folder_of_someone_else", "--nocapture"])
        .env(CHILD_OUT, folder.path())
        .current_dir("/");
    if is_root() {
        child.uid(NOBODY).gid(NOBODY);
    } else {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    }
    let said = child.output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(said.contains("permission denied; hint: check who owns the folder"), "{said}");
}
