//! The thread that decides for a host: it reads the ledger, listens to the others, and does what its node says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use super::greeter::Greeter;
use super::{Seat, Turn};
use crate::ShardError;
use crate::door::Door;
use crate::gossip::Gossip;
use crate::ledger::{Commit, Entry, Event, Generation};
use crate::member::Name;
use crate::mesh::{MeshHandle, TimelyMesh};
use crate::node::{Action, Node, Peer};
use crate::secret;
use crate::store::{Appended, Store};

/// How often the host looks around.
const LOOK_INTERVAL: Duration = Duration::from_millis(25);
/// How often it reads the ledger while it plays; others may have replaced its generation.
const READ_INTERVAL: Duration = Duration::from_millis(250);
/// Beats within the patience with a silent generation.
const BEATS: u32 = 8;

/// What the control is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// The mesh of a generation stands.
    Met(Box<(Generation, TimelyMesh)>),
    /// It could not be made, for want of these.
    Unmet(Vec<Name>),
    /// The seat was given back.
    Ended { suspects: Vec<Name> },
    /// A round is to be committed.
    Commit(Commit, SyncSender<Result<(), ShardError>>),
    /// Others do not let this host in.
    Refused(ShardError),
    /// Take part no longer than the round.
    Leave,
    /// End now.
    Quit,
    /// Something has happened; look.
    Look,
}

/// Whether the thread goes on.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    End,
}

/// The host's control.
pub(super) struct Control {
    node: Node,
    store: Store,
    gossip: Gossip,
    door: Arc<Door>,
    _greeter: Greeter,
    orders: Sender<Order>,
    turns: Sender<Result<Turn, ShardError>>,
    begun: Instant,
    patience: Duration,
    /// The mesh that stands, with its generation and the host's rank.
    standing: Option<(u64, usize, MeshHandle)>,
    /// Set to give up a meeting.
    given_up: Arc<AtomicBool>,
    boundary: Arc<AtomicBool>,
    read_at: Option<Instant>,
    beaten_at: Option<Instant>,
    beats: u64,
}

impl Control {
    pub(super) fn new(
        node: Node,
        (store, gossip, door, greeter): (Store, Gossip, Arc<Door>, Greeter),
        (orders, turns): (Sender<Order>, Sender<Result<Turn, ShardError>>),
        patience: Duration,
    ) -> Self {
        Self {
            node,
            store,
            gossip,
            door,
            _greeter: greeter,
            orders,
            turns,
            begun: Instant::now(),
            patience,
            standing: None,
            given_up: Arc::default(),
            boundary: Arc::default(),
            read_at: None,
            beaten_at: None,
            beats: 0,
        }
    }

