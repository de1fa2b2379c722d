//! Hosts that are killed at seeded moments, one after the other and several at once, and come back or do not.

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use throng_llm_bridge::mock::Mock;

use super::crash::Dice;
use super::hosts::{Game, Node, Start, assert_done, mock, pace_agents};

const HOSTS: u8 = 3;
const ROUNDS: u64 = 40;
/// Kills in one life of a run.
const KILLS: u64 = 8;
/// Lives, where the environment does not say.
const LIVES: u64 = 1;

/// What a kill waits for.
#[derive(Debug)]
enum Moment {
    /// A part of a table is being written, or waits for its commit.
    Writing,
    /// So many entries of the ledger are there: a round is being committed, or a generation formed.
    Entry,
    /// Nothing.
    Now,
}

impl Moment {
    fn draw(dice: &mut Dice) -> Self {
        match dice.below(3) {
            0 => Self::Writing,
            1 => Self::Entry,
            _ => Self::Now,
        }
    }

    /// Waits for it for a second at most: there may be nobody left who plays.
    fn wait(&self, run: &Path) {
        let entries = || std::fs::read_dir(run.join("hosts/ledger")).map_or(0, Iterator::count);
        let (before, begun) = (entries(), Instant::now());
        let has_come = || match self {
            Self::Writing => {
                std::fs::read_dir(run.join("tmp")).is_ok_and(|mut all| all.next().is_some())
            }
            Self::Entry => entries() > before,
            Self::Now => true,
        };
        while !has_come() && begun.elapsed() < Duration::from_secs(1) {
            std::thread::yield_now();
        }
    }
}

fn pause(micros: u64) {
    let (_never, moment) = channel::<()>();
    let _ = moment.recv_timeout(Duration::from_micros(micros));
}

/// One life of a run. Hosts are killed while it is played; the killed come back at once, or after the next kill.
fn live(seed: u64, expected: &str) {
    let mut dice = Dice::new(seed);
    let slow: Mock = mock(100);
    let game = Game::paced(&slow);
    let place = game.place();
    let run = place.path().join("runs/r");
    let start = |host: u8| Start::new(&game, host, 1).node(&place);
    let mut nodes: Vec<Option<Node>> = (1..=HOSTS).map(|host| Some(start(host))).collect();
    for kill in 1..=KILLS {
        // Kills are spread over the run's rounds.
        let round = kill * (ROUNDS - 8) / KILLS;
        let record = run.join(format!("commits/round-{round:06}.json"));
        let begun = Instant::now();
        while !record.exists() {
            assert!(begun.elapsed() < Duration::from_mins(4), "round {round} never comes");
            std::thread::yield_now();
        }
        Moment::draw(&mut dice).wait(&run);
        pause(dice.below(20_000));
        let victim = dice.below(u64::from(HOSTS)) as usize;
        nodes[victim].take().into_iter().for_each(Node::kill);
        let at_once = dice.below(2) == 0;
        for (host, node) in (1..).zip(&mut nodes) {
            if node.is_none() && (at_once || usize::from(host) != victim + 1) {
                *node = Some(start(host));
            }
        }
    }
    let again = format!("play it again with THRONG_CRASH_SEED={seed} THRONG_CRASH_POINTS=1");
    assert_done(&place, nodes.into_iter().flatten().collect(), expected);
    // In flight on the host that was killed, or arrived there and not yet durable.
    let (all, most) = (ROUNDS * pace_agents(), KILLS * pace_agents());
    let paid = slow.counts().choices;
    assert!((all..=all + most).contains(&paid), "{again}: {paid} instead of {all}");
    let replayed = place.run(&["replay", "r"]);
    assert_eq!(replayed.code, Some(0), "{again}: {}", replayed.told());
}

#[test]
fn whenever_hosts_are_killed_they_end_as_if_none_had_been() {
    let number = |name: &str| std::env::var_os(name)?.to_str()?.parse().ok();
    let kills: Option<u64> = number("THRONG_CRASH_POINTS");
    let lives = kills.map_or(LIVES, |kills| kills.div_ceil(KILLS));
    let first = number("THRONG_CRASH_SEED").unwrap_or(1);
    let fast = mock(0);
    let expected = Game::paced(&fast).undisturbed();
    for seed in first..first + lives {
        println!("life of seed {seed}");
        live(seed, &expected);
    }
}
