//! The mesh of one generation on timely dataflow: the only file that names its types.
//!
//! Timely makes a dead peer a panic of its threads. Here it is an event: the sockets are ours, so that shutting
//! them wakes every thread; the worker has a thread of its own, whose panic ends the mesh and nothing else.

mod piece;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use throng_engine::{MeshError, Transport};
use timely::WorkerConfig;
use timely::communication::allocator::ProcessBuilder;
use timely::communication::allocator::zero_copy::initialize::{
    CommsGuard, initialize_networking_from_sockets,
};
use timely::communication::{Allocator, AllocatorBuilder, Hooks, WorkerGuards, initialize_from};
use timely::container::NoopBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::channels::pact::DistributorPact;
use timely::dataflow::operators::{Input, Operator};
use timely::worker::Worker;

use crate::ShardError;
use piece::{Piece, ToRank};

pub use piece::CHUNK_BYTES;

/// How long the worker waits for something to happen before it looks whether the mesh was ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long hosts that part politely wait for each other.
const FAREWELL: Duration = Duration::from_secs(2);
/// The name of the thread that sees to the end; timely's own begin alike.
const THREAD: &str = "timely:mesh";

/// What every rank gave to this one, or that a host has ended.
type Exchanged = Result<Vec<Vec<u8>>, MeshError>;

/// A parcel for each rank.
type Parcels = Vec<Vec<u8>>;

/// The hosts of a generation, joined. Dropping it ends the mesh politely.
pub struct TimelyMesh {
    rank: usize,
    size: usize,
    link: Mutex<Link>,
    handle: MeshHandle,
    thread: Option<JoinHandle<()>>,
}

/// The worker's end of the line.
struct Link {
    /// Nothing once the mesh is to end.
    parcels: Option<Sender<Parcels>>,
    arrived: Receiver<Parcels>,
    worker: Thread,
}

/// Ends a mesh from anywhere, and tells whether it has ended.
#[derive(Clone)]
pub struct MeshHandle {
    shared: Arc<Shared>,
}

struct Shared {
    /// By rank; nothing at the own place.
    sockets: Vec<Option<TcpStream>>,
    ended: AtomicBool,
    /// Ranks whose connections were closed when the mesh ended.
    closed: Mutex<Vec<usize>>,
}

impl TimelyMesh {
    /// Joins hosts by connected sockets, one for each other rank; that of `rank` itself is missing.
    /// `on_end` is called once, from a thread of its own, when the mesh has ended for whatever reason.
    ///
    /// # Errors
    /// Where the system refuses threads or another handle of a socket.
    pub fn new(
        rank: usize,
        sockets: Vec<Option<TcpStream>>,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Result<Self, ShardError> {
        quiet_threads();
        let size = sockets.len();
        let handle = MeshHandle::new(&sockets)?;
        let ((parcels, given), (done, arrived)) = (channel(), channel());
        let ears = Line { given, done, handle: handle.clone() };
        let (guards, comms) = start(rank, sockets, ears)?;
        let worker = guards.guards()[0].thread().clone();
        let of_thread = handle.clone();
        let body = move || {
            // A worker that panicked is one whose mesh has ended.
            let _ = guards.join();
            part(&of_thread, comms);
            of_thread.end();
            on_end();
        };
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(body);
        let thread = thread.map_err(ShardError::Thread).inspect_err(|_| handle.end())?;
        let link = Link { parcels: Some(parcels), arrived, worker };
        Ok(Self { rank, size, link: Mutex::new(link), handle, thread: Some(thread) })
    }

    /// Ends this mesh from elsewhere.
    pub fn handle(&self) -> MeshHandle {
        self.handle.clone()
    }

    fn round_trip(&self, parcels: Parcels) -> Exchanged {
        if parcels.len() != self.size {
            let problem = format!("{} parcels for {} hosts", parcels.len(), self.size);
            return Err(MeshError::Unreadable(problem));
        }
        // A world that panicked while it waited leaves the line as it was.
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = link.parcels.as_ref().map(|worker| worker.send(parcels));
        sent.and_then(Result::ok).ok_or(MeshError::Gone)?;
        link.worker.unpark();
        link.arrived.recv().map_err(|_| MeshError::Gone)
    }
}

impl Transport for TimelyMesh {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn allgather(&self, mine: Vec<u8>) -> Exchanged {
        self.round_trip(vec![mine; self.size])
    }

