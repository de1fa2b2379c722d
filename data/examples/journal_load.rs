//! Completions per second that the journal makes durable, from one caller that waits like the bridge
//! does, with bytes, nanoseconds and memory per completion; then opening, lookups, and the commit.
//!
//! `cargo run --release -p throng-data --example journal_load [COMPLETIONS] [TEXT_BYTES] [CHOICES] [FOLDER]`

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Instant;
use throng_data::{
    Accounting, Call, Choice, Column, Finish, JournalRecord, ModelNames, NewRun, Opening, Origin,
    RoundOutput, Table, Tokens, Values, WritableRun,
};

/// Records that wait for their acknowledgement, as many as the bridge allows.
const PENDING_MAX: usize = 4_096;
/// Lookups that are timed.
const LOOKUPS: u64 = 100_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (completions, text_bytes, choices) = (number(1_000_000)?, number(200)?, number(1)?.max(1));
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let out = folder.join(format!("throng-journal-load-{}", std::process::id()));
    let load = Load { completions, text_bytes: text_bytes as usize, choices };
    let played = load.play(&out);
    fs::remove_dir_all(&out)?;
    played
}

struct Load {
    completions: u64,
    text_bytes: usize,
    choices: u64,
}

impl Load {
    fn play(&self, out: &Path) -> Result<(), Failure> {
        let mut print = std::io::stdout().lock();
        let Self { completions, text_bytes, choices } = self;
        writeln!(print, "{completions} completions of {text_bytes} bytes, {choices} a request")?;
        let mut run = self.new_run(out)?;
        let flush_us = flush_us(run.path())?;
        writeln!(print, "write and fdatasync of 4 KiB        {flush_us:10.0} us")?;
        let before = resident_bytes();
        let (journal, _) = run.open_journal(models(), Opening::Alone)?;
        let (begun, cpu) = (Instant::now(), cpu_ns());
        self.append_all(&journal)?;
        let seconds = begun.elapsed().as_secs_f64();
        let count = *completions as f64;
        let bytes = folder_bytes(&run.path().join("journal"))?;
        let memory = resident_bytes().saturating_sub(before);
        writeln!(
            print,
            "made durable                        {:10.0} completions/s",
            count / seconds
        )?;
        writeln!(
            print,
            "                                    {:10.0} ns/completion",
            seconds * 1e9 / count
        )?;
        writeln!(
            print,
            "processor time, caller included     {:10.0} ns/completion",
            (cpu_ns() - cpu) / count
        )?;
        writeln!(
            print,
            "on disk besides the text            {:10.1} bytes/completion",
            bytes as f64 / count - *text_bytes as f64
        )?;
        writeln!(
            print,
            "in memory                           {:10.1} bytes/completion",
            memory as f64 / count
        )?;
        let begun = Instant::now();
        let wanted = LOOKUPS.min(*completions);
        for place in 0..wanted {
            let agent = place * 7_919 % completions;
            let found = journal.lookup(&call(agent / choices).key(agent))?;
            assert!(found.is_some(), "agent {agent} was answered");
        }
        let ns = begun.elapsed().as_nanos() as f64 / wanted as f64;
        writeln!(print, "lookup, in no order                 {ns:10.0} ns")?;
        drop((journal, run));
        self.reopen(out, &mut print)
    }

    /// Opens the run as a resume does, then commits the round.
    fn reopen(&self, out: &Path, print: &mut impl Write) -> Result<(), Failure> {
        let path = fs::read_dir(out)?.next().ok_or("there is a run")??.path();
        let mut run = WritableRun::open(&path)?;
        let begun = Instant::now();
        let (journal, _) = run.open_journal(models(), Opening::Alone)?;
        let ns = begun.elapsed().as_nanos() as f64 / self.completions as f64;
        writeln!(print, "opening                             {ns:10.0} ns/completion")?;
        let (begun, before) = (Instant::now(), resident_bytes());
        let record = run.commit(output(1, self.completions, vec![]))?;
        let ns = begun.elapsed().as_nanos() as f64 / self.completions as f64;
        let bytes = record.files[0].bytes as f64 / self.completions as f64;
        writeln!(print, "commit as the table `calls`         {ns:10.0} ns/completion")?;
        writeln!(print, "                                    {bytes:10.1} bytes/completion")?;
        let grown = resident_bytes().saturating_sub(before) >> 20;
        writeln!(print, "memory at its end, more             {grown:10} MiB")?;
        assert!(journal.counts().is_empty(), "the journal is trimmed");
        Ok(())
    }

