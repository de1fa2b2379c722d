//! The door of a host: connections of the mesh are let in when both sides know the secret and belong together.

mod greeting;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::ShardError;
use crate::ledger::Generation;
use crate::member::{Member, Name};
use crate::secret::Secret;

use greeting::{Hello, answer, knock};
pub(crate) use greeting::{Intent, Verdict};

/// Connections that are being greeted at once; more wait in the system's queue.
const GREETED_AT_ONCE_MAX: usize = 64;
/// How long a peer may take to connect or to say its next word.
const WORD_PATIENCE: Duration = Duration::from_secs(2);
/// How long the hosts of a generation try to connect to each other.
pub(crate) const MEETING_PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries.
const TRY_AGAIN: Duration = Duration::from_millis(20);
/// Data that nobody acknowledges for so long ends a connection of the mesh.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// What two hosts must have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Badge {
    /// The program and its version.
    pub(crate) program: String,
    /// Digest of the run's configuration.
    pub(crate) digest: String,
    /// The number of the ledger that it reads.
    pub(crate) store: u64,
}

/// Why a host does not get in.
#[derive(Debug)]
pub(crate) enum Rejected {
    /// Not yet, or it did not answer.
    NotNow,
    /// Never, for a reason in words.
    Never(String),
}

/// The generation whose members may come in.
struct Meeting {
    generation: Generation,
    rank: usize,
    arrived: BTreeMap<usize, TcpStream>,
}

struct Shared {
    begun: Instant,
    me: Member,
    badge: Badge,
    secret: Secret,
    meeting: Mutex<Option<Meeting>>,
    changed: Condvar,
    closing: AtomicBool,
    greeted: AtomicUsize,
}

/// A listener on one address of one interface.
pub(crate) struct Door {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Listens on this address alone.
///
/// # Errors
/// [`ShardError::Bind`] where the system does not let us, such as when the port is in use.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, ShardError> {
    TcpListener::bind(address).map_err(|source| ShardError::Bind { address, source })
}

impl Door {
    /// Greets whoever comes.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(crate) fn open(
        listener: TcpListener,
        me: Member,
        badge: Badge,
        secret: Secret,
    ) -> Result<Self, ShardError> {
        let shared = Arc::new(Shared {
            begun: Instant::now(),
            me,
            badge,
            secret,
            meeting: Mutex::default(),
            changed: Condvar::new(),
            closing: AtomicBool::new(false),
            greeted: AtomicUsize::new(0),
        });
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("throng-door".to_owned())
            .spawn(move || accept(&listener, &of_thread))
            .map_err(ShardError::Thread)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Asks a host whether this one could play with it.
    pub(crate) fn greet(&self, to: SocketAddr) -> Result<(), Rejected> {
        self.shared.call(to, Intent::Greet).map(|_| ())
    }

    /// Connects the members of a generation: a socket for each rank but the own one. Higher ranks call lower ones.
    ///
    /// # Errors
    /// The members that could not be reached in time; nobody when `given_up` was set meanwhile.
    pub(crate) fn meet(
        &self,
        generation: &Generation,
        given_up: &AtomicBool,
    ) -> Result<Vec<Option<TcpStream>>, Vec<Name>> {
        let rank = generation.rank(&self.shared.me).ok_or_else(Vec::new)?;
        let until = Instant::now() + MEETING_PATIENCE;
        let expected = Meeting { generation: generation.clone(), rank, arrived: BTreeMap::new() };
        *self.shared.meeting() = Some(expected);
        let met = self.shared.gather(generation, rank, until, given_up);
        *self.shared.meeting() = None;
        met
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        // Wakes the listener, which then looks at the flag.
        let woken = TcpStream::connect_timeout(&self.shared.me.door, WORD_PATIENCE);
        if woken.is_ok() {
            let _ = self.thread.take().map(JoinHandle::join);
        }
    }
}

