//! Nanoseconds per row of writing an agents table, against a plain write of the same bytes.
//!
//! `cargo run --release -p throng-data --example write_speed [ROWS] [ENCODERS] [FOLDER]`

#![expect(clippy::cast_possible_truncation, reason = "made-up values may be cut to any width")]

use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;
use throng_data::{
    Accounting, Column, NewRun, Origin, RoundOutput, Stamp, Table, Values, WritableRun, write_table,
};

const REPETITIONS: usize = 25;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rows: usize = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let encoders: usize = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("throng-write-speed-{}.bin", std::process::id()));
    let mut out = std::io::stdout().lock();
    writeln!(out, "{rows} rows, {encoders} encoders, best and median of {REPETITIONS}")?;
    let raw = measure(|| write_raw(&path, rows))?;
    writeln!(out, "{:<44}{raw}", "memcpy + write + fsync of the columns")?;
    for (label, names) in SELECTIONS {
        let taken = measure(|| write_parquet(&path, rows, encoders, names))?;
        writeln!(out, "{label:<44}{taken}")?;
    }
    let taken = measure_commits(&folder, rows, encoders)?;
    writeln!(out, "{:<44}{taken}", "the same, committed (record, manifest)")?;
    Ok(())
}

const SELECTIONS: &[(&str, &[&str])] = &[
    ("agent", &["agent"]),
    ("round", &["round"]),
    ("status", &["status"]),
    ("guess, whole numbers", &["guess"]),
    ("guess, two decimals", &["guess_cents"]),
    ("guess, some missing", &["guess_some"]),
    ("agent round status guess", &["agent", "round", "status", "guess"]),
    ("agent round status guess_cents", &["agent", "round", "status", "guess_cents"]),
    ("agent round status guess_some", &["agent", "round", "status", "guess_some"]),
];

fn measure(
    mut once: impl FnMut() -> Result<Sample, Box<dyn std::error::Error>>,
) -> Result<String, Box<dyn std::error::Error>> {
    let mut samples = (0..REPETITIONS).map(|_| once()).collect::<Result<Vec<_>, _>>()?;
    samples.sort_by(|a, b| a.wall_ns.total_cmp(&b.wall_ns));
    let (best, median) = (&samples[0], &samples[REPETITIONS / 2]);
    let cpu = samples.iter().map(|sample| sample.processor_ns).sum::<f64>() / samples.len() as f64;
    Ok(format!(
        "{:6.1} {:6.1} ns/row {:6.1} cpu ns/row {:6.2} bytes/row",
        best.wall_ns, median.wall_ns, cpu, median.bytes
    ))
}

/// What one row took.
struct Sample {
    wall_ns: f64,
    processor_ns: f64,
    bytes: f64,
}

