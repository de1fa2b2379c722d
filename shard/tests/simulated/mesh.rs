//! The meshes of simulated generations: they stand when all have come, and fall with any of their hosts.

use std::time::Duration;

use throng_shard::{Generation, Name};

use super::{Happening, Run};

/// How long a host tries to connect to the others.
const DOOR_PATIENCE: u64 = 5_000;

/// The hosts of one generation, joined or joining.
pub(crate) struct Mesh {
    /// By rank.
    pub(crate) members: Vec<usize>,
    joined: Vec<bool>,
    /// The round being played.
    pub(crate) round: u32,
    /// What the last committed round left, as each member read it.
    state: u64,
    fallen: bool,
}

impl Mesh {
    pub(crate) fn stands(&self) -> bool {
        !self.fallen && self.joined.iter().all(|joined| *joined)
    }
}

/// The state after a round.
pub(crate) fn play(state: u64, round: u32) -> u64 {
    (state ^ u64::from(round)).wrapping_mul(0x0100_0000_01B3).rotate_left(17) + 1
}

impl Run {
    pub(super) fn join(&mut self, host: usize, generation: &Generation) {
        let number = |name: &Name| name.as_str()[1..].parse::<usize>().expect("hosts are numbered");
        let resume = self.node(host).ledger().resume();
        let round = resume.map_or(0, |commit| commit.round + 1);
        let state = resume.map_or(0, |commit| commit.record.parse().expect("a number"));
        let mesh = self.meshes.entry(generation.id).or_insert_with(|| Mesh {
            members: generation.members.iter().map(|member| number(&member.name)).collect(),
            joined: vec![false; generation.members.len()],
            round,
            state,
            fallen: false,
        });
        // All members start from one round, whenever they looked.
        assert!(mesh.fallen || (mesh.round, mesh.state) == (round, state));
        let rank = mesh.members.iter().position(|&member| member == host).expect("a member");
        mesh.joined[rank] = true;
        if mesh.fallen {
            return self.notice(host, generation.id, DOOR_PATIENCE, Vec::new());
        }
        if mesh.stands() {
            return self.begin(generation.id);
        }
        self.notice_if_stuck(host, generation.id);
    }

    /// Whoever waits at a door in vain gives up.
    fn notice_if_stuck(&mut self, host: usize, generation: u64) {
        let life = self.hosts[host].life;
        let suspects = vec![usize::MAX];
        let ends = Happening::MeshEnds { host, life, generation, suspects };
        self.arrange(DOOR_PATIENCE, ends);
    }

    fn begin(&mut self, generation: u64) {
        let mesh = &self.meshes[&generation];
        let sides: Vec<usize> = mesh.members.iter().map(|&host| self.hosts[host].side).collect();
        if sides.windows(2).any(|pair| pair[0] != pair[1]) {
            let first = mesh.members[0];
            return self.break_mesh(generation, first);
        }
        for host in mesh.members.clone() {
            if let Some(node) = &mut self.hosts[host].node {
                node.mesh_stands();
            }
        }
        self.play_round(generation);
    }

    fn play_round(&mut self, generation: u64) {
        let seconds = 100 + self.chance.below(1_500);
        self.arrange(seconds, Happening::RoundPlayed(generation));
    }

    pub(super) fn round_played(&mut self, generation: u64) {
        let mesh = &self.meshes[&generation];
        if !mesh.stands() {
            return;
        }
        let same_side = |host: &usize| self.hosts[*host].side == self.hosts[mesh.members[0]].side;
        let frozen = mesh.members.iter().any(|&host| self.hosts[host].frozen);
        if frozen || !mesh.members.iter().all(same_side) {
            // The others wait for what does not come.
            return self.arrange(300, Happening::RoundPlayed(generation));
        }
        let (leader, record) = (mesh.members[0], play(mesh.state, mesh.round));
        let position = self.node(leader).ledger().len();
        let latency_max = if self.chance_is_bad() { 12_000 } else { 50 };
        let latency = 1 + self.chance.below(latency_max);
        self.arrange(latency, Happening::CommitArrives { generation, position, record });
    }

