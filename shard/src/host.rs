//! One host of a run: it finds the others, takes part in one generation after the other, and ends with the run.

mod control;
mod greeter;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use throng_engine::{AgentRange, Transport};
use tokio::runtime::Runtime;

use crate::ShardError;
use crate::door::{Badge, Door, listen};
use crate::gossip::{Gossip, GossipSettings};
use crate::layout::Load;
use crate::ledger::{Commit, Entry, Event, Generation, Opening};
use crate::member::{Member, Name};
use crate::mesh::{MeshHandle, TimelyMesh};
use crate::node::{Node, Patience};
use crate::secret::{self, Secret};
use crate::store::{Appended, Store};
use control::{Control, Order};
use greeter::Greeter;

/// How often it is looked whether the host should leave.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Tries to find a port that is free for connections and datagrams alike.
const PORTS_TRIED_MAX: usize = 16;
/// How long a host whose connection closed is waited for.
const GRACE: Duration = Duration::from_millis(500);
/// How long more hosts are waited for, once there are enough to begin.
const SETTLE: Duration = Duration::from_millis(500);

/// What a host is made of.
#[derive(Debug, Clone)]
pub struct HostSettings {
    /// Its name, unique in the run; made from its address where there is none.
    pub name: Option<Name>,
    /// Where others reach it, and the only address on which it listens; any free port for port 0.
    pub address: SocketAddr,
    /// Some hosts of the run as `HOST:PORT`; they may be missing, and this host may be among them.
    pub seeds: Vec<String>,
    /// Fewest hosts that play. More than half of all keeps the smaller part of a divided network still.
    pub min: usize,
    /// How long a host may be silent before the others go on without it.
    pub patience: Duration,
    /// Known to all hosts of the run and to nobody else.
    pub secret: Secret,
    /// The program and its version, equal on all hosts.
    pub program: String,
    /// Digest of the configuration, equal on all hosts.
    pub digest: String,
    /// Agents of the run.
    pub agents: u64,
    /// What they ask of their hosts, equal on all hosts.
    pub load: Load,
    /// A folder that all hosts see.
    pub store: PathBuf,
}

impl HostSettings {
    /// Refuses addresses that cannot be meant, before anything is written.
    ///
    /// # Errors
    /// [`ShardError::Unspecified`] or [`ShardError::Seed`].
    pub fn check(&self) -> Result<(), ShardError> {
        if self.address.ip().is_unspecified() {
            return Err(ShardError::Unspecified { address: self.address });
        }
        for seed in &self.seeds {
            let parts = seed.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            let port = parts.and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none_or(|port| port == 0) {
                return Err(ShardError::Seed { seed: seed.clone() });
            }
        }
        Ok(())
    }
}

/// What comes next for a host.
#[derive(Debug)]
pub enum Turn {
    /// It plays in a generation.
    Play(Box<Seat>),
    /// The run has ended.
    Over,
    /// It wanted to leave, and plays nothing any more.
    Left,
}

/// A place in a generation. Dropping it tells the others that this host has ended the generation; whoever drops it
/// has dropped the transport before.
#[derive(Debug)]
pub struct Seat {
    generation: Generation,
    rank: usize,
    resume: Option<Commit>,
    mesh: Option<TimelyMesh>,
    handle: MeshHandle,
    boundary: Arc<AtomicBool>,
    orders: Sender<Order>,
}

/// A host that takes part in a run until it is dropped.
#[derive(Debug)]
pub struct Host {
    me: Member,
    store: Store,
    orders: Sender<Order>,
    turns: Receiver<Result<Turn, ShardError>>,
    thread: Option<JoinHandle<()>>,
    // Last, since everything else stands on it.
    _runtime: Runtime,
}

