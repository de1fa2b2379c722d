//! Policies: models that are Rust code and answer without a call.

use std::time::Duration;

use bevy_ecs::prelude::*;
use throng_engine::stream::{Stream, Streams};
use throng_engine::{AgentId, Answer};

use crate::{Awake, ModelRef, Reply};

/// A model that answers in the process, for whole chunks of agents.
pub trait Policy<A: Answer>: Send + Sync + 'static {
    /// The agent's own component that a decision may look at.
    type Sees: Component;
    /// What all agents are told.
    type News: Resource;
    /// What is the same for all agents of a round, made once.
    type Round: Send + Sync;

    /// Prepares a round.
    fn begin(&self, news: &Self::News) -> Self::Round;

    /// Answers for the agents of a chunk, usually through [`Chunk::answer`].
    fn answer(&self, round: &Self::Round, chunk: Chunk<'_, A, Self::Sees>);

    /// How long an agent thinks. All think at the same time, so a round lasts as long as the slowest policy.
    fn think(&self) -> Duration {
        Duration::ZERO
    }
}

/// The policies of a run, each with the model it stands for.
#[derive(Resource, Clone, Debug, Default)]
pub struct Policies<P: Send + Sync + 'static> {
    /// Policies in the order of the configuration.
    pub entries: Vec<(ModelRef, P)>,
}

/// Rows of agents for which one policy may answer.
#[derive(Debug)]
pub struct Chunk<'a, A: Send + Sync + 'static, S> {
    pub(crate) model: ModelRef,
    pub(crate) streams: Streams,
    pub(crate) agents: &'a [AgentId],
    /// The model of each agent, unless all agents have this one.
    pub(crate) models: Option<&'a [ModelRef]>,
    /// Who is asked, unless everyone is.
    pub(crate) awake: Option<&'a [Awake]>,
    pub(crate) seen: &'a [S],
    pub(crate) replies: &'a mut [Reply<A>],
}

impl<A: Send + Sync, S> Chunk<'_, A, S> {
    /// Answers for each agent of the policy's model from what it sees and its own random numbers.
    #[inline]
    pub fn answer(self, decide: impl Fn(&S, &mut Stream) -> A) {
        let Self { model, streams, agents, models, awake, seen, replies } = self;
        assert!(
            seen.len() == agents.len() && replies.len() == agents.len(),
            "a row has all columns"
        );
        if let Some(awake) = awake {
            for (row, awake) in awake.iter().enumerate() {
                if awake.0 && models.is_none_or(|models| models[row] == model) {
                    let mut stream = streams.agent(agents[row]);
                    replies[row] = Reply::Answered(decide(&seen[row], &mut stream));
                }
            }
            return;
        }
        match models {
            None => streams.each(agents, |row, stream| {
                replies[row] = Reply::Answered(decide(&seen[row], stream));
            }),
            Some(models) => {
                for (row, own) in models.iter().enumerate() {
                    if *own == model {
                        let mut stream = streams.agent(agents[row]);
                        replies[row] = Reply::Answered(decide(&seen[row], &mut stream));
                    }
                }
            }
        }
    }
}
