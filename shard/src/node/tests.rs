//! Single decisions, each with what would go wrong otherwise.

use super::*;
use crate::ledger::{Event, Opening};

const NONCE: u64 = 7;

fn member(name: &str, incarnation: u64) -> Member {
    Member { name: Name::new(name).unwrap(), incarnation, door: ([127, 0, 0, 1], 1).into() }
}

fn peer(name: &str, phase: Phase, generation: u64) -> Peer {
    let status = Status { phase, generation, nonce: NONCE, cut_off: Vec::new() };
    Peer { member: member(name, 1), alive: true, status }
}

fn idle(name: &str) -> Peer {
    peer(name, Phase::Idle, 0)
}

const fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn learn(node: &mut Node, event: Event, now: Duration) {
    let entry = Entry { position: node.ledger().len(), attempt: "t".to_owned(), event };
    node.learn(&entry, now).unwrap();
}

fn node(name: &str, min: usize) -> Node {
    let mut node = Node::new(member(name, 1), min, Patience::default(), at(0));
    let opening = Opening { nonce: NONCE, digest: "d".to_owned(), agents: 1_000_000 };
    learn(&mut node, Event::Opening(opening), at(0));
    node
}

/// Members of generation 1, of which `name` is one.
fn playing(name: &str, min: usize, members: &[&str]) -> Node {
    let mut node = node(name, min);
    let members: Vec<Member> = members.iter().map(|name| member(name, 1)).collect();
    let generation = node.ledger().plan(&members).unwrap();
    learn(&mut node, Event::Generation(generation), at(0));
    if members.iter().any(|member| member.is(node.me())) {
        assert!(matches!(node.decide(at(0), &[]), Action::Join(_)));
    }
    node
}

fn names(action: Action) -> Vec<String> {
    let Action::Propose(generation) = action else { panic!("{action:?}") };
    generation.members.iter().map(|member| member.name.to_string()).collect()
}

#[test]
fn the_first_of_enough_hosts_begins_after_a_moment() {
    let (mut a, mut b) = (node("a", 2), node("b", 2));
    assert_eq!(a.decide(at(0), &[]), Action::Wait);
    assert_eq!(b.decide(at(0), &[idle("a")]), Action::Wait);
    assert_eq!(a.decide(at(0), &[idle("b")]), Action::Wait);
    assert_eq!(names(a.decide(at(500), &[idle("b")])), ["a", "b"]);
    assert_eq!(b.decide(at(900), &[idle("a")]), Action::Wait);
}

#[test]
fn suspicion_never_excludes_a_host_that_reported_itself_idle() {
    let mut a = playing("a", 1, &["a", "b", "c"]);
    // The host that died took all connections with it: a suspects both others.
    let suspects = [Name::new("b").unwrap(), Name::new("c").unwrap()];
    a.mesh_ended(&suspects, at(1_000));
    let silent = peer("c", Phase::Playing, 1);
    let view = [peer("b", Phase::Idle, 1), silent.clone()];
    // Suspicion shortens the wait for c, which the detector still takes for alive.
    assert_eq!(a.decide(at(1_400), &view), Action::Wait);
    assert_eq!(names(a.decide(at(1_500), &view)), ["a", "b"]);
    // Without it, the detector's verdict is awaited.
    a.mesh_ended(&[], at(1_000));
    assert_eq!(a.decide(at(9_000), &view), Action::Wait);
    let dead = Peer { alive: false, ..silent };
    assert_eq!(names(a.decide(at(9_000), &[view[0].clone(), dead])), ["a", "b"]);
}

#[test]
fn an_unreadable_beat_is_a_sign_of_life() {
    let mut z = playing("z", 1, &["a"]);
    let later = |seconds| Duration::from_secs(seconds);
    z.saw_beat(Some(b"1"), later(1));
    // A reader that meets a half-written beat must not take it for silence.
    z.saw_beat(None, later(9));
    assert_eq!(z.decide(later(12), &[]), Action::Wait);
    z.saw_beat(Some(b"1"), later(13));
    z.saw_beat(Some(b"1"), later(22));
    assert_eq!(z.decide(later(22), &[]), Action::Wait);
    z.saw_beat(Some(b"1"), later(23));
    assert_eq!(z.decide(later(23), &[]), Action::Wait);
    assert_eq!(names(z.decide(later(24), &[])), ["z"]);
}

#[test]
fn the_smaller_part_of_a_divided_network_stands_still() {
    let mut a = playing("a", 2, &["a", "b", "c"]);
    a.mesh_ended(&[], at(0));
    let dead = |name| Peer { alive: false, ..peer(name, Phase::Playing, 1) };
    let minute = Duration::from_mins(1);
    assert_eq!(a.decide(minute, &[dead("b"), dead("c")]), Action::Wait);
    let mut b = playing("b", 2, &["a", "b", "c"]);
    b.mesh_ended(&[], at(0));
    assert_eq!(names(b.decide(minute, &[dead("a"), peer("c", Phase::Idle, 1)])), ["b", "c"]);
}

