//! What hosts hear of each other over loopback, and whom they do not believe.

use std::net::UdpSocket;
use std::sync::mpsc::channel;
use std::time::Instant;

use tokio::runtime::Runtime;

use super::*;
use crate::node::Phase;

const PATIENCE: Duration = Duration::from_secs(1);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn member(name: &str, incarnation: u64) -> Member {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Member { name: Name::new(name).unwrap(), incarnation, door: free }
}

fn status(generation: u64) -> Status {
    Status { phase: Phase::Idle, generation, nonce: 7, cut_off: Vec::new() }
}

fn gossip(runtime: &Runtime, me: &Member, seed: SocketAddr, secret: &[u8]) -> Gossip {
    let settings = GossipSettings {
        me,
        run: "run".to_owned(),
        seeds: vec![seed.to_string()],
        patience: PATIENCE,
        secret: Secret::new(secret),
    };
    let mut gossip = Gossip::start(runtime.handle().clone(), settings).unwrap();
    gossip.say(&status(1));
    gossip
}

/// Looks again and again until it holds, for a time that is long enough for anything that ever comes.
fn until(holds: impl Fn() -> bool) -> bool {
    let (_open, never) = channel::<()>();
    let begun = Instant::now();
    while begun.elapsed() < 20 * PATIENCE {
        if holds() {
            return true;
        }
        let _ = never.recv_timeout(Duration::from_millis(10));
    }
    false
}

#[test]
fn hosts_hear_of_each_other_and_of_news() {
    let runtime = runtime();
    let (a, b) = (member("a", 1), member("b", 1));
    let mut one = gossip(&runtime, &a, a.door, b"token");
    let other = gossip(&runtime, &b, a.door, b"token");
    let hears = |gossip: &Gossip, member: &Member, generation| {
        let peer = Peer { member: member.clone(), alive: true, status: status(generation) };
        gossip.view() == [peer]
    };
    assert!(until(|| hears(&one, &b, 1) && hears(&other, &a, 1)));
    one.say(&status(2));
    assert!(until(|| hears(&other, &a, 2)));
    drop(one);
    assert!(until(|| other.view().iter().all(|peer| !peer.alive)), "silence is noticed");
}

#[test]
fn a_later_life_takes_the_place_of_an_earlier_one() {
    let runtime = runtime();
    let (a, b, again) = (member("a", 1), member("b", 1), member("b", 2));
    let one = gossip(&runtime, &a, a.door, b"token");
    let _earlier = gossip(&runtime, &b, a.door, b"token");
    assert!(until(|| one.view().len() == 1));
    let _later = gossip(&runtime, &again, a.door, b"token");
    assert!(until(|| one.view().iter().any(|peer| peer.member == again)));
    assert_eq!(one.view().len(), 1);
}

#[test]
fn whoever_does_not_know_the_secret_is_not_believed() {
    let runtime = runtime();
    let (a, b, c) = (member("a", 1), member("b", 1), member("c", 1));
    let one = gossip(&runtime, &a, a.door, b"token");
    let stranger = gossip(&runtime, &b, a.door, b"guess");
    let _friend = gossip(&runtime, &c, a.door, b"token");
    assert!(until(|| one.view().len() == 1 && one.view()[0].member == c));
    // The stranger heard of both, so that its own words were there, too.
    let heard =
        || stranger.runtime.block_on(stranger.handle.with_chitchat(|c| c.node_states().len()));
    assert!(until(|| heard() == 3));
    assert_eq!(stranger.view(), []);
    assert_eq!(one.view().len(), 1);
}

#[test]
fn proofs_survive_the_way_through_text() {
    let proof = sign(&Secret::new(b"s"), &member("a", 1), &status(3));
    assert_eq!(unhex(&hex(&proof)), Some(proof));
    for bad in ["", "00", &"g".repeat(64), &"é".repeat(32)] {
        assert_eq!(unhex(bad), None, "{bad}");
    }
}
