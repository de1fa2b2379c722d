//! Hosts in one process, over loopback and one folder: whatever happens to them, the ledger holds the same rounds.

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::AtomicU32;

use throng_engine::MeshError;

use super::*;

const AGENTS: u64 = 100_000;
const ROUNDS: u32 = 12;

fn settings(store: &Path, name: &str, seeds: &[SocketAddr], min: usize) -> HostSettings {
    HostSettings {
        name: Some(Name::new(name).unwrap()),
        address: "127.0.0.1:0".parse().unwrap(),
        seeds: seeds.iter().map(ToString::to_string).collect(),
        min,
        patience: Duration::from_secs(2),
        secret: Secret::new(b"token"),
        program: "throng test".to_owned(),
        digest: "d1".to_owned(),
        agents: AGENTS,
        load: Load::default(),
        store: store.to_owned(),
    }
}

/// The state after a round: what each range adds up to, in any number of ranges.
fn after(state: u64, round: u32) -> u64 {
    (0..AGENTS).fold(state, |sum, agent| sum.wrapping_add(agent.wrapping_mul(u64::from(round) + 3)))
}

/// What all rounds come to.
fn undisturbed() -> Vec<u64> {
    (0..=ROUNDS)
        .scan(1, |state, round| {
            *state = after(*state, round);
            Some(*state)
        })
        .collect()
}

/// How a host ended.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    Over,
    Left,
    Died,
}

/// Plays the seat's generation to its end; true when the host should die.
fn play_seat(host: &Host, mut seat: Seat, dies_before: u32, seen: &AtomicU32) -> bool {
    let mesh = seat.take_mesh().unwrap();
    let (range, resume) = (seat.range(), seat.resume().cloned());
    let (mut round, mut state) =
        resume.map_or((0, 1), |commit| (commit.round + 1, commit.record.parse::<u64>().unwrap()));
    let mut next = || -> Result<bool, MeshError> {
        let own = (range.start..range.end)
            .fold(0_u64, |sum, agent| sum.wrapping_add(agent.wrapping_mul(u64::from(round) + 3)));
        let all = mesh.allgather(own.to_le_bytes().to_vec())?;
        state = all.iter().fold(state, |sum, part| {
            sum.wrapping_add(u64::from_le_bytes(part.as_slice().try_into().unwrap()))
        });
        if seat.rank() == 0 && seat.commit(round, state.to_string(), round == ROUNDS).is_err() {
            return Err(MeshError::Gone);
        }
        seen.fetch_max(round, Ordering::SeqCst);
        let flags = mesh.allgather(vec![u8::from(seat.wants_boundary())])?;
        round += 1;
        Ok(round > ROUNDS || flags.iter().any(|flag| flag[0] == 1))
    };
    loop {
        if seen.load(Ordering::SeqCst) >= dies_before {
            seat.abort();
            let _ = host;
            return true;
        }
        match next() {
            Ok(false) => {}
            Ok(true) => return false,
            Err(_) => {
                seat.abort();
                return false;
            }
        }
    }
}

fn play(host: Host, dies_before: u32, seen: &AtomicU32) -> Ending {
    loop {
        match host.next(|| false).unwrap() {
            Turn::Over => return Ending::Over,
            Turn::Left => return Ending::Left,
            Turn::Play(seat) => {
                if play_seat(&host, *seat, dies_before, seen) {
                    return Ending::Died;
                }
            }
        }
    }
}

/// What the ledger in this folder holds, checked entry by entry.
fn committed(store: &Path) -> (Vec<u64>, usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let store = Store::open(store, runtime.handle().clone()).unwrap();
    let mut ledger = crate::Ledger::default();
    let (mut states, mut generations) = (Vec::new(), 0);
    while let Some(entry) = store.entry(ledger.len()).unwrap() {
        ledger.learn(&entry).unwrap();
        match entry.event {
            Event::Commit(commit) => states.push(commit.record.parse().unwrap()),
            Event::Generation(_) => generations += 1,
            Event::Opening(_) => {}
        }
    }
    assert!(ledger.is_over());
    (states, generations)
}

#[test]
fn hosts_that_nothing_happens_to_play_one_generation() {
    for size in [1, 3] {
        let folder = tempfile::tempdir().unwrap();
        let first = Host::start(settings(folder.path(), "h0", &[], size)).unwrap();
        let seeds = [first.me().door];
        let later = (1..size).map(|number| {
            Host::start(settings(folder.path(), &format!("h{number}"), &seeds, size)).unwrap()
        });
        let hosts: Vec<Host> = std::iter::once(first).chain(later).collect();
        let seen = AtomicU32::new(0);
        thread::scope(|scope| {
            let plays = hosts.into_iter().map(|host| scope.spawn(|| play(host, u32::MAX, &seen)));
            let plays: Vec<_> = plays.collect();
            assert!(plays.into_iter().all(|play| play.join().unwrap() == Ending::Over));
        });
        assert_eq!(committed(folder.path()), (undisturbed(), 1));
    }
}

