//! Hosts under random faults in virtual time: nothing wrong is ever committed, and every run ends.

mod simulated;

use simulated::{Faults, Run};

/// Every entry of a ledger followed those before it; what was committed is what one process would have played.
fn check(seed: u64, hosts: usize, min: usize, faults: Faults) -> Run {
    let mut run = Run::new(seed, hosts, min, faults);
    run.play();
    run.check();
    run
}

#[test]
fn undisturbed_hosts_play_one_generation() {
    let mut run = Run::new(1, 5, 5, Faults::none());
    run.play();
    run.check();
    assert_eq!(run.generations(), 1);
}

#[test]
fn few_hosts_under_every_fault() {
    let (mut generations, mut fenced) = (0, 0);
    for seed in 10_000..11_000 {
        let hosts = 1 + (seed as usize % 7);
        let run = check(seed, hosts, hosts / 2 + 1, Faults::all());
        generations += run.generations();
        fenced += run.fenced();
    }
    // The faults are such that they do harm: hosts are replaced, and late commits refused.
    assert!(generations > 5_000, "{generations} generations");
    assert!(fenced > 40, "{fenced} commits refused");
}

#[test]
fn a_single_survivor_is_enough_where_the_user_says_so() {
    for seed in 1_000..1_150 {
        check(seed, 4, 1, Faults::all());
    }
}

#[test]
fn fifty_hosts_under_every_fault() {
    for seed in 2_000..2_006 {
        check(seed, 50, 26, Faults::all());
    }
}

#[test]
fn a_thousand_hosts_under_every_fault() {
    check(3_000, 1_000, 501, Faults::rare());
}

#[test]
fn a_seed_gives_the_same_history_again() {
    let history = |seed| {
        let mut run = Run::new(seed, 6, 4, Faults::all());
        run.play();
        run.history()
    };
    assert_eq!(history(77), history(77));
    assert_ne!(history(77), history(78));
}
