//! Writes a small run that has every type, for checks with other readers.
//!
//! `cargo run -p throng-data --example sample_run OUT [AGENTS]` prints the run's folder.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "made-up values may be cut to any width"
)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use throng_data::{
    Accounting, Column, NewRun, Origin, Result, RoundOutput, RunStatus, Table, Values, WritableRun,
};

const ROUNDS: u32 = 3;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = PathBuf::from(arguments.next().ok_or("usage: sample_run OUT [AGENTS]")?);
    let agents: usize = arguments.next().map_or(Ok(300_000), |text| text.parse())?;
    let run = play(&out, agents)?;
    writeln!(std::io::stdout(), "{}", run.path().display())?;
    Ok(())
}

fn play(out: &std::path::Path, agents: usize) -> Result<WritableRun> {
    let origin = Origin {
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: "sample".to_owned(),
        scenario_version: "1".to_owned(),
        agents: agents as u64,
        rounds: ROUNDS,
        ..Origin::default()
    };
    let mut run =
        WritableRun::create(out, NewRun { id: None, config_toml: String::new(), origin })?;
    run.commit(output(0, vec![people(agents)?], Accounting::nobody_asked(agents as u64)))?;
    for round in 1..=ROUNDS {
        let tables = vec![agents_table(agents, round)?, rounds(agents, round)?, calls(round)?];
        let failed = (0..agents).filter(|agent| agent % 10 == 3).count() as u64;
        let accounting = Accounting {
            agents: agents as u64,
            answered: agents as u64 - failed,
            failed: BTreeMap::from([("timeout".to_owned(), failed)]),
            not_asked: 0,
        };
        run.commit(output(round, tables, accounting))?;
    }
    run.set_status(RunStatus::Done)?;
    Ok(run)
}

fn output(round: u32, tables: Vec<Table>, accounting: Accounting) -> RoundOutput {
    RoundOutput {
        round,
        shard: 0,
        tables,
        accounting,
        state_hash: None,
        state: BTreeMap::new(),
        wall_us: None,
        calls: None,
    }
}

fn category(names: &[&str], codes: impl Iterator<Item = usize>) -> Values {
    Values::Category {
        codes: codes.map(|code| (code % names.len()) as u8).collect(),
        names: names.iter().map(|&name| name.to_owned()).collect(),
    }
}

fn agent_column(rows: usize) -> Column {
    Column::new("agent", "Id of the agent.", Values::I64Sequence { first: 0, rows })
}

fn round_column(round: u32, rows: usize) -> Column {
    Column::new("round", "The round.", Values::I32Repeat { value: round.cast_signed(), rows })
}

fn people(agents: usize) -> Result<Table> {
    let text = |agent: usize| format!("Person {agent}, {} years old.", agent % 80 + 18);
    let cities: Vec<String> = (0..400).map(|city| format!("City {city}")).collect();
    let columns = vec![
        agent_column(agents),
        Column::new(
            "background",
            "Who the agent is.",
            Values::Text((0..agents).map(text).collect()),
        ),
        Column::new(
            "education",
            "Highest degree.",
            category(&["school", "college", "Ph.D."], 0..agents),
        ),
        Column::new(
            "city",
            "Where the agent lives.",
            Values::Category16 {
                codes: (0..agents).map(|a| (a % 400) as u16).collect(),
                names: cities,
            },
        ),
    ];
    Table::new("people", columns)
}

fn agents_table(agents: usize, round: u32) -> Result<Table> {
    let fails = |agent: usize| agent % 10 == 3;
    let guess = |agent: usize| (agent * 37 % 101) as f64 / f64::from(round);
    // Far more distinct values than a dictionary takes.
    let trust = |agent: usize| (agent as f64 + 0.5).sqrt() - 100.0;
    let columns = vec![
        agent_column(agents),
        round_column(round, agents),
        Column::new(
            "status",
            "What became of the question.",
            category(
                &["answered", "failed_timeout"],
                (0..agents).map(|agent| usize::from(fails(agent))),
            ),
        ),
        Column::new("guess", "The number reported.", Values::F64((0..agents).map(guess).collect()))
            .with_valid((0..agents).map(|agent| !fails(agent)).collect()),
        Column::new("trust", "Trust in the others.", Values::F64((0..agents).map(trust).collect())),
        Column::new(
            "mood",
            "Mood.",
            Values::F32((0..agents).map(|a| (a % 7) as f32 / 2.0).collect()),
        ),
    ];
    Table::new("agents", columns)
}

fn rounds(agents: usize, round: u32) -> Result<Table> {
    let columns =
        vec![round_column(round, 1), Column::new("n", "Agents.", Values::I64(vec![agents as i64]))];
    Table::new("rounds", columns)
}

fn calls(round: u32) -> Result<Table> {
    let rows = 50_000;
    let all = || 0..rows;
    let columns = vec![
        Column::new(
            "agent",
            "Id of the agent.",
            Values::I64(all().map(|row| row as i64 / 2).collect()),
        ),
        round_column(round, rows),
        Column::new(
            "attempt",
            "Which attempt.",
            Values::I32(all().map(|row| (row % 2) as i32).collect()),
        ),
        Column::new("endpoint", "Who answered.", category(&["a", "b"], all())),
        Column::new(
            "latency_us",
            "Time.",
            Values::I64(all().map(|row| row as i64 * 997).collect()),
        )
        .with_unit("us"),
        Column::new(
            "cached",
            "Whether it was known.",
            Values::Bool(all().map(|r| r % 3 == 0).collect()),
        ),
        Column::new(
            "at",
            "When it was sent.",
            Values::TimestampUs(all().map(|row| 1_795_211_130_000_000 + row as i64).collect()),
        ),
        Column::new(
            "reply",
            "The reply.",
            Values::Text(all().map(|row| format!("{{\"guess\": {row}}}")).collect()),
        )
        .with_valid(all().map(|row| row % 5 != 0).collect()),
        Column::new("kind", "Which error.", category(&["timeout", "refused"], all()))
            .with_valid(all().map(|row| row % 5 == 0).collect()),
    ];
    Table::new("calls", columns)
}
