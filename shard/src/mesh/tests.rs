//! Meshes over loopback: what every rank gets, and what it is told when another one ends.

use std::net::TcpListener;
use std::sync::mpsc::sync_channel;

use super::*;

/// Sockets between every two of `size` ranks, by rank.
fn sockets(size: usize) -> Vec<Vec<Option<TcpStream>>> {
    let mut all: Vec<Vec<Option<TcpStream>>> =
        (0..size).map(|_| (0..size).map(|_| None).collect()).collect();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    for (high, low) in (0..size).flat_map(|high| (0..high).map(move |low| (high, low))) {
        let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (other, _) = listener.accept().unwrap();
        for socket in [&one, &other] {
            socket.set_nodelay(true).unwrap();
        }
        (all[high][low], all[low][high]) = (Some(one), Some(other));
    }
    all
}

fn meshes(size: usize) -> Vec<TimelyMesh> {
    let sockets = sockets(size).into_iter().enumerate();
    sockets.map(|(rank, sockets)| TimelyMesh::new(rank, sockets, || {}).unwrap()).collect()
}

fn each(size: usize, play: impl Fn(TimelyMesh) + Sync) {
    thread::scope(|scope| {
        for mesh in meshes(size) {
            let play = &play;
            scope.spawn(move || play(mesh));
        }
    });
}

#[test]
fn every_rank_gets_everything_in_rank_order() {
    for size in [1, 2, 3, 5] {
        each(size, |mesh| {
            for round in 0..50_u8 {
                let all = mesh.allgather(vec![mesh.rank() as u8, round]).unwrap();
                let expected: Vec<Vec<u8>> =
                    (0..size).map(|rank| vec![rank as u8, round]).collect();
                assert_eq!(all, expected);
            }
        });
    }
}

#[test]
fn parcels_of_all_lengths_reach_the_rank_that_they_are_for() {
    let lengths =
        [0, 1, 7, 8, 9, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5];
    let parcel = |from: usize, to: usize, round: usize| {
        vec![(from * 16 + to) as u8; lengths[(from + 2 * to + round) % lengths.len()]]
    };
    each(3, |mesh| {
        let me = mesh.rank();
        for round in 0..lengths.len() {
            let got = mesh.exchange((0..3).map(|to| parcel(me, to, round)).collect()).unwrap();
            let expected: Vec<Vec<u8>> = (0..3).map(|from| parcel(from, me, round)).collect();
            assert!(got == expected, "round {round}");
        }
    });
}

#[test]
fn a_host_that_ends_ends_the_mesh_of_the_others() {
    let (ended, ends) = sync_channel(3);
    let mut meshes: Vec<TimelyMesh> = sockets(3)
        .into_iter()
        .enumerate()
        .map(|(rank, sockets)| {
            let ended = ended.clone();
            TimelyMesh::new(rank, sockets, move || ended.send(rank).unwrap()).unwrap()
        })
        .collect();
    let dies = meshes.remove(1);
    let handles: Vec<MeshHandle> = meshes.iter().map(TimelyMesh::handle).collect();
    let begun = Instant::now();
    thread::scope(|scope| {
        for mesh in &meshes {
            scope.spawn(|| assert!(matches!(mesh.allgather(vec![1]), Err(MeshError::Gone))));
        }
        dies.handle().abort();
    });
    let mut ranks: Vec<usize> = ends.iter().take(3).collect();
    ranks.sort_unstable();
    assert_eq!(ranks, [0, 1, 2]);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(handles.iter().all(MeshHandle::has_ended));
    assert!(handles.iter().any(|handle| handle.closed_first().contains(&1)));
    for mesh in &meshes {
        assert!(matches!(mesh.allgather(vec![1]), Err(MeshError::Gone)));
    }
}

#[test]
fn a_death_is_noticed_while_nobody_exchanges_anything() {
    let (ended, ends) = sync_channel(1);
    let mut sockets = sockets(2).into_iter();
    let stays =
        TimelyMesh::new(0, sockets.next().unwrap(), move || ended.send(()).unwrap()).unwrap();
    let dies = TimelyMesh::new(1, sockets.next().unwrap(), || {}).unwrap();
    stays.handle();
    dies.handle().abort();
    ends.recv_timeout(Duration::from_secs(2)).unwrap();
    assert!(stays.handle().has_ended());
}

#[test]
fn a_polite_end_loses_nothing_that_another_still_waits_for() {
    for _ in 0..20 {
        each(3, |mesh| {
            // Rank 0 leaves at once, while the others are still reading.
            let all = mesh.allgather(vec![mesh.rank() as u8; 100_000]).unwrap();
            if mesh.rank() > 0 {
                thread::yield_now();
            }
            assert_eq!(all.iter().map(Vec::len).sum::<usize>(), 300_000);
        });
    }
}

#[test]
fn a_host_that_leaves_politely_is_not_taken_for_one_that_sent_nothing() {
    let mut meshes = meshes(2);
    let leaves = meshes.pop().unwrap();
    thread::scope(|scope| {
        let waits = scope.spawn(|| meshes[0].allgather(Vec::new()));
        drop(leaves);
        assert!(matches!(waits.join().unwrap(), Err(MeshError::Gone)));
    });
}

#[test]
fn parcels_for_the_wrong_number_of_hosts_are_refused() {
    each(2, |mesh| {
        assert!(matches!(mesh.exchange(vec![Vec::new()]), Err(MeshError::Unreadable(_))));
        mesh.allgather(Vec::new()).unwrap();
    });
}
