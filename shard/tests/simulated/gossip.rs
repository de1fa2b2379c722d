//! What hosts hear of each other: late, and only from their side of a divided network.

use std::rc::Rc;

use throng_shard::{Node, Peer};

/// A host that was not heard of for so long counts as dead.
const PATIENCE: u64 = 8_000;
/// The oldest view that somebody may still have, in exchanges of gossip.
const LAG_MAX: usize = 3;

/// What the hosts of one side know.
#[derive(Default)]
struct Side {
    heard: Vec<Option<(u64, Peer)>>,
    views: Vec<Rc<Vec<Peer>>>,
}

/// What both sides know.
pub(crate) struct Gossip {
    sides: [Side; 2],
}

impl Gossip {
    pub(crate) fn new(hosts: usize) -> Self {
        let side = || Side { heard: vec![None; hosts], views: Vec::new() };
        Self { sides: [side(), side()] }
    }

    /// A living host says what it is doing.
    pub(crate) fn hear(&mut self, side: usize, host: usize, node: &Node, now: u64) {
        let peer = Peer { member: node.me().clone(), alive: true, status: node.status() };
        self.sides[side].heard[host] = Some((now, peer));
    }

    /// Word has gone round.
    pub(crate) fn settle(&mut self, now: u64) {
        for side in &mut self.sides {
            let seen = |heard: &Option<(u64, Peer)>| {
                let (at, peer) = heard.as_ref()?;
                Some(Peer { alive: now - at < PATIENCE, ..peer.clone() })
            };
            side.views.insert(0, Rc::new(side.heard.iter().filter_map(seen).collect()));
            side.views.truncate(LAG_MAX);
        }
    }

    /// What a host of that side sees, some exchanges late.
    pub(crate) fn view(&self, side: usize, lag: usize) -> Rc<Vec<Peer>> {
        let views = &self.sides[side].views;
        views.get(lag).or(views.last()).cloned().unwrap_or_default()
    }
}