    fn chance_is_bad(&mut self) -> bool {
        !self.calm && self.faults.kinds > 0 && self.chance.one_in(30)
    }

    /// The commit has been made; rank 0 tells the others, and whether to end here.
    pub(super) fn go_on(&mut self, generation: u64, record: u64) {
        let mesh = self.meshes.get_mut(&generation).expect("it commits");
        mesh.state = record;
        mesh.round += 1;
        if !mesh.stands() {
            return;
        }
        let (leader, members) = (mesh.members[0], mesh.members.clone());
        for &host in &members {
            if !self.hosts[host].frozen {
                self.read(host);
            }
        }
        let view = self.gossip.view(self.hosts[leader].side, 0);
        let leaves = self.node(leader).wants_boundary(&view);
        if leaves || self.node(leader).ledger().is_over() {
            let mesh = self.meshes.get_mut(&generation).expect("it commits");
            mesh.fallen = true;
            members.into_iter().for_each(|host| self.notice(host, generation, 1, Vec::new()));
            return;
        }
        self.play_round(generation);
    }

    /// A host's connections close: all members notice sooner or later, and some suspect the wrong ones.
    pub(super) fn break_mesh(&mut self, generation: u64, host: usize) {
        let Some(mesh) = self.meshes.get_mut(&generation) else { return };
        let first = !mesh.fallen;
        mesh.fallen = true;
        let members = mesh.members.clone();
        if !first {
            return self.notice(host, generation, 1, Vec::new());
        }
        for member in members.clone() {
            let mut suspects = vec![host];
            let other = members[self.chance.below(members.len() as u64) as usize];
            suspects.extend((other != member).then_some(other));
            let delay = 1 + self.chance.below(60);
            self.notice(member, generation, delay, suspects);
        }
    }

    pub(super) fn break_meshes_of(&mut self, host: usize) {
        let inside = |mesh: &&Mesh| !mesh.fallen && mesh.members.contains(&host);
        let meshes = self.meshes.iter().filter(|(_, mesh)| inside(mesh));
        let broken: Vec<u64> = meshes.map(|(generation, _)| *generation).collect();
        broken.into_iter().for_each(|generation| self.break_mesh(generation, host));
    }

    fn notice(&mut self, host: usize, generation: u64, delay: u64, suspects: Vec<usize>) {
        let life = self.hosts[host].life;
        self.arrange(delay, Happening::MeshEnds { host, life, generation, suspects });
    }

    pub(super) fn mesh_ends(
        &mut self,
        host: usize,
        life: u64,
        generation: u64,
        suspects: &[usize],
    ) {
        let mesh = &self.meshes[&generation];
        let stuck = suspects == [usize::MAX];
        if self.hosts[host].life != life || (stuck && mesh.stands()) {
            return;
        }
        if self.hosts[host].frozen {
            return self.notice(host, generation, 200, suspects.to_vec());
        }
        let absent = mesh.members.iter().zip(&mesh.joined).filter(|(_, joined)| !**joined);
        let absent: Vec<Name> = absent.map(|(&member, _)| self.member(member).name).collect();
        let known: Vec<Name> = suspects
            .iter()
            .filter(|&&suspect| suspect != usize::MAX)
            .map(|&suspect| self.member(suspect).name)
            .collect();
        let now = Duration::from_millis(self.now);
        let Some(node) = &mut self.hosts[host].node else { return };
        if node.status().generation != generation
            || node.status().phase != throng_shard::Phase::Playing
        {
            return;
        }
        if stuck {
            node.mesh_failed(&absent, now);
            self.break_mesh(generation, host);
        } else {
            node.mesh_ended(&known, now);
        }
    }
}
