//! Which host owns which agents: contiguous ranges, cut at blocks, that move little when hosts come and go.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use throng_engine::{AgentRange, BLOCK};

use crate::member::Name;

/// Up to that many hosts, the best place of a newcomer is searched for; above, it goes last.
const SEARCH_HOSTS_MAX: usize = 128;

/// Ascending ranges that cover a population, one for each host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub struct Layout {
    /// From 0 to the number of agents, strictly ascending; all but the last are multiples of [`BLOCK`].
    cuts: Vec<u64>,
}

/// A host and the agents that it owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The host.
    pub name: Name,
    /// Its agents.
    pub range: AgentRange,
}

impl Layout {
    /// Ranges of about equal length for up to that many hosts; no range is empty.
    pub fn even(agents: u64, hosts: usize) -> Self {
        Self::by_cost(agents, hosts, |_| 1)
    }

    /// Ranges of about equal cost; `cost` is that of a block by its number.
    ///
    /// No range is empty, so that there are no more ranges than blocks.
    pub fn by_cost(agents: u64, hosts: usize, cost: impl Fn(u64) -> u64) -> Self {
        let blocks = blocks(agents);
        let hosts = (hosts.max(1) as u64).min(blocks.max(1));
        // One more for each block, so that free blocks count for something too.
        let total: u128 = (0..blocks).map(|block| u128::from(cost(block)) + 1).sum();
        let (mut cuts, mut spent, mut block) = (vec![0], 0_u128, 0);
        for host in 1..hosts {
            let (least, most) = (block + 1, blocks - (hosts - host));
            let due = total * u128::from(host);
            while block < most && (block < least || spent * u128::from(hosts) < due) {
                spent += u128::from(cost(block)) + 1;
                block += 1;
            }
            cuts.push(block);
        }
        let cuts = cuts.into_iter().map(|block| block * BLOCK as u64).chain([agents]);
        Self { cuts: cuts.collect() }
    }

    /// Agents of all hosts together.
    pub fn agents(&self) -> u64 {
        self.cuts.last().copied().unwrap_or(0)
    }

    /// Number of ranges.
    pub fn len(&self) -> usize {
        self.cuts.len() - 1
    }

    /// Whether there is no range.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The agents of a rank.
    ///
    /// # Panics
    /// If there is no such rank.
    pub fn range(&self, rank: usize) -> AgentRange {
        AgentRange { start: self.cuts[rank], end: self.cuts[rank + 1] }
    }

    /// The rank that owns an agent.
    pub fn owner(&self, agent: u64) -> Option<usize> {
        (agent < self.agents()).then(|| self.cuts.partition_point(|&cut| cut <= agent) - 1)
    }
}

impl TryFrom<Vec<u64>> for Layout {
    type Error = String;

    fn try_from(cuts: Vec<u64>) -> Result<Self, String> {
        let ascends = cuts.windows(2).all(|pair| pair[0] < pair[1]);
        let inner = &cuts[..cuts.len().saturating_sub(1)];
        let aligned = inner.iter().all(|cut| cut % BLOCK as u64 == 0);
        if cuts.len() < 2 || cuts[0] != 0 || !ascends || !aligned {
            return Err(format!("cuts must ascend from 0 in multiples of {BLOCK}, not {cuts:?}"));
        }
        Ok(Self { cuts })
    }
}

impl From<Layout> for Vec<u64> {
    fn from(layout: Layout) -> Self {
        layout.cuts
    }
}

/// Blocks of a population.
pub(crate) fn blocks(agents: u64) -> u64 {
    agents.div_ceil(BLOCK as u64)
}

/// What a population asks of its hosts, block by block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// The cost of each block in any unit; empty where all cost the same.
    costs: Arc<[u64]>,
}

impl Load {
    /// The cost of each block of [`BLOCK`] agents, in any unit.
    pub fn of_blocks(costs: Vec<u64>) -> Self {
        Self { costs: costs.into() }
    }

    /// Ranges of about equal cost for up to that many hosts.
    pub(crate) fn layout(&self, agents: u64, hosts: usize) -> Layout {
        let cost = |block: u64| self.costs.get(block as usize).copied().unwrap_or(1);
        Layout::by_cost(agents, hosts, cost)
    }
}

/// Hosts in the order of their new ranges: those that stay keep their order, and a newcomer takes the place of
/// one that has gone, or that at which the fewest agents change hands. Hosts beyond `agents` blocks are left out.
pub(crate) fn arrange(agents: u64, load: &Load, before: &[Owner], hosts: &[Name]) -> Vec<Name> {
    let mut newcomers: Vec<&Name> =
        hosts.iter().filter(|host| before.iter().all(|owner| owner.name != **host)).collect();
    newcomers.sort();
    newcomers.reverse();
    let mut order: Vec<Name> = Vec::with_capacity(hosts.len());
    for owner in before {
        if hosts.contains(&owner.name) {
            order.push(owner.name.clone());
        } else {
            order.extend(newcomers.pop().cloned());
        }
    }
    while let Some(newcomer) = newcomers.pop() {
        let place = best_place((agents, load), before, &order, newcomer);
        order.insert(place, newcomer.clone());
    }
    order.truncate(blocks(agents).max(1) as usize);
    order
}

