//! A world of simulated hosts: their clocks, gossip, store and meshes, and the faults that befall them.

mod chance;
mod gossip;
mod mesh;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use throng_shard::{
    Action, Commit, Entry, Event, Ledger, Member, Name, Node, Opening, Patience, Peer,
};

use chance::Chance;
pub(crate) use chance::Faults;
use gossip::Gossip;
use mesh::Mesh;

/// Rounds of a run, after round 0.
const ROUNDS: u32 = 50;
/// Faults befall hosts until then; afterwards everything heals, and the run must end.
const FAULTS_UNTIL: u64 = 60_000;
/// A run that has not ended by then never will.
const END_BY: u64 = 400_000;
const AGENTS: u64 = 10_000_000;

/// What happens at some millisecond.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Gossip,
    /// A host looks around; the second number is its life.
    Look(usize, u64),
    /// The members of a generation have played and written a round.
    RoundPlayed(u64),
    /// A commit arrives at the store.
    CommitArrives {
        generation: u64,
        position: u64,
        record: u64,
    },
    /// A host notices that its mesh has ended.
    MeshEnds {
        host: usize,
        life: u64,
        generation: u64,
        suspects: Vec<usize>,
    },
    Fault,
    Restart(usize),
    Thaw(usize),
    Heal,
    Calm,
}

struct Host {
    /// Nothing while no process runs.
    node: Option<Node>,
    life: u64,
    frozen: bool,
    /// Where its part of a divided network lies.
    side: usize,
    reaches_store: bool,
}

/// One run of many hosts.
pub(crate) struct Run {
    now: u64,
    hosts: Vec<Host>,
    min: usize,
    store: Vec<Entry>,
    beat: u64,
    gossip: Gossip,
    meshes: BTreeMap<u64, Mesh>,
    /// The history, ordered by time and then by when it was arranged.
    queue: BinaryHeap<Reverse<(u64, u64, Happening)>>,
    arranged: u64,
    chance: Chance,
    faults: Faults,
    refused: u32,
    calm: bool,
}

impl Run {
    pub(crate) fn new(seed: u64, hosts: usize, min: usize, faults: Faults) -> Self {
        let opening = Opening { nonce: 7, digest: "d".to_owned(), agents: AGENTS };
        let first = Entry { position: 0, attempt: "o".to_owned(), event: Event::Opening(opening) };
        let mut run = Self {
            now: 0,
            hosts: Vec::new(),
            min,
            store: vec![first],
            beat: 0,
            gossip: Gossip::new(hosts),
            meshes: BTreeMap::new(),
            queue: BinaryHeap::new(),
            arranged: 0,
            chance: Chance::new(seed),
            faults,
            refused: 0,
            calm: false,
        };
        for host in 0..hosts {
            let (side, reaches_store) = (0, true);
            run.hosts.push(Host { node: None, life: 0, frozen: false, side, reaches_store });
            run.start(host);
        }
        run.arrange(1, Happening::Gossip);
        run.arrange(2_000, Happening::Fault);
        run.arrange(FAULTS_UNTIL, Happening::Calm);
        run
    }

    fn arrange(&mut self, after: u64, what: Happening) {
        self.arranged += 1;
        self.queue.push(Reverse((self.now + after, self.arranged, what)));
    }