    /// Decides until the run is over, the host has left or cannot go on.
    pub(super) fn run(mut self, waiting: &Receiver<Order>) {
        loop {
            let next = match waiting.recv_timeout(LOOK_INTERVAL) {
                Ok(order) => self.obey_all(order, waiting),
                Err(RecvTimeoutError::Timeout) => Ok(Next::GoOn),
                Err(RecvTimeoutError::Disconnected) => Ok(Next::End),
            };
            let next = next.and_then(|next| if next == Next::End { Ok(next) } else { self.look() });
            match next {
                Ok(Next::GoOn) => {}
                Ok(Next::End) => break,
                Err(error) => {
                    self.end_mesh();
                    // A host that is gone cannot be told.
                    let _ = self.turns.send(Err(error));
                    break;
                }
            }
        }
        // The mesh of a run that is over ends when its players have parted; nothing new is begun.
        self.given_up.store(true, Ordering::SeqCst);
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn obey_all(&mut self, first: Order, waiting: &Receiver<Order>) -> Result<Next, ShardError> {
        let mut order = Some(first);
        while let Some(now) = order {
            if self.obey(now)? == Next::End {
                return Ok(Next::End);
            }
            order = waiting.try_recv().ok();
        }
        Ok(Next::GoOn)
    }

    fn obey(&mut self, order: Order) -> Result<Next, ShardError> {
        match order {
            Order::Met(met) => self.sit_down(*met),
            Order::Unmet(missing) => {
                let now = self.now();
                self.node.mesh_failed(&missing, now);
            }
            Order::Ended { suspects } => {
                self.standing = None;
                let now = self.now();
                self.node.mesh_ended(&suspects, now);
                self.read_at = None;
            }
            Order::Commit(commit, reply) => {
                let committed = self.commit(commit);
                // A player that is gone does not need to know.
                let _ = reply.send(committed);
            }
            Order::Refused(error) => return Err(error),
            Order::Leave => self.node.leave(),
            Order::Quit => return Ok(Next::End),
            Order::Look => {}
        }
        Ok(Next::GoOn)
    }

    fn sit_down(&mut self, (generation, mesh): (Generation, TimelyMesh)) {
        self.node.mesh_stands();
        let (id, handle) = (generation.id, mesh.handle());
        let rank = generation.rank(self.node.me()).unwrap_or(0);
        self.standing = Some((id, rank, handle));
        self.beaten_at = None;
        self.boundary.store(false, Ordering::SeqCst);
        let resume = self.node.ledger().resume().cloned();
        let boundary = Arc::clone(&self.boundary);
        let seat = Seat::new(generation, resume, mesh, boundary, self.orders.clone());
        let _ = self.turns.send(Ok(Turn::Play(Box::new(seat))));
    }

    fn look(&mut self) -> Result<Next, ShardError> {
        self.read_if_due();
        self.beat_if_due();
        let view = self.gossip.view();
        if self.standing.is_some() {
            self.boundary.store(self.node.wants_boundary(&view), Ordering::SeqCst);
        }
        self.gossip.say(&self.node.status());
        let now = self.now();
        let action = self.node.decide(now, &view);
        let next = self.act(action, &view)?;
        self.gossip.say(&self.node.status());
        Ok(next)
    }

    fn act(&mut self, action: Action, view: &[Peer]) -> Result<Next, ShardError> {
        match action {
            Action::Wait => {}
            Action::Propose(generation) => {
                self.append(Event::Generation(generation))?;
                self.read()?;
            }
            Action::Join(generation) => self.meet(generation)?,
            Action::Abort(_) => self.end_mesh(),
            Action::Over => {
                let _ = self.turns.send(Ok(Turn::Over));
                return Ok(Next::End);
            }
            Action::Left => {
                let _ = self.turns.send(Ok(Turn::Left));
                return Ok(Next::End);
            }
            Action::Superseded => {
                return Err(ShardError::Duplicate { name: self.node.me().name.clone() });
            }
            Action::NotShared(peer) => {
                debug_assert!(view.iter().any(|other| other.member.name == peer));
                return Err(ShardError::NotShared { peer });
            }
        }
        Ok(Next::GoOn)
    }

    /// Ends the mesh that stands, and the meeting that would make one.
    fn end_mesh(&self) {
        self.given_up.store(true, Ordering::SeqCst);
        if let Some((_, _, handle)) = &self.standing {
            handle.abort();
        }
    }

    /// Connects to the others of a generation, on a thread of its own: the control must hear when one dies.
    fn meet(&mut self, generation: Generation) -> Result<(), ShardError> {
        let given_up = Arc::new(AtomicBool::new(false));
        self.given_up = Arc::clone(&given_up);
        let (door, orders) = (Arc::clone(&self.door), self.orders.clone());
        let body = move || {
            let woken = orders.clone();
            let met = door.meet(&generation, &given_up).and_then(|sockets| {
                let rank = sockets.iter().position(Option::is_none).unwrap_or(0);
                let on_end = move || _ = woken.send(Order::Look);
                TimelyMesh::new(rank, sockets, on_end).map_err(|_| Vec::new())
            });
            let order = match met {
                Ok(mesh) => Order::Met(Box::new((generation, mesh))),
                Err(missing) => Order::Unmet(missing),
            };
            let _ = orders.send(order);
        };
        let spawned = thread::Builder::new().name("throng-meeting".to_owned()).spawn(body);
        spawned.map(|_| ()).map_err(ShardError::Thread)
    }

    fn read_if_due(&mut self) {
        let pause = if self.standing.is_some() { READ_INTERVAL } else { LOOK_INTERVAL };
        if self.read_at.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        // A store that does not answer is asked again; until then, nothing is decided on its strength.
        let _ = self.read();
    }

    /// Reads the ledger to its end, and the beat.
    fn read(&mut self) -> Result<(), ShardError> {
        self.read_at = Some(Instant::now());
        while let Some(entry) = self.store.entry(self.node.ledger().len())? {
            let now = self.now();
            self.node.learn(&entry, now)?;
        }
        let (beat, now) = (self.store.beat()?, self.now());
        // Before the first beat there is none to see.
        if let Some(beat) = beat {
            self.node.saw_beat(Some(&beat), now);
        }
        Ok(())
    }

    /// Rank 0 shows hosts outside that its generation lives.
    fn beat_if_due(&mut self) {
        let Some((generation, 0, handle)) = &self.standing else { return };
        let due = self.beaten_at.is_none_or(|at| at.elapsed() >= self.patience / BEATS);
        if handle.has_ended() || !due {
            return;
        }
        self.beaten_at = Some(Instant::now());
        self.beats += 1;
        let beat = format!("{generation} {}", self.beats);
        // The next one will do as well.
        let _ = self.store.leave_beat(beat.into_bytes());
    }

    /// Writes an event into the next place, unless another one is there.
    fn append(&mut self, event: Event) -> Result<Appended, ShardError> {
        let word = secret::challenge()?;
        let word = word.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        let attempt = format!("{}-{}-{word:016x}", self.node.me().name, self.node.me().incarnation);
        let position = self.node.ledger().len();
        self.store.append(&Entry { position, attempt, event })
    }

    /// Commits a round of the generation that stands, if none has replaced it.
    fn commit(&mut self, commit: Commit) -> Result<(), ShardError> {
        self.read()?;
        let current = self.node.ledger().generation().map(|generation| generation.id);
        let follows = self.node.ledger().committed().map_or(0, |before| before.round + 1);
        if current != Some(commit.generation) || follows != commit.round {
            self.end_mesh();
            return Err(ShardError::Gone);
        }
        let appended = self.append(Event::Commit(commit))?;
        self.read()?;
        if appended == Appended::Ours {
            return Ok(());
        }
        self.end_mesh();
        Err(ShardError::Gone)
    }
}