/// A generator good enough to fill columns; the numbers' quality plays no part here.
fn noise(row: usize) -> u64 {
    let mut x = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    x ^= x >> 32;
    x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

fn guess(row: usize) -> f64 {
    let noise = noise(row);
    // A peaked distribution over 0..=100, as people's guesses are.
    ((noise & 31) + (noise >> 8 & 31) + (noise >> 16 & 31)) as f64
}

fn column(name: &str, rows: usize) -> Column {
    let all = || 0..rows;
    match name {
        "agent" => Column::new("agent", "id", Values::I64Sequence { first: 0, rows }),
        "round" => Column::new("round", "round", Values::I32Repeat { value: 57, rows }),
        "status" => {
            let codes = all().map(|row| u8::from(noise(row).is_multiple_of(50))).collect();
            let names = vec!["answered".to_owned(), "failed_timeout".to_owned()];
            Column::new("status", "status", Values::Category { codes, names })
        }
        "guess_cents" => {
            let cents = |row| guess(row) + (noise(row) >> 32 & 63) as f64 / 64.0;
            Column::new("guess", "guess", Values::F64(all().map(cents).collect()))
                .with_valid(vec![true; rows])
        }
        "guess_some" => Column::new("guess", "guess", Values::F64(all().map(guess).collect()))
            .with_valid(all().map(|row| !noise(row).is_multiple_of(50)).collect()),
        _ => Column::new("guess", "guess", Values::F64(all().map(guess).collect()))
            .with_valid(vec![true; rows]),
    }
}

fn write_parquet(
    path: &Path,
    rows: usize,
    encoders: usize,
    names: &[&str],
) -> Result<Sample, Box<dyn std::error::Error>> {
    let columns = names.iter().map(|name| column(name, rows)).collect();
    let table = Table::new("agents", columns)?;
    let stamp = Stamp {
        run_id: "speed".to_owned(),
        round: 57,
        seed: 1,
        scenario: "speed".to_owned(),
        scenario_version: "1".to_owned(),
        engine_version: "0".to_owned(),
        config_sha256: "00".to_owned(),
        state_hash: None,
    };
    let begun = Begun::now();
    let written = write_table(path, table, &stamp, encoders)?;
    let sample = sample(begun, rows, written.bytes);
    std::fs::remove_file(path)?;
    Ok(sample)
}

/// Rounds of a run in `folder`, each with its record and the manifest's replacement.
fn measure_commits(
    folder: &Path,
    rows: usize,
    encoders: usize,
) -> Result<String, Box<dyn std::error::Error>> {
    let out = folder.join(format!("throng-write-speed-{}", std::process::id()));
    let origin = Origin { scenario: "speed".to_owned(), agents: rows as u64, ..Origin::default() };
    let mut run =
        WritableRun::create(&out, NewRun { id: None, config_toml: String::new(), origin })?;
    run.set_encoders(encoders);
    let all = Accounting::nobody_asked(rows as u64);
    let people = Table::new("people", vec![column("agent", rows)])?;
    run.commit(output(0, people, all))?;
    let failed = (0..rows).filter(|&row| noise(row).is_multiple_of(50)).count() as u64;
    let accounts = Accounting {
        agents: rows as u64,
        answered: rows as u64 - failed,
        failed: BTreeMap::from([("timeout".to_owned(), failed)]),
        not_asked: 0,
    };
    let mut round = 0;
    let taken = measure(|| {
        round += 1;
        let mut columns: Vec<Column> =
            ["agent", "status", "guess"].iter().map(|name| column(name, rows)).collect();
        columns.insert(1, Column::new("round", "round", Values::I32Repeat { value: round, rows }));
        let output =
            output(round.cast_unsigned(), Table::new("agents", columns)?, accounts.clone());
        let begun = Begun::now();
        let record = run.commit(output)?;
        Ok(sample(begun, rows, record.files[0].bytes))
    })?;
    std::fs::remove_dir_all(&out)?;
    Ok(taken)
}

fn output(round: u32, table: Table, accounting: Accounting) -> RoundOutput {
    RoundOutput {
        round,
        shard: 0,
        tables: vec![table],
        accounting,
        state_hash: None,
        state: BTreeMap::new(),
        wall_us: None,
        calls: None,
    }
}

fn write_raw(path: &Path, rows: usize) -> Result<Sample, Box<dyn std::error::Error>> {
    // agent 8, round 4, status 1, guess 8 bytes.
    let columns: Vec<u8> = (0..rows * 21).map(|byte| noise(byte) as u8).collect();
    let begun = Begun::now();
    let copy = black_box(columns.clone());
    let mut file = File::create_new(path)?;
    file.write_all(&copy)?;
    file.sync_all()?;
    let sample = sample(begun, rows, copy.len() as u64);
    std::fs::remove_file(path)?;
    Ok(sample)
}

/// A moment on the wall and in the processor time of this process.
struct Begun {
    wall: Instant,
    cpu_ns: f64,
}

impl Begun {
    fn now() -> Self {
        Self { wall: Instant::now(), cpu_ns: cpu_ns() }
    }
}

/// Processor time of this process so far, to the kernel's hundredth of a second; 0 off Linux.
fn cpu_ns() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let hundredths = after_name.split_whitespace().skip(11).take(2);
    hundredths.filter_map(|text| text.parse::<f64>().ok()).sum::<f64>() * 1e7
}

fn sample(begun: Begun, rows: usize, bytes: u64) -> Sample {
    let rows = rows as f64;
    Sample {
        wall_ns: begun.wall.elapsed().as_nanos() as f64 / rows,
        processor_ns: (cpu_ns() - begun.cpu_ns) / rows,
        bytes: bytes as f64 / rows,
    }
}