#[test]
fn hosts_that_die_are_done_without_or_replaced() {
    let folder = tempfile::tempdir().unwrap();
    // The one that leads dies early, another one later, and a newcomer takes part.
    let first = Host::start(settings(folder.path(), "h0", &[], 2)).unwrap();
    let seeds = [first.me().door];
    let start = |name: &str| Host::start(settings(folder.path(), name, &seeds, 2)).unwrap();
    let (second, third, fourth) = (start("h1"), start("h2"), start("h3"));
    let seen = AtomicU32::new(0);
    let died = Barrier::new(2);
    thread::scope(|scope| {
        let leader = scope.spawn(|| {
            let ending = play(first, 3, &seen);
            died.wait();
            ending
        });
        let also = scope.spawn(|| play(second, 6, &seen));
        let others = [third, fourth].map(|host| scope.spawn(|| play(host, u32::MAX, &seen)));
        died.wait();
        let seeds = [seeds[0]];
        let again = settings(folder.path(), "h0", &seeds, 2);
        assert_eq!(leader.join().unwrap(), Ending::Died);
        let newcomer = scope.spawn(|| play(Host::start(again).unwrap(), u32::MAX, &seen));
        assert_eq!(also.join().unwrap(), Ending::Died);
        assert!(others.into_iter().all(|host| host.join().unwrap() == Ending::Over));
        assert_eq!(newcomer.join().unwrap(), Ending::Over);
    });
    let (states, generations) = committed(folder.path());
    assert_eq!(states, undisturbed());
    assert!(generations >= 3, "{generations}");
}

#[test]
fn a_host_that_wants_to_leave_does_so_at_the_end_of_a_round() {
    let folder = tempfile::tempdir().unwrap();
    let stays = Host::start(settings(folder.path(), "h0", &[], 1)).unwrap();
    let leaves = Host::start(settings(folder.path(), "h1", &[stays.me().door], 1)).unwrap();
    let seen = AtomicU32::new(0);
    thread::scope(|scope| {
        leaves.leave();
        let leaves = scope.spawn(|| play(leaves, u32::MAX, &seen));
        assert_eq!(play(stays, u32::MAX, &seen), Ending::Over);
        assert_eq!(leaves.join().unwrap(), Ending::Left);
    });
    assert_eq!(committed(folder.path()).0, undisturbed());
}

#[test]
fn a_run_that_is_over_is_over_for_whoever_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let seen = AtomicU32::new(0);
    let start = || Host::start(settings(folder.path(), "h0", &[], 1)).unwrap();
    assert_eq!(play(start(), u32::MAX, &seen), Ending::Over);
    assert_eq!(play(start(), u32::MAX, &seen), Ending::Over);
    assert_eq!(committed(folder.path()), (undisturbed(), 1));
}

#[test]
fn another_configuration_is_refused_by_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Host::start(settings(folder.path(), "h0", &[], 2)).unwrap();
    let other = HostSettings { digest: "d2".to_owned(), ..settings(folder.path(), "h1", &[], 2) };
    let error = Host::start(other).unwrap_err().to_string();
    assert!(error.ends_with("it was begun with another configuration"), "{error}");
}

#[test]
fn a_store_that_is_not_shared_is_found_out() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Host::start(settings(one.path(), "h0", &[], 2)).unwrap();
    let second = Host::start(settings(other.path(), "h1", &[first.me().door], 2)).unwrap();
    let error = second.next(|| false).unwrap_err();
    assert!(error.to_string().contains("`h0` plays the same run from another store"), "{error}");
    first.leave();
    assert!(matches!(first.next(|| true), Ok(Turn::Left)), "whoever was there first stays");
}

#[test]
fn another_secret_or_version_is_refused_at_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let first = Host::start(settings(folder.path(), "h0", &[], 2)).unwrap();
    let seeds = [first.me().door];
    let guess = settings(folder.path(), "h1", &seeds, 2);
    let guess = HostSettings { secret: Secret::new(b"guess"), ..guess };
    let older = settings(folder.path(), "h2", &seeds, 2);
    let older = HostSettings { program: "throng 0".to_owned(), ..older };
    for (settings, word) in [(guess, "another secret"), (older, "use one version")] {
        let error = Host::start(settings).unwrap().next(|| false).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn of_two_that_bear_one_name_the_later_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let first = Host::start(settings(folder.path(), "h0", &[], 3)).unwrap();
    let seeds = [first.me().door];
    let early = Host::start(settings(folder.path(), "h1", &seeds, 3)).unwrap();
    let _late = Host::start(settings(folder.path(), "h1", &seeds, 3)).unwrap();
    let error = early.next(|| false).unwrap_err();
    assert!(matches!(&error, ShardError::Duplicate { name } if name.as_str() == "h1"), "{error}");
}

#[test]
fn addresses_that_cannot_be_meant_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let base = settings(folder.path(), "h0", &[], 1);
    let everywhere = HostSettings { address: "0.0.0.0:0".parse().unwrap(), ..base.clone() };
    assert!(matches!(Host::start(everywhere), Err(ShardError::Unspecified { .. })));
    for seed in ["a", ":7", "a:", "a:x", "a:0", "a:70000"] {
        let bad = HostSettings { seeds: vec![seed.to_owned()], ..base.clone() };
        assert!(matches!(Host::start(bad), Err(ShardError::Seed { .. })), "{seed}");
    }
    let foreign = HostSettings { address: "192.0.2.1:0".parse().unwrap(), ..base };
    assert!(matches!(Host::start(foreign), Err(ShardError::Bind { .. })));
}