    /// Plays until every host knows that the run is over.
    pub(crate) fn play(&mut self) {
        while let Some(Reverse((at, _, what))) = self.queue.pop() {
            self.now = at;
            assert!(at < END_BY, "no end: {}", self.describe());
            self.happen(what);
            if self.calm && self.hosts.iter().all(|host| host.node.as_ref().is_some_and(is_over)) {
                return;
            }
        }
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Gossip => self.gossip(),
            Happening::Look(host, life) => self.look(host, life),
            Happening::RoundPlayed(generation) => self.round_played(generation),
            Happening::CommitArrives { generation, position, record } => {
                self.commit_arrives(generation, position, record);
            }
            Happening::MeshEnds { host, life, generation, suspects } => {
                self.mesh_ends(host, life, generation, &suspects);
            }
            Happening::Fault => self.fault(),
            Happening::Restart(host) => self.start(host),
            Happening::Thaw(host) => self.hosts[host].frozen = false,
            Happening::Heal => self.hosts.iter_mut().for_each(|host| {
                (host.side, host.reaches_store) = (0, true);
            }),
            Happening::Calm => self.calm_down(),
        }
    }

    fn member(&self, host: usize) -> Member {
        let name = Name::new(format!("h{host:04}")).expect("a name");
        Member { name, incarnation: self.hosts[host].life, door: ([127, 0, 0, 1], 1).into() }
    }

    fn start(&mut self, host: usize) {
        if self.hosts[host].node.is_some() {
            return;
        }
        self.hosts[host].life += 1;
        self.hosts[host].frozen = false;
        let (member, now) = (self.member(host), Duration::from_millis(self.now));
        self.hosts[host].node = Some(Node::new(member, self.min, Patience::default(), now));
        let life = self.hosts[host].life;
        let delay = self.chance.below(400);
        self.arrange(delay, Happening::Look(host, life));
    }

    fn gossip(&mut self) {
        for (place, host) in self.hosts.iter().enumerate() {
            if let Some(node) = host.node.as_ref().filter(|_| !host.frozen) {
                self.gossip.hear(host.side, place, node, self.now);
            }
        }
        self.gossip.settle(self.now);
        self.arrange(self.faults.gossip_interval, Happening::Gossip);
    }

    fn look(&mut self, host: usize, life: u64) {
        if self.hosts[host].node.is_none() || self.hosts[host].life != life {
            return;
        }
        let pause =
            self.faults.gossip_interval / 2 + self.chance.below(self.faults.gossip_interval);
        self.arrange(pause, Happening::Look(host, life));
        if self.hosts[host].frozen {
            return;
        }
        self.read(host);
        self.signal(host);
        let now = Duration::from_millis(self.now);
        let view = self.gossip.view(self.hosts[host].side, self.chance.below(3) as usize);
        let view: &[Peer] = &view;
        let node = self.hosts[host].node.as_mut().expect("it lives");
        let action = node.decide(now, view);
        self.act(host, action);
    }

    /// Reads the rest of the ledger and the beat.
    fn read(&mut self, host: usize) {
        let now = Duration::from_millis(self.now);
        let unreadable = self.chance.one_in(20);
        let Host { node: Some(node), reaches_store: true, .. } = &mut self.hosts[host] else {
            return;
        };
        for entry in &self.store[node.ledger().len() as usize..] {
            node.learn(entry, now).expect("the store holds nothing that cannot follow");
        }
        let beat = self.beat.to_string();
        node.saw_beat((!unreadable).then_some(beat.as_bytes()), now);
    }

    /// Rank 0 of a standing mesh leaves a beat.
    fn signal(&mut self, host: usize) {
        let stands = self.meshes.values().any(|mesh| mesh.stands() && mesh.members[0] == host);
        self.beat += u64::from(stands && self.hosts[host].reaches_store);
    }

    fn act(&mut self, host: usize, action: Action) {
        match action {
            Action::Wait | Action::Over => {}
            Action::Propose(generation) => {
                if self.hosts[host].reaches_store {
                    let position = self.node(host).ledger().len();
                    self.append(position, host.to_string(), Event::Generation(generation));
                }
            }
            Action::Join(generation) => self.join(host, &generation),
            Action::Abort(generation) => self.break_mesh(generation, host),
            Action::Left | Action::Superseded | Action::NotShared(_) => {
                panic!("host {host}: {action:?}")
            }
        }
    }

    fn node(&self, host: usize) -> &Node {
        self.hosts[host].node.as_ref().expect("it lives")
    }

    /// Creates the entry unless its place is taken.
    fn append(&mut self, position: u64, attempt: String, event: Event) -> bool {
        let free = position == self.store.len() as u64;
        if free {
            self.store.push(Entry { position, attempt, event });
        }
        free
    }

    fn commit_arrives(&mut self, generation: u64, position: u64, record: u64) {
        let mesh = &self.meshes[&generation];
        let (leader, round) = (mesh.members[0], mesh.round);
        if !self.hosts[leader].reaches_store {
            // Retried until the store answers or the process is gone.
            if self.hosts[leader].node.is_some() && mesh.stands() {
                self.arrange(500, Happening::CommitArrives { generation, position, record });
            }
            return;
        }
        let last = round == ROUNDS;
        let commit = Commit { generation, round, record: record.to_string(), last };
        if self.append(position, format!("c{leader}"), Event::Commit(commit)) {
            self.go_on(generation, record);
        } else {
            self.refused += 1;
            self.break_mesh(generation, leader);
        }
    }

    fn calm_down(&mut self) {
        self.calm = true;
        self.happen(Happening::Heal);
        for host in 0..self.hosts.len() {
            self.hosts[host].frozen = false;
            self.start(host);
        }
    }

    fn fault(&mut self) {
        if self.calm {
            return;
        }
        let pause = self.faults.pause / 2 + self.chance.below(self.faults.pause.max(1));
        self.arrange(pause, Happening::Fault);
        let host = self.chance.below(self.hosts.len() as u64) as usize;
        let later = 100 + self.chance.below(25_000);
        match self.chance.below(self.faults.kinds.max(1)) {
            _ if self.faults.kinds == 0 => {}
            0 | 1 => self.kill(host, later),
            2 => self.freeze(host, later),
            3 => self.divide(later),
            4 => {
                self.hosts[host].reaches_store = false;
                self.arrange(later, Happening::Heal);
            }
            5 => self.reset(host),
            _ => (0..self.hosts.len()).for_each(|host| self.kill(host, later)),
        }
    }

    fn kill(&mut self, host: usize, later: u64) {
        if self.hosts[host].node.take().is_some() {
            self.break_meshes_of(host);
            self.arrange(later, Happening::Restart(host));
        }
    }

    fn freeze(&mut self, host: usize, later: u64) {
        self.hosts[host].frozen = true;
        self.arrange(later, Happening::Thaw(host));
    }

    fn divide(&mut self, later: u64) {
        for host in 0..self.hosts.len() {
            self.hosts[host].side = self.chance.below(2) as usize;
        }
        self.arrange(later, Happening::Heal);
    }

    fn reset(&mut self, host: usize) {
        if self.hosts[host].node.is_some() {
            self.break_meshes_of(host);
        }
    }

    /// What one process would have committed, and a ledger in which everything follows.
    pub(crate) fn check(&self) {
        let mut ledger = Ledger::default();
        let mut state = 0;
        for entry in &self.store {
            ledger.learn(entry).expect("every entry follows");
            if let Event::Commit(commit) = &entry.event {
                state = mesh::play(state, commit.round);
                assert_eq!(commit.record, state.to_string(), "round {}", commit.round);
            }
        }
        assert!(ledger.is_over(), "{}", self.describe());
    }

    pub(crate) fn generations(&self) -> usize {
        self.store.iter().filter(|entry| matches!(entry.event, Event::Generation(_))).count()
    }

    /// Commits that came after their generation had been replaced.
    pub(crate) fn fenced(&self) -> u32 {
        self.refused
    }

    pub(crate) fn history(&self) -> String {
        format!("{:?}", self.store)
    }

    fn describe(&self) -> String {
        let hosts: Vec<String> = self
            .hosts
            .iter()
            .take(10)
            .map(|host| format!("{:?}", host.node.as_ref().map(Node::status)))
            .collect();
        let (now, places, refused) = (self.now, self.store.len(), self.refused);
        format!("at {now}: {places} entries, {refused} refused, {hosts:#?}")
    }
}

fn is_over(node: &Node) -> bool {
    node.ledger().is_over()
}
