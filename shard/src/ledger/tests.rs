//! What may follow what in the ledger.

use super::*;
use crate::member::Name;

const AGENTS: u64 = 100_000;

fn member(name: &str, incarnation: u64) -> Member {
    Member { name: Name::new(name).unwrap(), incarnation, door: ([127, 0, 0, 1], 1).into() }
}

fn opened() -> Ledger {
    let mut ledger = Ledger::default();
    let opening = Opening { nonce: 7, digest: "d".to_owned(), agents: AGENTS };
    add(&mut ledger, Event::Opening(opening)).unwrap();
    ledger
}

fn add(ledger: &mut Ledger, event: Event) -> Result<(), LedgerError> {
    let entry = Entry { position: ledger.len(), attempt: "a".to_owned(), event };
    // As it comes back from the store.
    let text = serde_json::to_string(&entry).unwrap();
    ledger.learn(&serde_json::from_str(&text).unwrap())
}

fn commit(generation: u64, round: u32) -> Event {
    Event::Commit(Commit { generation, round, record: String::new(), last: round == 3 })
}

fn begin(ledger: &mut Ledger, hosts: &[Member]) -> Generation {
    let generation = ledger.plan(hosts).unwrap();
    add(ledger, Event::Generation(generation.clone())).unwrap();
    generation
}

#[test]
fn a_replaced_generation_commits_nothing_more() {
    let mut ledger = opened();
    begin(&mut ledger, &[member("a", 1), member("b", 1)]);
    add(&mut ledger, commit(1, 0)).unwrap();
    begin(&mut ledger, &[member("b", 1)]);
    let error = add(&mut ledger, commit(1, 1)).unwrap_err();
    assert!(error.to_string().contains("generation 1 has been replaced"), "{error}");
    add(&mut ledger, commit(2, 1)).unwrap();
    assert_eq!(ledger.committed().unwrap().round, 1);
}

#[test]
fn members_resume_from_one_round_however_late_they_look() {
    let mut early = opened();
    begin(&mut early, &[member("a", 1), member("b", 1)]);
    add(&mut early, commit(1, 0)).unwrap();
    begin(&mut early, &[member("a", 1)]);
    let mut late = early.clone();
    add(&mut late, commit(2, 1)).unwrap();
    // The late one knows of round 1, and still starts where the generation began.
    assert_eq!(late.resume(), early.resume());
    assert_eq!(late.resume().unwrap().round, 0);
    assert_eq!(late.committed().unwrap().round, 1);
}

#[test]
fn floats_in_a_record_come_back_bit_by_bit() {
    let mean = 32.676_504_629_628_226_f64;
    let record = serde_json::json!({ "mean": mean }).to_string();
    let mut ledger = opened();
    begin(&mut ledger, &[member("a", 1)]);
    let event =
        Event::Commit(Commit { generation: 1, round: 0, record: record.clone(), last: false });
    add(&mut ledger, event).unwrap();
    let back = &ledger.committed().unwrap().record;
    assert_eq!(*back, record);
    let value: serde_json::Value = serde_json::from_str(back).unwrap();
    assert_eq!(value["mean"].as_f64().unwrap().to_bits(), mean.to_bits());
}

#[test]
fn shard_numbers_run_out_loudly_where_nothing_is_ever_committed() {
    let mut ledger = opened();
    let hosts: Vec<Member> = (0..20).map(|host| member(&format!("h{host:02}"), 1)).collect();
    for generation in 0..500 {
        assert_eq!(begin(&mut ledger, &hosts).shard(0), generation * 20);
    }
    let error = ledger.plan(&hosts).unwrap_err();
    assert!(error.to_string().contains("used up"), "{error}");
}

#[test]
fn generations_that_may_write_the_same_round_share_no_shard_number() {
    let hosts = |count: u32| -> Vec<Member> {
        (0..count).map(|host| member(&format!("h{host}"), 1)).collect()
    };
    let mut ledger = opened();
    let mut written: Vec<(u32, u32, u64)> = Vec::new();
    let mut round = 0;
    for generation in 1..200_u64 {
        let count = 1 + (generation * 7 % 5) as u32;
        let begun = begin(&mut ledger, &hosts(count));
        let commits = (generation * 11 % 4) as u32;
        // All that it commits, and the rounds that it may have begun besides.
        for attempt in round..round + commits + ROUNDS_AHEAD {
            for rank in 0..begun.members.len() {
                let shard = begun.shard(rank);
                let twice = written.iter().find(|(r, s, _)| (*r, *s) == (attempt, shard));
                assert_eq!(twice, None, "generation {generation}");
                written.push((attempt, shard, generation));
            }
        }
        for _ in 0..commits {
            let record = String::new();
            let event = Commit { generation, round, record, last: false };
            add(&mut ledger, Event::Commit(event)).unwrap();
            round += 1;
        }
    }
    assert!(written.iter().all(|(_, shard, _)| *shard < 60));
}

#[test]
fn what_cannot_follow_is_refused_and_changes_nothing() {
    let mut ledger = opened();
    let good = ledger.plan(&[member("a", 1), member("b", 1)]).unwrap();
    let wrong = [
        Generation { id: 2, ..good.clone() },
        Generation { members: Vec::new(), ..good.clone() },
        Generation { layout: Layout::even(AGENTS, 3), ..good.clone() },
        Generation { layout: Layout::even(AGENTS + 1, 2), ..good.clone() },
        Generation { first_shard: 1, ..good.clone() },
    ];
    let before = ledger.clone();
    for generation in wrong {
        add(&mut ledger, Event::Generation(generation)).unwrap_err();
    }
    add(&mut ledger, commit(1, 0)).unwrap_err();
    add(&mut ledger, Event::Opening(before.opening().unwrap().clone())).unwrap_err();
    assert_eq!(ledger, before);
    add(&mut ledger, Event::Generation(good)).unwrap();
    add(&mut ledger, commit(1, 1)).unwrap_err();
    for round in 0..=3 {
        add(&mut ledger, commit(1, round)).unwrap();
    }
    assert!(ledger.is_over());
    add(&mut ledger, commit(1, 4)).unwrap_err();
}

#[test]
fn another_life_of_a_name_is_not_the_member() {
    let mut ledger = opened();
    let generation = begin(&mut ledger, &[member("a", 1), member("b", 1)]);
    assert_eq!(generation.rank(&member("a", 1)), Some(0));
    assert_eq!(generation.rank(&member("a", 2)), None);
}
