//! A small game whose every number follows from the agent's id and the round.

use std::collections::BTreeMap;
use std::path::Path;
use throng_data::{
    Accounting, AnswerColumn, Column, NewRun, Origin, RoundOutput, RunId, Table, Text, Values,
    WritableRun,
};

pub(crate) const AGENTS: usize = 1_000;

/// A run that has not even its population yet.
pub(crate) fn new_run(out: &Path, id: &str) -> WritableRun {
    let new = NewRun {
        id: Some(RunId::new(id).unwrap()),
        config_toml: "scenario = \"two-thirds\"\n".to_owned(),
        origin: origin(),
    };
    WritableRun::create(out, new).unwrap()
}

/// A run with its population and that many rounds.
pub(crate) fn played(out: &Path, id: &str, rounds: u32) -> WritableRun {
    let mut run = new_run(out, id);
    for round in 0..=rounds {
        run.commit(output(round)).unwrap();
    }
    run
}

pub(crate) fn origin() -> Origin {
    Origin {
        engine_version: "0.1.0".to_owned(),
        scenario: "two-thirds".to_owned(),
        scenario_version: "1".to_owned(),
        seed: u64::MAX,
        agents: AGENTS as u64,
        rounds: 5,
        answer: Some(AnswerColumn { column: "guess".to_owned(), quantile_error: 0.0 }),
        ..Origin::default()
    }
}

/// What a round leaves behind; 0 brings the population.
pub(crate) fn output(round: u32) -> RoundOutput {
    let tables = if round == 0 { vec![people()] } else { vec![agents(round), rounds(round)] };
    RoundOutput {
        round,
        shard: 0,
        tables,
        accounting: accounting(round),
        state_hash: Some(format!("{round:016x}")),
        state: BTreeMap::from([("target".to_owned(), f64::from(round) / 3.0)]),
        wall_us: Some(1),
        calls: None,
    }
}

pub(crate) fn people() -> Table {
    let background = (0..AGENTS).map(|agent| format!("You are person {agent}.")).collect::<Text>();
    let education = Values::Category {
        codes: (0..AGENTS).map(|agent| u8::try_from(agent % 3).unwrap()).collect(),
        names: EDUCATION.map(str::to_owned).to_vec(),
    };
    let columns = vec![
        Column::new("agent", "Id of the agent.", Values::I64Sequence { first: 0, rows: AGENTS }),
        Column::new("education", "Highest degree.", education),
        Column::new("background", "Who the agent is.", Values::Text(background)),
    ];
    Table::new("people", columns).unwrap()
}

pub(crate) const EDUCATION: [&str; 3] = ["school", "college", "Ph.D."];

/// 0 answered, 1 failed, 2 not asked.
fn status(agent: usize, round: u32) -> u8 {
    match (agent + round as usize) % 10 {
        0 => 1,
        1 => 2,
        _ => 0,
    }
}

pub(crate) fn guess(agent: usize, round: u32) -> f64 {
    ((agent * 37 + round as usize * 11) % 101) as f64 / f64::from(round)
}

pub(crate) fn agents(round: u32) -> Table {
    let statuses: Vec<u8> = (0..AGENTS).map(|agent| status(agent, round)).collect();
    let valid = statuses.iter().map(|&status| status == 0).collect();
    let names = ["answered", "failed_timeout", "not_asked"].map(str::to_owned).to_vec();
    let guesses = (0..AGENTS).map(|agent| guess(agent, round)).collect();
    let columns = vec![
        Column::new("agent", "Id of the agent.", Values::I64Sequence { first: 0, rows: AGENTS }),
        Column::new(
            "round",
            "The round.",
            Values::I32Repeat { value: as_i32(round), rows: AGENTS },
        ),
        Column::new(
            "status",
            "What became of the question.",
            Values::Category { codes: statuses, names },
        ),
        Column::new("guess", "The number reported.", Values::F64(guesses)).with_valid(valid),
    ];
    Table::new("agents", columns).unwrap()
}

pub(crate) fn accounting(round: u32) -> Accounting {
    if round == 0 {
        return Accounting::nobody_asked(AGENTS as u64);
    }
    let count = |wanted| (0..AGENTS).filter(|&agent| status(agent, round) == wanted).count() as u64;
    Accounting {
        agents: AGENTS as u64,
        answered: count(0),
        failed: BTreeMap::from([("timeout".to_owned(), count(1))]),
        not_asked: count(2),
    }
}

pub(crate) fn as_i32(round: u32) -> i32 {
    i32::try_from(round).unwrap()
}

/// One row for everyone and one per degree.
pub(crate) fn rounds(round: u32) -> Table {
    let groups: Vec<Vec<usize>> = std::iter::once((0..AGENTS).collect())
        .chain((0..3).map(|degree| (degree..AGENTS).step_by(3).collect()))
        .collect();
    let counts = |wanted: Option<u8>| {
        let of = |agents: &Vec<usize>| {
            let among = agents.iter().filter(|&&a| wanted.is_none_or(|s| status(a, round) == s));
            i64::try_from(among.count()).unwrap()
        };
        Values::I64(groups.iter().map(of).collect())
    };
    let answers: Vec<Vec<f64>> = groups
        .iter()
        .map(|agents| {
            let answered = agents.iter().filter(|&&agent| status(agent, round) == 0);
            let mut answers: Vec<f64> = answered.map(|&agent| guess(agent, round)).collect();
            answers.sort_by(f64::total_cmp);
            answers
        })
        .collect();
    let reduce = |of: fn(&[f64]) -> f64| Values::F64(answers.iter().map(|a| of(a)).collect());
    let category = |codes: [u8; 4], names: &[&str]| Values::Category {
        codes: codes.to_vec(),
        names: names.iter().map(|&name| name.to_owned()).collect(),
    };
    let group_by = category([0, 1, 1, 1], &["all", "education"]);
    let group = category([0, 1, 2, 3], &["all", "school", "college", "Ph.D."]);
    let columns = vec![
        Column::new("round", "The round.", Values::I32Repeat { value: as_i32(round), rows: 4 }),
        Column::new("group_by", "The attribute.", group_by),
        Column::new("group", "The group.", group),
        Column::new("n", "Agents.", counts(None)),
        Column::new("answered", "Answers.", counts(Some(0))),
        Column::new("failed_timeout", "Too late.", counts(Some(1))),
        Column::new("not_asked", "Not asked.", counts(Some(2))),
        Column::new("min", "Least guess.", reduce(|a| a[0])),
        Column::new("max", "Greatest guess.", reduce(|a| a[a.len() - 1])),
        Column::new("mean", "Mean guess.", reduce(|a| a.iter().sum::<f64>() / a.len() as f64)),
        Column::new("median", "Median guess.", reduce(median)),
    ];
    Table::new("rounds", columns).unwrap()
}

fn median(sorted: &[f64]) -> f64 {
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

/// The columns of a table with some of them exchanged.
pub(crate) fn with(table: Table, changed: Vec<Column>) -> Vec<Column> {
    let exchange = |column: Column| {
        changed.iter().find(|other| other.name == column.name).cloned().unwrap_or(column)
    };
    table.into_columns().into_iter().map(exchange).collect()
}