    fn append_all(&self, journal: &throng_data::Journal) -> Result<(), Failure> {
        let (sender, outcomes) = channel();
        let mut pending = 0;
        for request in 0..self.completions.div_ceil(self.choices) {
            if pending == PENDING_MAX {
                outcomes.recv()??;
                pending -= 1;
            }
            let sender = sender.clone();
            journal.append(self.record(request), move |outcome| _ = sender.send(outcome));
            pending += 1;
        }
        drop(sender);
        outcomes.iter().try_for_each(|outcome| outcome.map_err(Failure::from))
    }

    fn record(&self, request: u64) -> JournalRecord {
        let first = request * self.choices;
        let agents = first..self.completions.min(first + self.choices);
        let choices =
            agents.map(|agent| Choice { agent, text: self.text(agent), finish: Finish::Stop });
        JournalRecord { call: call(request), choices: choices.collect() }
    }

    /// Words that compress about as prose does.
    fn text(&self, agent: u64) -> Box<str> {
        const WORDS: [&str; 8] =
            ["the ", "others ", "will ", "guess ", "lower ", "than ", "I ", "think "];
        let mut text = format!("{agent} ");
        let mut bits = agent.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        while text.len() < self.text_bytes {
            bits = bits.rotate_left(7).wrapping_mul(0xd6e8_feb8_6659_fd93);
            text.push_str(WORDS[(bits >> 61) as usize]);
        }
        text.truncate(self.text_bytes);
        text.into()
    }

    fn new_run(&self, out: &Path) -> Result<WritableRun, Failure> {
        let agents = self.completions;
        let origin = Origin { scenario: "load".to_owned(), agents, ..Origin::default() };
        let new = NewRun { id: None, config_toml: String::new(), origin };
        let mut run = WritableRun::create(out, new)?;
        let ids = Values::I64Sequence { first: 0, rows: agents as usize };
        let people = Table::new("people", vec![Column::new("agent", "The agent.", ids)])?;
        run.commit(output(0, agents, vec![people]))?;
        Ok(run)
    }
}

fn call(request: u64) -> Call {
    let mut prompt = [0; 32];
    prompt[..8].copy_from_slice(&request.to_le_bytes());
    Call {
        round: 1,
        exchange: 0,
        attempt: 0,
        prompt,
        model: [2; 32],
        parameters: [3; 32],
        model_index: 0,
        endpoint: 0,
        latency_us: 700_000,
        tokens: Tokens { prompt: 300, completion: 40, cached: 256 },
        cost: 60_000_000,
    }
}

fn output(round: u32, agents: u64, tables: Vec<Table>) -> RoundOutput {
    let accounting = Accounting::nobody_asked(agents);
    let state = std::collections::BTreeMap::new();
    RoundOutput {
        round,
        shard: 0,
        tables,
        accounting,
        state_hash: None,
        state,
        wall_us: None,
        calls: None,
    }
}

fn models() -> Vec<ModelNames> {
    vec![ModelNames { model: "model".to_owned(), endpoints: vec!["endpoint".to_owned()] }]
}

/// Median microseconds of a small write that is flushed.
fn flush_us(folder: &Path) -> Result<f64, Failure> {
    let path = folder.join("flush");
    let mut file = fs::File::create_new(&path)?;
    let mut times = Vec::new();
    for _ in 0..101 {
        let begun = Instant::now();
        file.write_all(&[7; 4_096])?;
        file.sync_data()?;
        times.push(begun.elapsed().as_nanos() as f64 / 1e3);
    }
    fs::remove_file(path)?;
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

fn folder_bytes(folder: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

/// Memory of this process; 0 off Linux.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1_024
}

/// Processor time of this process so far, to the kernel's hundredth of a second; 0 off Linux.
fn cpu_ns() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() * 1e7
}