fn best_place(
    (agents, load): (u64, &Load),
    before: &[Owner],
    order: &[Name],
    newcomer: &Name,
) -> usize {
    if before.is_empty() || order.len() > SEARCH_HOSTS_MAX {
        return order.len();
    }
    let layout = load.layout(agents, order.len() + 1);
    let kept_with = |place: usize| {
        let mut order = order.to_vec();
        order.insert(place, newcomer.clone());
        kept(before, &layout, &order)
    };
    // The last of the best, so that ids of early hosts stay put.
    (0..=order.len()).max_by_key(|&place| kept_with(place)).unwrap_or(order.len())
}

/// Agents that stay with their host.
pub(crate) fn kept(before: &[Owner], layout: &Layout, order: &[Name]) -> u64 {
    let ranges = order.iter().zip(0..layout.len()).map(|(name, rank)| (name, layout.range(rank)));
    ranges
        .filter_map(|(name, range)| {
            let old = before.iter().find(|owner| owner.name == *name)?.range;
            Some(range.end.min(old.end).saturating_sub(range.start.max(old.start)))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(hosts: &[&str]) -> Vec<Name> {
        hosts.iter().map(|host| Name::new(*host).unwrap()).collect()
    }

    fn owners(agents: u64, hosts: &[&str]) -> Vec<Owner> {
        let layout = Layout::even(agents, hosts.len());
        let owner = |(rank, name)| Owner { name, range: layout.range(rank) };
        names(hosts).into_iter().enumerate().map(owner).collect()
    }

    proptest! {
        #[test]
        fn ranges_cover_everyone_once_and_begin_at_blocks(
            agents in 1_u64..3_000_000, hosts in 0_usize..40, seed: u64,
        ) {
            let layout = Layout::by_cost(agents, hosts, |block| (block ^ seed) % 17);
            let text = serde_json::to_string(&layout).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Layout>(&text).unwrap(), &layout);
            prop_assert_eq!(layout.agents(), agents);
            prop_assert_eq!(layout.len() as u64, (hosts.max(1) as u64).min(blocks(agents)));
            for rank in 0..layout.len() {
                let range = layout.range(rank);
                prop_assert!(!range.is_empty());
                prop_assert_eq!(layout.owner(range.start), Some(rank));
                prop_assert_eq!(layout.owner(range.end - 1), Some(rank));
            }
            prop_assert_eq!(layout.owner(agents), None);
        }

        #[test]
        fn equal_costs_give_ranges_that_differ_by_a_block(
            blocks in 1_u64..500, hosts in 1_usize..40,
        ) {
            let layout = Layout::even(blocks * BLOCK as u64, hosts);
            let lengths: Vec<u64> = (0..layout.len())
                .map(|rank| layout.range(rank).end - layout.range(rank).start)
                .collect();
            let (least, most) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
            prop_assert!(most - least <= BLOCK as u64);
        }
    }

    #[test]
    fn costly_blocks_make_short_ranges() {
        let cost = |block| if block < 10 { 90 } else { 0 };
        let layout = Layout::by_cost(100 * BLOCK as u64, 2, cost);
        assert_eq!(layout.range(0).end, 6 * BLOCK as u64);
    }

    #[test]
    fn a_newcomer_is_placed_by_what_agents_cost() {
        let load = Load::of_blocks((0..40).map(|block| if block < 10 { 90 } else { 0 }).collect());
        let agents = 40 * BLOCK as u64;
        let layout = load.layout(agents, 2);
        assert_eq!(layout.range(0).end, 5 * BLOCK as u64 + BLOCK as u64);
        let owner = |(rank, name)| Owner { name, range: layout.range(rank) };
        let before: Vec<Owner> = names(&["a", "b"]).into_iter().enumerate().map(owner).collect();
        let order = arrange(agents, &load, &before, &names(&["a", "b", "c"]));
        assert_eq!(order.len(), 3);
        let kept_so = kept(&before, &load.layout(agents, 3), &order);
        for other in [["a", "b", "c"], ["a", "c", "b"], ["c", "a", "b"]] {
            assert!(kept_so >= kept(&before, &load.layout(agents, 3), &names(&other)), "{other:?}");
        }
    }

    #[test]
    fn cuts_that_are_none_are_refused() {
        for bad in ["[]", "[0]", "[1,2]", "[0,0]", "[0,5,10]", "[0,8192,4096]"] {
            assert!(serde_json::from_str::<Layout>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_newcomer_takes_the_place_of_the_dead_and_nobody_else_moves() {
        let agents = 40 * BLOCK as u64;
        let before = owners(agents, &["a", "b", "c", "d"]);
        let order = arrange(agents, &Load::default(), &before, &names(&["a", "c", "d", "z"]));
        assert_eq!(order, names(&["a", "z", "c", "d"]));
        let layout = Layout::even(agents, 4);
        assert_eq!(kept(&before, &layout, &order), 30 * BLOCK as u64);
    }

    #[test]
    fn those_who_stay_keep_their_order() {
        let agents = 40 * BLOCK as u64;
        let before = owners(agents, &["c", "a", "b"]);
        assert_eq!(
            arrange(agents, &Load::default(), &before, &names(&["a", "b", "c"])),
            names(&["c", "a", "b"])
        );
        assert_eq!(
            arrange(agents, &Load::default(), &before, &names(&["b", "c"])),
            names(&["c", "b"])
        );
        let order = arrange(agents, &Load::default(), &before, &names(&["a", "b", "c", "d"]));
        let rest: Vec<Name> = order.into_iter().filter(|name| name.as_str() != "d").collect();
        assert_eq!(rest, names(&["c", "a", "b"]));
    }

    #[test]
    fn there_are_no_more_hosts_than_blocks() {
        assert_eq!(arrange(1, &Load::default(), &[], &names(&["b", "a"])), names(&["a"]));
    }
}
