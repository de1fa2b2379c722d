//! Who is let in, who is told why not, and that strangers learn nothing.

use std::io::{Read, Write};

use super::*;
use crate::layout::Layout;

static OPEN: AtomicBool = AtomicBool::new(false);

fn badge(digest: &str) -> Badge {
    Badge { program: "throng 1".to_owned(), digest: digest.to_owned(), store: 7 }
}

fn door_with(name: &str, badge: Badge, secret: &[u8]) -> (Door, Member) {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let door = listener.local_addr().unwrap();
    let me = Member { name: Name::new(name).unwrap(), incarnation: 1, door };
    (Door::open(listener, me.clone(), badge, Secret::new(secret)).unwrap(), me)
}

fn door(name: &str) -> (Door, Member) {
    door_with(name, badge("d"), b"token")
}

fn generation(members: &[&Member]) -> Generation {
    let layout = Layout::even(1_000_000, members.len());
    let members = members.iter().map(|&member| member.clone()).collect();
    Generation { id: 3, members, layout, first_shard: 0 }
}

fn refusal(rejected: Result<(), Rejected>) -> String {
    match rejected {
        Err(Rejected::Never(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_members_of_a_generation_get_a_socket_for_each_other() {
    let doors = [door("a"), door("b"), door("c")];
    let members: Vec<&Member> = doors.iter().map(|(_, member)| member).collect();
    let generation = generation(&members);
    let sockets: Vec<_> = thread::scope(|scope| {
        let meet = |door| {
            let generation = &generation;
            scope.spawn(move || Door::meet(door, generation, &OPEN).unwrap())
        };
        let meetings: Vec<_> = doors.iter().map(|(door, _)| meet(door)).collect();
        meetings.into_iter().map(|meeting| meeting.join().unwrap()).collect()
    });
    for (rank, sockets) in sockets.iter().enumerate() {
        for (other, socket) in sockets.iter().enumerate() {
            assert_eq!(socket.is_none(), rank == other);
            if let Some(mut socket) = socket.as_ref() {
                socket.write_all(&[rank as u8]).unwrap();
            }
        }
    }
    for sockets in &sockets {
        for (other, socket) in sockets.iter().enumerate() {
            let Some(mut socket) = socket.as_ref() else { continue };
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            assert_eq!(usize::from(byte[0]), other);
        }
    }
}

#[test]
fn whoever_does_not_come_is_named() {
    let ((here, a), (_there, b)) = (door("a"), door("b"));
    let unreached = here.meet(&generation(&[&a, &b]), &OPEN).unwrap_err();
    assert_eq!(unreached, [b.name]);
}

#[test]
fn a_meeting_that_was_given_up_ends_at_once() {
    let ((here, a), (_there, b)) = (door("a"), door("b"));
    let begun = Instant::now();
    let unreached = here.meet(&generation(&[&a, &b]), &AtomicBool::new(true)).unwrap_err();
    assert_eq!(unreached, []);
    assert!(begun.elapsed() < MEETING_PATIENCE / 2);
}

#[test]
fn hosts_that_do_not_belong_together_are_told_why() {
    let (_inside, a) = door("a");
    let (friend, _) = door("b");
    friend.greet(a.door).unwrap();
    let (other_run, _) = door_with("c", badge("e"), b"token");
    let why = refusal(other_run.greet(a.door));
    assert!(why.starts_with("its configuration differs from that of `a`"), "{why}");
    let older = Badge { program: "throng 0".to_owned(), digest: "d".to_owned(), store: 7 };
    let why = refusal(door_with("c", older, b"token").0.greet(a.door));
    assert!(why.starts_with("this host runs throng 0, and `a` runs throng 1"), "{why}");
    let elsewhere = Badge { store: 8, ..badge("d") };
    let why = refusal(door_with("c", elsewhere, b"token").0.greet(a.door));
    assert!(why.starts_with("`a` plays the same run from another store"), "{why}");
    let why = refusal(door_with("c", badge("d"), b"guess").0.greet(a.door));
    assert!(why.contains("another secret"), "{why}");
}

#[test]
fn a_member_of_another_generation_or_life_waits_outside() {
    let ((here, a), (there, b)) = (door("a"), door("b"));
    let earlier = Member { incarnation: 0, ..b.clone() };
    let generation = generation(&[&a, &earlier]);
    thread::scope(|scope| {
        let waits = scope.spawn(|| here.meet(&generation, &OPEN));
        let late = Generation { members: vec![a.clone(), b.clone()], ..generation.clone() };
        assert!(there.meet(&late, &OPEN).is_err());
        assert!(waits.join().unwrap().is_err());
    });
}

#[test]
fn strangers_get_no_word_and_do_not_keep_the_door_busy() {
    let ((_here, a), (friend, _)) = (door("a"), door("b"));
    let mut stranger = TcpStream::connect(a.door).unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut said = Vec::new();
    // A reset is as good an end as any.
    let _ = stranger.read_to_end(&mut said);
    assert_eq!(said, b"");
    let silent: Vec<TcpStream> =
        (0..GREETED_AT_ONCE_MAX / 2).map(|_| TcpStream::connect(a.door).unwrap()).collect();
    friend.greet(a.door).unwrap();
    drop(silent);
}

#[test]
fn a_port_in_use_is_named() {
    let (_door, a) = door("a");
    let error = listen(a.door).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on {}: ", a.door)), "{error}");
}
