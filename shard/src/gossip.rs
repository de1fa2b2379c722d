//! Who lives and what each host says of itself, by gossip; what is said is signed with the secret of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use chitchat::transport::UdpTransport;
use chitchat::{
    ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, NodeState, ProtocolVersion,
    spawn_chitchat,
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::ShardError;
use crate::member::{Member, Name};
use crate::node::{Peer, Status};
use crate::secret::Secret;

/// Exchanges of gossip within the patience with a silent host.
const EXCHANGES: u32 = 10;
/// How improbable silence must be, as the exponent of a tenth: with exchanges that come on time, eight missed ones.
const PHI: f64 = 8.0;
/// How long the dead are remembered.
const MEMORY: Duration = Duration::from_hours(1);
/// Peers that are told of news at once; word gets to the others by the next exchange.
const TOLD_AT_ONCE_MAX: usize = 64;
/// The key under which a host says what it does.
const STATUS: &str = "status";

/// What a host says, with a proof that it knows the secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    status: Status,
    proof: String,
}

/// What gossip needs to know.
pub(crate) struct GossipSettings<'a> {
    pub(crate) me: &'a Member,
    /// Hosts of one run, and no others, speak to each other.
    pub(crate) run: String,
    pub(crate) seeds: Vec<String>,
    /// How long a silent host counts as alive.
    pub(crate) patience: Duration,
    pub(crate) secret: Secret,
}

/// This host's part in the gossip.
pub(crate) struct Gossip {
    handle: ChitchatHandle,
    runtime: Handle,
    me: Member,
    secret: Secret,
    said: Option<Status>,
}

impl Gossip {
    /// Begins to gossip on the address of the member's door.
    ///
    /// # Errors
    /// [`ShardError::Gossip`] where the port is in use for datagrams.
    pub(crate) fn start(runtime: Handle, settings: GossipSettings<'_>) -> Result<Self, ShardError> {
        let GossipSettings { me, run, seeds, patience, secret } = settings;
        let interval = patience / EXCHANGES;
        let config = ChitchatConfig {
            chitchat_id: ChitchatId::new(me.name.as_str(), me.incarnation, me.door),
            cluster_id: run,
            gossip_interval: interval,
            listen_addr: me.door,
            seed_nodes: seeds,
            failure_detector_config: FailureDetectorConfig {
                phi_threshold: PHI,
                max_interval: patience,
                initial_interval: interval,
                dead_node_grace_period: MEMORY,
                ..FailureDetectorConfig::default()
            },
            marked_for_deletion_grace_period: MEMORY,
            catchup_callback: None,
            extra_liveness_predicate: None,
            protocol_version: ProtocolVersion::V1,
        };
        let started = runtime.block_on(spawn_chitchat(config, Vec::new(), &UdpTransport));
        let handle = started.map_err(|error| ShardError::Gossip(format!("{error:#}")))?;
        Ok(Self { handle, runtime, me: me.clone(), secret, said: None })
    }

    /// Says what this host does; peers are told at once when it is news.
    pub(crate) fn say(&mut self, status: &Status) {
        if self.said.as_ref() == Some(status) {
            return;
        }
        let proof = hex(&sign(&self.secret, &self.me, status));
        let words = Signed { status: status.clone(), proof };
        let words = serde_json::to_string(&words).expect("a status has only names for keys");
        let me = self.me.door;
        let peers: Vec<SocketAddr> = self.runtime.block_on(self.handle.with_chitchat(|chitchat| {
            chitchat.self_node_state().set(STATUS, &words);
            let live = chitchat.live_nodes().map(|id| id.gossip_advertise_addr);
            live.filter(|address| *address != me).take(TOLD_AT_ONCE_MAX).collect()
        }));
        for peer in peers {
            // Gossip that has ended is found out by whoever looks at the view.
            let _ = self.handle.gossip(peer);
        }
        self.said = Some(status.clone());
    }

    /// All other hosts that have proved to belong here, each in its latest life.
    pub(crate) fn view(&self) -> Vec<Peer> {
        let peers = self.runtime.block_on(self.handle.with_chitchat(|chitchat| {
            let live: BTreeSet<ChitchatId> = chitchat.live_nodes().cloned().collect();
            let states = chitchat.node_states().iter();
            states
                .filter_map(|(id, state)| self.peer(id, state, live.contains(id)))
                .collect::<Vec<_>>()
        }));
        let mut latest: BTreeMap<Name, Peer> = BTreeMap::new();
        for peer in peers {
            let later = latest
                .get(&peer.member.name)
                .is_none_or(|other| (other.member.incarnation) < peer.member.incarnation);
            if later {
                latest.insert(peer.member.name.clone(), peer);
            }
        }
        latest.into_values().collect()
    }

    fn peer(&self, id: &ChitchatId, state: &NodeState, alive: bool) -> Option<Peer> {
        let name = Name::new(&*id.node_id).ok()?;
        let door = id.gossip_advertise_addr;
        let member = Member { name, incarnation: id.generation_id, door };
        if member.is(&self.me) {
            return None;
        }
        let Signed { status, proof } = serde_json::from_str(state.get(STATUS)?).ok()?;
        let proven = self.secret.accepts(&words(&member, &status).each(), &unhex(&proof)?);
        proven.then_some(Peer { member, alive, status })
    }
}

impl Drop for Gossip {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// What a host signs: who it is, and what it says.
struct Words([Vec<u8>; 3]);

impl Words {
    fn each(&self) -> [&[u8]; 3] {
        self.0.each_ref().map(Vec::as_slice)
    }
}

fn words(member: &Member, status: &Status) -> Words {
    Words([
        b"status".to_vec(),
        serde_json::to_vec(member).expect("a member has only names for keys"),
        serde_json::to_vec(status).expect("a status has only names for keys"),
    ])
}

fn sign(secret: &Secret, member: &Member, status: &Status) -> crate::secret::Proof {
    secret.prove(&words(member, status).each())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

fn unhex(text: &str) -> Option<crate::secret::Proof> {
    let mut bytes = crate::secret::Proof::default();
    if text.len() != 2 * bytes.len() || !text.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