#[test]
fn members_of_the_generation_lead_before_strangers_with_smaller_names() {
    let mut b = playing("b", 1, &["b", "c"]);
    b.mesh_ended(&[], at(0));
    assert_eq!(names(b.decide(at(0), &[idle("a"), peer("c", Phase::Idle, 1)])), ["b", "a", "c"]);
    let mut a = playing("a", 1, &["b", "c"]);
    let view = [peer("b", Phase::Idle, 1), peer("c", Phase::Idle, 1)];
    assert_eq!(a.decide(Duration::from_mins(1), &view), Action::Wait);
}

#[test]
fn a_generation_ends_when_a_member_dies_restarts_or_says_so() {
    let mut a = playing("a", 1, &["a", "b"]);
    assert_eq!(a.decide(at(0), &[peer("b", Phase::Playing, 1)]), Action::Wait);
    assert_eq!(a.decide(at(0), &[peer("b", Phase::Idle, 0)]), Action::Wait, "about to join");
    assert_eq!(a.decide(at(0), &[]), Action::Wait, "not heard of yet");
    let restarted = Peer { member: member("b", 2), ..idle("b") };
    let dead = Peer { alive: false, ..peer("b", Phase::Playing, 1) };
    for view in [[restarted], [dead], [peer("b", Phase::Idle, 1)]] {
        assert_eq!(a.decide(at(0), &view), Action::Abort(1));
    }
}

#[test]
fn a_host_that_was_replaced_ends_its_mesh_and_asks_to_be_let_in() {
    let mut a = playing("a", 1, &["a", "b"]);
    let next = a.ledger().plan(&[member("b", 1)]).unwrap();
    learn(&mut a, Event::Generation(next), at(5));
    assert_eq!(a.decide(at(5), &[]), Action::Abort(1));
    a.mesh_ended(&[], at(6));
    assert_eq!(a.decide(at(6), &[peer("b", Phase::Playing, 2)]), Action::Wait);
    assert_eq!(a.status().phase, Phase::Idle);
    let mut b = playing("b", 1, &["b"]);
    assert!(b.wants_boundary(&[idle("a")]));
    assert!(!b.wants_boundary(&[peer("a", Phase::Leaving, 0)]));
    b.leave();
    assert!(b.wants_boundary(&[]));
}

#[test]
fn hosts_that_cannot_reach_each_other_are_kept_apart_for_a_while() {
    let mut a = playing("a", 2, &["a", "b", "c"]);
    a.mesh_failed(&[Name::new("b").unwrap(), Name::new("c").unwrap()], at(0));
    let view = [peer("b", Phase::Idle, 1), peer("c", Phase::Idle, 1)];
    // Although a is outside, it writes the generation of the others.
    assert_eq!(names(a.decide(at(0), &view)), ["b", "c"]);
    assert_eq!(names(a.decide(Duration::from_secs(30), &view)), ["a", "b", "c"]);
    let mut b = playing("b", 1, &["b", "c"]);
    let mut outside = idle("a");
    assert!(b.wants_boundary(&[outside.clone()]));
    outside.status.cut_off = vec![Name::new("c").unwrap()];
    assert!(!b.wants_boundary(&[outside]));
    b.mesh_stands();
}

#[test]
fn restarted_members_need_not_wait_for_silence() {
    let mut a = node("a", 2);
    let members = [member("a", 0), member("b", 0)];
    let old = a.ledger().plan(&members).unwrap();
    learn(&mut a, Event::Generation(old), at(0));
    assert_eq!(a.decide(at(0), &[idle("b")]), Action::Wait, "settles");
    assert_eq!(names(a.decide(at(500), &[idle("b")])), ["a", "b"]);
}

#[test]
fn an_earlier_life_of_oneself_does_not_take_part_again() {
    let mut a = node("a", 2);
    let earlier = Peer { member: member("a", 0), ..idle("a") };
    assert_eq!(a.decide(at(0), std::slice::from_ref(&earlier)), Action::Wait);
    assert_eq!(a.decide(at(500), &[earlier]), Action::Wait, "it is one host, not two");
}

#[test]
fn doubles_and_other_stores_are_told_apart() {
    let mut a = node("a", 1);
    let double = Peer { member: member("a", 2), ..idle("a") };
    assert_eq!(a.decide(at(0), &[double]), Action::Superseded);
    let earlier = Peer { member: member("a", 0), ..idle("a") };
    assert_eq!(a.decide(at(0), &[earlier]), Action::Wait);
    let mut other = idle("b");
    other.status.nonce = NONCE - 1;
    assert_eq!(a.decide(at(0), &[other.clone()]), Action::Wait, "the doors tell who was first");
    other.status.generation = 1;
    assert_eq!(a.decide(at(0), &[other.clone()]), Action::NotShared(Name::new("b").unwrap()));
    let mut playing = playing("a", 2, &["a", "c"]);
    assert_eq!(playing.decide(at(0), &[other]), Action::Wait, "a run goes on beside a stray host");
}

#[test]
fn whoever_leaves_is_left_out() {
    let mut a = playing("a", 1, &["a", "b"]);
    a.mesh_ended(&[], at(0));
    let mut b = playing("b", 1, &["a", "b"]);
    b.leave();
    assert_eq!(b.status().phase, Phase::Leaving);
    b.mesh_ended(&[], at(0));
    assert_eq!(b.decide(at(0), &[peer("a", Phase::Idle, 1)]), Action::Left);
}