impl Shared {
    fn meeting(&self) -> MutexGuard<'_, Option<Meeting>> {
        self.meeting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gather(
        &self,
        generation: &Generation,
        rank: usize,
        until: Instant,
        given_up: &AtomicBool,
    ) -> Result<Vec<Option<TcpStream>>, Vec<Name>> {
        let size = generation.members.len();
        let mut sockets: Vec<Option<TcpStream>> = (0..size).map(|_| None).collect();
        let stop = || given_up.load(Ordering::SeqCst) || Instant::now() >= until;
        loop {
            for (lower, socket) in sockets.iter_mut().enumerate().take(rank) {
                if socket.is_none() && !stop() {
                    *socket = self.call_member(generation, rank, lower);
                }
            }
            let mut meeting = self.meeting();
            let arrived = meeting.as_mut().map(|meeting| &mut meeting.arrived);
            let complete = arrived.as_ref().is_some_and(|all| all.len() == size - rank - 1);
            if complete && sockets[..rank].iter().all(Option::is_some) {
                let arrived = arrived.map(std::mem::take).unwrap_or_default();
                arrived.into_iter().for_each(|(rank, socket)| sockets[rank] = Some(socket));
                return Ok(sockets);
            }
            if stop() {
                let here = |other: &usize| {
                    *other == rank
                        || sockets[*other].is_some()
                        || arrived.as_ref().is_some_and(|all| all.contains_key(other))
                };
                if given_up.load(Ordering::SeqCst) {
                    return Err(Vec::new());
                }
                let missing = (0..size).filter(|other| !here(other));
                return Err(missing.map(|rank| generation.members[rank].name.clone()).collect());
            }
            let waited = self.changed.wait_timeout(meeting, TRY_AGAIN);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn call_member(&self, generation: &Generation, rank: usize, other: usize) -> Option<TcpStream> {
        let intent = Intent::Mesh { generation: generation.id, from: rank, to: other };
        let socket = self.call(generation.members[other].door, intent).ok()?;
        settle(&socket).ok()?;
        Some(socket)
    }

    fn call(&self, to: SocketAddr, intent: Intent) -> Result<TcpStream, Rejected> {
        let socket = connect(self.me.door.ip(), to).map_err(|_| Rejected::NotNow)?;
        let hello = Hello::new(&self.me, &self.badge, intent, self.age_us());
        match knock(&socket, &hello, &self.secret) {
            Ok(Verdict::Welcome) => Ok(socket),
            Ok(Verdict::Later) | Err(_) => Err(Rejected::NotNow),
            Ok(Verdict::Refused(why)) => Err(Rejected::Never(why)),
        }
    }

    fn age_us(&self) -> u64 {
        self.begun.elapsed().as_micros() as u64
    }

    /// What a visitor who knows the secret is told. One who was there earlier is not sent away by a later one.
    fn judge(&self, hello: &Hello) -> Verdict {
        match self.verdict(hello) {
            Verdict::Refused(_) if hello.age_us >= self.age_us() => Verdict::Later,
            verdict => verdict,
        }
    }

    fn verdict(&self, hello: &Hello) -> Verdict {
        if hello.program != self.badge.program {
            return Verdict::Refused(format!(
                "this host runs {}, and `{}` runs {}: use one version on all hosts",
                hello.program, self.me.name, self.badge.program
            ));
        }
        if hello.digest != self.badge.digest {
            return Verdict::Refused(format!(
                "its configuration differs from that of `{}`: start all hosts with the same scenario, \
                 file and arguments",
                self.me.name
            ));
        }
        if hello.store != self.badge.store {
            return Verdict::Refused(format!(
                "`{}` plays the same run from another store: all hosts must see one folder",
                self.me.name
            ));
        }
        let Intent::Mesh { generation, from, to } = hello.intent else { return Verdict::Welcome };
        let meeting = self.meeting();
        let expected = meeting.as_ref().is_some_and(|meeting| {
            let member = meeting.generation.members.get(from);
            meeting.generation.id == generation
                && meeting.rank == to
                && from > to
                && member.is_some_and(|member| {
                    member.name == hello.name && member.incarnation == hello.incarnation
                })
        });
        if expected { Verdict::Welcome } else { Verdict::Later }
    }

    fn greet(&self, socket: TcpStream) {
        let judge = |hello: &Hello| self.judge(hello);
        let Ok(Some(hello)) = answer(&socket, &self.secret, self.age_us(), judge) else { return };
        let Intent::Mesh { generation, from, .. } = hello.intent else { return };
        if settle(&socket).is_err() {
            return;
        }
        let expected = |meeting: &&mut Meeting| meeting.generation.id == generation;
        if let Some(meeting) = self.meeting().as_mut().filter(expected) {
            // One that came earlier was given up by its caller.
            meeting.arrived.insert(from, socket);
        }
        self.changed.notify_all();
    }
}

/// Takes connections until the door closes.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for socket in listener.incoming() {
        if shared.closing.load(Ordering::SeqCst) {
            return;
        }
        // A connection that broke before it was taken concerns nobody.
        let Ok(socket) = socket else { continue };
        if shared.greeted.fetch_add(1, Ordering::SeqCst) >= GREETED_AT_ONCE_MAX {
            // The caller tries again.
            shared.greeted.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let of_thread = Arc::clone(shared);
        let greet = move || {
            let patient = socket
                .set_read_timeout(Some(WORD_PATIENCE))
                .and_then(|()| socket.set_write_timeout(Some(WORD_PATIENCE)));
            if patient.is_ok() {
                of_thread.greet(socket);
            }
            of_thread.greeted.fetch_sub(1, Ordering::SeqCst);
        };
        if thread::Builder::new().name("throng-greeting".to_owned()).spawn(greet).is_err() {
            shared.greeted.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Connects from the interface on which this host listens.
fn connect(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    if from.is_ipv4() == to.is_ipv4() {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.connect_timeout(&to.into(), WORD_PATIENCE)?;
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(WORD_PATIENCE))?;
    socket.set_write_timeout(Some(WORD_PATIENCE))?;
    Ok(socket)
}

/// Makes a connection one of the mesh: it waits for ever, unless the peer's system is silent.
fn settle(socket: &TcpStream) -> io::Result<()> {
    socket.set_read_timeout(None)?;
    socket.set_write_timeout(None)?;
    socket.set_nodelay(true)?;
    let socket = socket2::SockRef::from(socket);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    socket.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(UNACKNOWLEDGED))
}

#[cfg(test)]
mod tests;