impl Host {
    /// Opens the store and the door, and begins to look for the others.
    ///
    /// # Errors
    /// Where the store cannot arbitrate or holds another run, the address cannot be used, or the system refuses.
    pub fn start(settings: HostSettings) -> Result<Self, ShardError> {
        settings.check()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("throng-hosts")
            .enable_all()
            .build()
            .map_err(ShardError::Thread)?;
        let store = Store::open(&settings.store, runtime.handle().clone())?;
        let nonce = open_ledger(&store, &settings)?;
        let (me, door, gossip) = appear(&settings, (&store, nonce), &runtime)?;
        let (orders, waiting) = channel();
        let (turn, turns) = channel();
        let patience = Patience {
            grace: GRACE,
            settle: SETTLE,
            silence: settings.patience,
            forgive: 3 * settings.patience,
        };
        let greeter = Greeter::start(&settings.seeds, me.door, &door, orders.clone())?;
        let load = (settings.load.clone(), Duration::ZERO);
        let node = Node::with_load(me.clone(), settings.min, patience, load);
        let control = Control::new(
            node,
            (store.clone(), gossip, door, greeter),
            (orders.clone(), turn),
            settings.patience,
        );
        let thread = thread::Builder::new()
            .name("throng-control".to_owned())
            .spawn(move || control.run(&waiting))
            .map_err(ShardError::Thread)?;
        Ok(Self { me, store, orders, turns, thread: Some(thread), _runtime: runtime })
    }

    /// Who this host is.
    pub const fn me(&self) -> &Member {
        &self.me
    }

    /// Waits for the next turn; a host that is `stopping` leaves.
    ///
    /// # Errors
    /// Where this host cannot go on: another process has its name, or the store is not that of the others.
    pub fn next(&self, stopping: impl Fn() -> bool) -> Result<Turn, ShardError> {
        loop {
            if stopping() {
                self.leave();
            }
            match self.turns.recv_timeout(LOOK_INTERVAL) {
                Ok(turn) => return turn,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(ShardError::Ended),
            }
        }
    }

    /// Takes part until the round ends, and no longer.
    pub fn leave(&self) {
        // A control that has ended has told why.
        let _ = self.orders.send(Order::Leave);
    }