    fn exchange(&self, parcels: Parcels) -> Exchanged {
        self.round_trip(parcels)
    }
}

impl Drop for TimelyMesh {
    fn drop(&mut self) {
        if let Ok(link) = self.link.get_mut() {
            link.parcels = None;
            link.worker.unpark();
        }
        // The worker catches its panics; a failure to end is none of the caller's.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl std::fmt::Debug for TimelyMesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimelyMesh")
            .field("rank", &self.rank)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl MeshHandle {
    fn new(sockets: &[Option<TcpStream>]) -> Result<Self, ShardError> {
        let clone =
            |socket: &Option<TcpStream>| socket.as_ref().map(TcpStream::try_clone).transpose();
        let sockets = sockets.iter().map(clone).collect::<Result<_, _>>();
        let sockets = sockets.map_err(ShardError::Thread)?;
        let shared = Shared { sockets, ended: AtomicBool::new(false), closed: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Ends the mesh at once: whoever waits in it is told that a host has ended.
    pub fn abort(&self) {
        self.end();
    }

    /// Whether the mesh has ended.
    pub fn has_ended(&self) -> bool {
        self.shared.ended.load(Ordering::SeqCst)
    }

    /// Ranks whose connections were closed before this host closed its own.
    pub fn closed_first(&self) -> Vec<usize> {
        self.shared.closed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shuts all sockets, which wakes every thread that reads or writes one, here and at the peers.
    fn end(&self) {
        if self.shared.ended.swap(true, Ordering::SeqCst) {
            return;
        }
        let sockets = || self.shared.sockets.iter().enumerate();
        let closed = sockets().filter(|(_, socket)| socket.as_ref().is_some_and(is_closed));
        let closed: Vec<usize> = closed.map(|(rank, _)| rank).collect();
        *self.shared.closed.lock().unwrap_or_else(PoisonError::into_inner) = closed;
        for socket in self.shared.sockets.iter().flatten() {
            // One that the peer has closed already needs no closing.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl std::fmt::Debug for MeshHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MeshHandle").field("ended", &self.has_ended()).finish_non_exhaustive()
    }
}

/// Whether the peer has closed the connection.
fn is_closed(socket: &TcpStream) -> bool {
    // Threads that read the same connection end with it in a moment.
    if socket.set_nonblocking(true).is_err() {
        return true;
    }
    match socket.peek(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

/// Timely's threads panic when a peer dies. That is expected and told in another way, so their words are dropped.
fn quiet_threads() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !thread::current().name().is_some_and(|name| name.starts_with("timely:")) {
                before(panic);
            }
        }));
    });
}

/// What the worker hears and says.
struct Line {
    given: Receiver<Parcels>,
    done: Sender<Parcels>,
    handle: MeshHandle,
}

/// Starts timely's threads: a sender and a receiver for each socket, and the worker.
fn start(
    rank: usize,
    sockets: Vec<Option<TcpStream>>,
    line: Line,
) -> Result<(WorkerGuards<()>, CommsGuard), ShardError> {
    let size = sockets.len();
    let hooks = Hooks::default();
    let process = ProcessBuilder::new_typed_vector(1, hooks.refill.clone(), None);
    let (builders, comms) = initialize_networking_from_sockets(process, sockets, rank, 1, hooks)
        .map_err(ShardError::Thread)?;
    let builders = builders.into_iter().map(AllocatorBuilder::Tcp).collect();
    // Timely would start several workers alike; here is one, which takes the line.
    let line = Mutex::new(Some(line));
    let body = move |allocator| {
        let line = line.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(line) = line {
            serve(allocator, size, &line);
        }
    };
    let guards = initialize_from(builders, Box::new(()), body)
        .map_err(|error| ShardError::Thread(std::io::Error::other(error)))?;
    Ok((guards, comms))
}

/// Waits for timely's threads, which wait for those of the peers: not for ever.
fn part(handle: &MeshHandle, guard: CommsGuard) {
    let (parted, waits) = channel::<()>();
    let late = handle.clone();
    // Without a thread to wait, the connections end at once.
    let watch = thread::Builder::new().name("timely:farewell".to_owned()).spawn(move || {
        let _ = waits.recv_timeout(FAREWELL);
        late.end();
    });
    if watch.is_err() {
        handle.end();
    }
    let _ = catch_unwind(AssertUnwindSafe(|| drop(guard)));
    drop(parted);
    let _ = watch.map(JoinHandle::join);
}

/// Pieces that arrived, by time and then by the rank that sent them; nothing of ranks that sent none.
type Arrived = Rc<RefCell<BTreeMap<u64, Vec<Option<Vec<u8>>>>>>;

/// A timely worker with the one dataflow of a mesh: pieces go to their ranks, and the frontier is the barrier.
struct Exchange {
    rank: usize,
    size: usize,
    input: InputHandle<u64, NoopBuilder<Piece>>,
    arrived: Arrived,
    /// The earliest time of which pieces may yet come.
    frontier: Rc<Cell<u64>>,
}

/// The life of the worker.
fn serve(allocator: Allocator, size: usize, line: &Line) {
    // Without a clock a worker never waits; it spins.
    let mut worker = Worker::new(WorkerConfig::default(), allocator, Some(Instant::now()));
    let mut exchange = Exchange::new(&mut worker, size);
    while !line.handle.has_ended() {
        match line.given.try_recv() {
            Ok(parcels) => match exchange.pass(&mut worker, parcels, &line.handle) {
                Some(parcels) => _ = line.done.send(parcels),
                None => return,
            },
            Err(TryRecvError::Empty) => _ = worker.step_or_park(Some(LOOK_INTERVAL)),
            Err(TryRecvError::Disconnected) => {
                drop(exchange);
                return finish(&mut worker, &line.handle);
            }
        }
    }
}

/// Lets the others have what they may still wait for.
fn finish(worker: &mut Worker, handle: &MeshHandle) {
    let until = Instant::now() + FAREWELL;
    while worker.has_dataflows() && !handle.has_ended() && Instant::now() < until {
        worker.step_or_park(Some(LOOK_INTERVAL));
    }
}

impl Exchange {
    fn new(worker: &mut Worker, size: usize) -> Self {
        let rank = worker.index();
        let (arrived, frontier) = (Arrived::default(), Rc::new(Cell::new(0)));
        let (into, seen) = (Rc::clone(&arrived), Rc::clone(&frontier));
        let input = worker.dataflow::<u64, _, _>(|scope| {
            let (input, stream) = scope.new_input_with_builder::<NoopBuilder<Piece>>();
            stream.sink(DistributorPact(|_| ToRank), "parcels", move |(pieces, frontier)| {
                pieces.for_each(|time, piece| {
                    let mut arrived = into.borrow_mut();
                    let ranks = arrived.entry(*time.time()).or_insert_with(|| vec![None; size]);
                    piece.append_to(ranks[piece.from as usize].get_or_insert_default());
                });
                seen.set(frontier.frontier().first().copied().unwrap_or(u64::MAX));
            });
            input
        });
        Self { rank, size, input, arrived, frontier }
    }

    /// Sends parcels and waits for those of all others; nothing when the mesh was ended, or another host has left
    /// it without sending.
    fn pass(
        &mut self,
        worker: &mut Worker,
        parcels: Parcels,
        handle: &MeshHandle,
    ) -> Option<Parcels> {
        let time = *self.input.time();
        let mut own = Vec::new();
        for (to, parcel) in parcels.into_iter().enumerate() {
            if to == self.rank {
                own = parcel;
                continue;
            }
            for mut piece in Piece::cut(self.rank, to, parcel) {
                self.input.send_batch(&mut piece);
            }
        }
        self.input.advance_to(time + 1);
        while self.frontier.get() <= time {
            if handle.has_ended() {
                return None;
            }
            worker.step_or_park(Some(LOOK_INTERVAL));
        }
        let mut arrived = self.arrived.borrow_mut().remove(&time).unwrap_or_default();
        arrived.resize(self.size, None);
        arrived[self.rank] = Some(own);
        arrived.into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
