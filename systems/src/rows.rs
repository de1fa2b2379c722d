//! Rows of agents in agent order, whatever order they were spawned in.

use throng_engine::{AgentId, AgentRange, Pool};

/// Copies each agent's value to the agent's place in the range.
pub(crate) fn place_by_agent<T: Clone + Send + Sync>(
    pool: &Pool,
    range: AgentRange,
    agents: &[AgentId],
    values: &[T],
    places: &mut [T],
) {
    let first = agents.first().map_or(0, |agent| range.offset(*agent));
    if agents.is_sorted() {
        let places = &mut places[first..first + agents.len()];
        pool.chunks((values, places), |(values, places)| places.clone_from_slice(values));
    } else {
        for (agent, value) in agents.iter().zip(values) {
            places[range.offset(*agent)].clone_from(value);
        }
    }
}

/// The rows in agent order: nothing when they are so already.
pub(crate) fn order(agents: &[AgentId]) -> Option<Vec<u32>> {
    if agents.is_sorted() {
        return None;
    }
    let mut rows: Vec<u32> = (0..agents.len() as u32).collect();
    rows.sort_unstable_by_key(|&row| agents[row as usize]);
    Some(rows)
}

/// Visits rows in agent order.
pub(crate) fn each_in_order(agents: &[AgentId], mut visit: impl FnMut(usize)) {
    match order(agents) {
        None => (0..agents.len()).for_each(visit),
        Some(rows) => rows.into_iter().for_each(|row| visit(row as usize)),
    }
}
