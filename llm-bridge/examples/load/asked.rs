//! What is asked, and of whom.

use crate::{Outcome, Served};
use std::collections::BTreeMap;
use std::sync::Arc;
use throng_llm_bridge::store::Forgetful;
use throng_llm_bridge::{
    AnswerSpec, Ask, Batch, Bridge, BridgeConfig, EndpointConfig, Exchanged, ModelConfig, Moment,
    Prompts, Role,
};

/// One model at these servers, with up to `in_flight` requests at each and `n_max` choices in a request.
pub(crate) fn config(servers: &[&Served], in_flight: usize, n_max: u32) -> BridgeConfig {
    let mut model = ModelConfig::at("mock", &servers[0].url);
    model.endpoints = servers.iter().map(|served| EndpointConfig::at(&served.url)).collect();
    for endpoint in &mut model.endpoints {
        endpoint.quirks.n_max = Some(n_max);
        endpoint.in_flight_max = in_flight;
    }
    model.n_max = n_max;
    BridgeConfig { models: vec![model], ..BridgeConfig::default() }
}

/// A question per agent, of which `prompts` are distinct; each has 870 bytes.
pub(crate) fn batch(agents: u64, prompts: u64) -> Outcome<Batch> {
    let rules = "You are playing a guessing game with many others. ".repeat(17);
    let mut interned = Prompts::new();
    let mut ids = Vec::new();
    for place in 0..prompts {
        ids.push(
            interned.ask(&[(Role::System, &rules), (Role::User, &format!("Group {place}."))])?,
        );
    }
    let ask =
        |agent: u64| Ask { agent, prompt: ids[(agent % prompts) as usize], model: 0, answer: 0 };
    Ok(Batch {
        moment: Moment::default(),
        run_seed: 1,
        asks: (0..agents).map(ask).collect(),
        prompts: interned.shared(),
        answers: Arc::new([AnswerSpec::Integer { min: 0, max: 100 }]),
        deadline: None,
        failed_max: None,
        ranks_before: BTreeMap::new(),
        apart: None,
    })
}

/// Plays `batch` with a bridge of its own that keeps nothing; every ask must be answered.
pub(crate) fn play(config: BridgeConfig, batch: Batch) -> Outcome<Exchanged> {
    all_answered(Bridge::start(config, Arc::new(Forgetful))?.exchange(batch)?)
}

pub(crate) fn all_answered(played: Exchanged) -> Outcome<Exchanged> {
    if played.totals.failed > 0 {
        return Err(format!("{} replies failed", played.totals.failed).into());
    }
    Ok(played)
}
