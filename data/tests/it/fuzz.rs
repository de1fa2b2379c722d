//! Bytes that nobody wrote: reading ends with a value or an error, never with a panic.

use crate::fixture::played;
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;
use throng_data::fuzz::manifest_reader;
use throng_data::{CommitRecord, Projection, RunDir, WritableRun, sha256_file};

/// A finished run, made once and copied for each case.
fn original() -> &'static Path {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = RUN.get_or_init(|| {
        let out = tempfile::tempdir().unwrap();
        let path = played(out.path(), "r", 1).path().to_owned();
        (out, path)
    });
    path
}

fn copied(out: &Path) -> PathBuf {
    let run = out.join("r");
    copy(original(), &run);
    run
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

const FILES: [&str; 8] = [
    "people/part-00.parquet",
    "agents/round-000001.s00.parquet",
    "rounds/part-000001.parquet",
    "manifest.json",
    "schema.json",
    "commits/round-000000.json",
    "commits/round-000001.json",
    "run.toml",
];

#[derive(Debug, Clone)]
enum Damage {
    Flip { at: prop::sample::Index, bits: u8 },
    Cut { at: prop::sample::Index },
    Fill { at: prop::sample::Index, bytes: Vec<u8> },
}

fn any_damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<prop::sample::Index>(), 1_u8..).prop_map(|(at, bits)| Damage::Flip { at, bits }),
        any::<prop::sample::Index>().prop_map(|at| Damage::Cut { at }),
        (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, bytes)| Damage::Fill { at, bytes }),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Flip { at, bits } => {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
            Self::Cut { at } => bytes.truncate(at.index(bytes.len())),
            Self::Fill { at, bytes: with } => {
                let at = at.index(bytes.len());
                let end = bytes.len().min(at + with.len());
                bytes[at..end].copy_from_slice(&with[..end - at]);
            }
        }
    }
}

/// Reads everything there is to read.
fn read_all(run: &Path) {
    let Ok(reader) = RunDir::open(run) else { return };
    let _ = reader.standing();
    let _ = reader.schemas();
    let _ = reader.commits();
    let _ = reader.read_people(Projection::All);
    let _ = reader.read_agents(1, Projection::All);
    let _ = reader.read_agents(1, Projection::Columns(&["guess"]));
    let _ = reader.read_rounds(1, Projection::All);
    for agent in [0, 500, 999, 1_000] {
        let _ = reader.read_agent("agents", 1, agent, Projection::All);
    }
}

/// Puts the digest of a damaged file on record, so that the decoder has to face it.
fn sign(run: &Path, path: &str, round: u32) {
    let (sha256, bytes) = sha256_file(&run.join(path)).unwrap();
    let record_path = run.join(format!("commits/round-{round:06}.json"));
    let mut record: CommitRecord =
        serde_json::from_slice(&fs::read(&record_path).unwrap()).unwrap();
    let file = record.files.iter_mut().find(|file| file.path == path).unwrap();
    (file.sha256, file.bytes) = (sha256, bytes);
    fs::write(record_path, serde_json::to_vec(&record).unwrap()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn damaged_files_never_panic(file in 0..FILES.len(), damage in any_damage()) {
        let out = tempfile::tempdir().unwrap();
        let run = copied(out.path());
        let path = run.join(FILES[file]);
        let mut bytes = fs::read(&path).unwrap();
        let before = bytes.clone();
        damage.apply(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        read_all(&run);
        let report = RunDir::open(&run).unwrap().verify();
        // Files under a digest: any change at all is found.
        if FILES[file].ends_with(".parquet") || FILES[file] == "run.toml" {
            prop_assert_eq!(report.is_whole(), bytes == before);
        }
        let _ = WritableRun::open(&run);
    }

    #[test]
    fn damaged_files_with_the_right_digest_never_panic(file in 0..3_usize, damage in any_damage()) {
        let out = tempfile::tempdir().unwrap();
        let run = copied(out.path());
        let path = run.join(FILES[file]);
        let mut bytes = fs::read(&path).unwrap();
        damage.apply(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        sign(&run, FILES[file], u32::from(file > 0));
        read_all(&run);
        let _ = RunDir::open(&run).unwrap().verify();
    }

    #[test]
    fn any_bytes_are_a_manifest_or_an_error(bytes: Vec<u8>) {
        manifest_reader(&bytes);
    }

    #[test]
    fn a_damaged_manifest_is_one_or_an_error(damages in prop::collection::vec(any_damage(), 1..4)) {
        let mut bytes = fs::read(original().join("manifest.json")).unwrap();
        manifest_reader(&bytes);
        for damage in &damages {
            if !bytes.is_empty() {
                damage.apply(&mut bytes);
            }
        }
        manifest_reader(&bytes);
    }
}
