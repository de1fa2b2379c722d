//! What an exchange between hosts costs: letters by owner over the mesh, and what of them goes over the wire.
//!
//! `cargo run --release -p throng-shard --example exchange LETTERS BYTES HOSTS`

use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use throng_engine::Transport;
use throng_shard::TimelyMesh;

/// Exchanges that are timed; the first of all warms up.
const EXCHANGES: usize = 15;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1).map(|word| word.parse::<usize>());
    let mut next = |otherwise| arguments.next().unwrap_or(Ok(otherwise));
    let (letters, bytes, hosts) = (next(1_000_000)?, next(24)?, next(2)?);
    let parcels = letters / hosts / hosts * bytes;
    let mut meshes = Vec::new();
    for (rank, sockets) in sockets(hosts)?.into_iter().enumerate() {
        meshes.push(TimelyMesh::new(rank, sockets, || {})?);
    }
    let (mut seconds, mut wire, mut barriers) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=EXCHANGES {
        let before = loopback_bytes()?;
        let begun = Instant::now();
        all(&meshes, |mesh| mesh.exchange(vec![vec![7; parcels]; hosts]))?;
        seconds.push(begun.elapsed().as_secs_f64());
        wire.push(loopback_bytes()? - before);
        let begun = Instant::now();
        all(&meshes, |mesh| mesh.allgather(vec![7; 8]))?;
        barriers.push(begun.elapsed().as_secs_f64());
    }
    let (seconds, barrier) = (median(seconds), median(barriers));
    let crossing = (letters / hosts / hosts) * hosts * (hosts - 1);
    let on_wire = median(wire.into_iter().map(|bytes| bytes as f64).collect());
    let rate = letters as f64 / seconds;
    say(&format!(
        "{hosts} hosts, {letters} letters of {bytes} bytes: {:.1} ms, {:.1} million letters/s, {:.2} bytes on the \
         wire for each letter that crosses; an exchange of 8 bytes {:.2} ms",
        1e3 * seconds,
        rate / 1e6,
        on_wire / crossing.max(1) as f64,
        1e3 * barrier,
    ))
}

fn say(line: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// Does it on all hosts at once.
fn all<A: Send>(
    meshes: &[TimelyMesh],
    work: impl Fn(&TimelyMesh) -> Result<A, throng_engine::MeshError> + Sync,
) -> Result<(), Failure> {
    std::thread::scope(|scope| {
        let works: Vec<_> =
            meshes.iter().map(|mesh| scope.spawn(|| work(mesh).map(drop))).collect();
        works
            .into_iter()
            .try_for_each(|work| work.join().map_err(|_| "a host panicked")?.map_err(Failure::from))
    })
}

/// Sockets between every two hosts, over loopback.
fn sockets(hosts: usize) -> Result<Vec<Vec<Option<TcpStream>>>, Failure> {
    let mut all: Vec<Vec<Option<TcpStream>>> =
        (0..hosts).map(|_| (0..hosts).map(|_| None).collect()).collect();
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    for (high, low) in (0..hosts).flat_map(|high| (0..high).map(move |low| (high, low))) {
        let one = TcpStream::connect(listener.local_addr()?)?;
        let (other, _) = listener.accept()?;
        for socket in [&one, &other] {
            socket.set_nodelay(true)?;
        }
        (all[high][low], all[low][high]) = (Some(one), Some(other));
    }
    Ok(all)
}

/// Bytes that the loopback interface has carried, headers included.
fn loopback_bytes() -> Result<u64, Failure> {
    let table = std::fs::read_to_string("/proc/net/dev")?;
    let line = table.lines().find_map(|line| line.trim().strip_prefix("lo:"));
    let bytes = line.and_then(|line| line.split_whitespace().next()).ok_or("no interface `lo`")?;
    Ok(bytes.parse()?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.remove(0);
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