    /// The commits of the run from `round` on, as the ledger has them.
    ///
    /// # Errors
    /// [`ShardError::Store`] where it cannot be read.
    pub fn commits_from(&self, round: u32) -> Result<Vec<Commit>, ShardError> {
        let mut commits = Vec::new();
        for position in 0.. {
            let Some(entry) = self.store.entry(position)? else { break };
            if let Event::Commit(commit) = entry.event {
                commits.extend((commit.round >= round).then_some(commit));
            }
        }
        Ok(commits)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Quit);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Seat {
    pub(crate) fn new(
        generation: Generation,
        resume: Option<Commit>,
        mesh: TimelyMesh,
        boundary: Arc<AtomicBool>,
        orders: Sender<Order>,
    ) -> Self {
        let (rank, handle) = (mesh.rank(), mesh.handle());
        Self { generation, rank, resume, mesh: Some(mesh), handle, boundary, orders }
    }

    /// Who plays, and which agents each owns.
    pub const fn generation(&self) -> &Generation {
        &self.generation
    }

    /// The place of this host in it.
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// The agents of this host.
    pub fn range(&self) -> AgentRange {
        self.generation.range(self.rank)
    }

    /// The number in the names of this host's files.
    pub const fn shard(&self) -> u32 {
        self.generation.shard(self.rank)
    }

    /// The last committed round when the generation began, equal for all of its hosts.
    pub const fn resume(&self) -> Option<&Commit> {
        self.resume.as_ref()
    }

    /// What joins the worlds of the generation; once.
    pub fn take_mesh(&mut self) -> Option<TimelyMesh> {
        self.mesh.take()
    }

    /// Whether a host of the generation has ended, so that it cannot go on.
    pub fn has_ended(&self) -> bool {
        self.handle.has_ended()
    }

    /// Ends the generation for all of its hosts, at once.
    pub fn abort(&self) {
        self.handle.abort();
    }

    /// Tells whether the generation has ended, and ends it, from elsewhere.
    pub fn handle(&self) -> MeshHandle {
        self.handle.clone()
    }

    /// Whether the end of this round is the moment for another generation: somebody wants in, or out.
    pub fn wants_boundary(&self) -> bool {
        self.boundary.load(Ordering::SeqCst)
    }

    /// Makes a round part of the run; `record` says what it left. Rank 0 alone does this, when all have written.
    ///
    /// # Errors
    /// [`ShardError::Gone`] where the generation has been replaced: nothing was committed then, or by others.
    /// [`ShardError::Store`] where the store does not answer.
    pub fn commit(&self, round: u32, record: String, last: bool) -> Result<(), ShardError> {
        let (reply, replied) = sync_channel(1);
        let commit = Commit { generation: self.generation.id, round, record, last };
        let sent = self.orders.send(Order::Commit(commit, reply));
        sent.map_err(|_| ShardError::Gone)?;
        replied.recv().unwrap_or(Err(ShardError::Gone))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.mesh = None;
        let closed = self.handle.closed_first().into_iter();
        let suspects = closed.map(|rank| self.generation.members[rank].name.clone()).collect();
        // A control that has ended needs no word.
        let _ = self.orders.send(Order::Ended { suspects });
    }
}

/// Begins the run's ledger, unless another host has; then it must be the same run.
/// Makes the ledger, or checks that of others. Returns the number that it alone has.
fn open_ledger(store: &Store, settings: &HostSettings) -> Result<u64, ShardError> {
    let nonce =
        secret::challenge()?.first_chunk().map_or(1, |word| u64::from_le_bytes(*word)).max(1);
    let opening = Opening { nonce, digest: settings.digest.clone(), agents: settings.agents };
    let attempt = format!("opening-{nonce:016x}");
    let entry = Entry { position: 0, attempt, event: Event::Opening(opening) };
    if store.entry(0)?.is_none() && store.append(&entry)? == Appended::Ours {
        return Ok(nonce);
    }
    let differs = |problem: &str| Err(ShardError::OtherRun { problem: problem.to_owned() });
    match store.entry(0)?.map(|entry| entry.event) {
        Some(Event::Opening(theirs)) if theirs.digest == settings.digest => Ok(theirs.nonce),
        Some(Event::Opening(_)) => differs("it was begun with another configuration"),
        _ => differs("its ledger does not begin with an opening"),
    }
}

/// Opens door and gossip on one port.
fn appear(
    settings: &HostSettings,
    (store, nonce): (&Store, u64),
    runtime: &Runtime,
) -> Result<(Member, Arc<Door>, Gossip), ShardError> {
    let mut failed = None;
    for _ in 0..PORTS_TRIED_MAX {
        let listener = listen(settings.address)?;
        let door = listener.local_addr().map_err(ShardError::Thread)?;
        let name = match &settings.name {
            Some(name) => name.clone(),
            None => Name::new(door.to_string().replace(['[', ']'], "").replace(':', "-"))?,
        };
        let me = Member { incarnation: store.new_life(&name)?, name, door };
        let gossip = GossipSettings {
            me: &me,
            run: settings.digest.clone(),
            seeds: settings.seeds.clone(),
            patience: settings.patience,
            secret: settings.secret.clone(),
        };
        match Gossip::start(runtime.handle().clone(), gossip) {
            Ok(gossip) => {
                let (program, digest) = (settings.program.clone(), settings.digest.clone());
                let badge = Badge { program, digest, store: nonce };
                let door = Door::open(listener, me.clone(), badge, settings.secret.clone())?;
                return Ok((me, Arc::new(door), gossip));
            }
            Err(error) if settings.address.port() > 0 => return Err(error),
            // Its port is free for connections and taken for datagrams.
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or(ShardError::Gone))
}

#[cfg(test)]
mod tests;
