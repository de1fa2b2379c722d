//! Questions in words: written by a scenario, answered through the bridge, handed back in agent order.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bevy_ecs::prelude::*;
use thiserror::Error;
use throng_engine::{
    AgentId, Answer, AnswerValue, Exchanges, Mesh, Phase, Population, Round, Seed, Shape,
    Simulation,
};
use throng_llm_bridge as bridge;
use throng_llm_bridge::exchange::Before;

use crate::exchange::PolicySystems;
use crate::{Announcement, Cause, ModelRef, Reply};

/// The way to the models that answer in words; absent in a run of policies alone.
#[derive(Resource, Clone)]
pub struct BridgeHandle {
    responder: Arc<dyn bridge::Responder>,
    /// Failed replies of an exchange past which the rest is not asked any more.
    failed_max: Option<u64>,
    /// For each model of the run its place in the bridge's configuration; none for a policy.
    places: Arc<[Option<u16>]>,
}

/// What the exchanges of a round cost, over all agents of this world.
#[derive(Resource, Clone, Debug, Default)]
pub struct Calls {
    /// The round.
    pub round: u32,
    /// Counts that reconcile with the endpoints' own.
    pub totals: bridge::Totals,
}

/// Why the round could not be finished; the run can be resumed.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Halt(pub Option<bridge::Stop>);

/// The questions of this round that go to models.
#[derive(Resource)]
pub struct Questions<A: Answer> {
    shape: Shape,
    /// Characters of reasoning before an answer, where there is to be any.
    reasoning: Option<usize>,
    prompts: bridge::Prompts,
    asks: Vec<bridge::Ask>,
    /// For each model of the run its place in the bridge's configuration; none for a policy.
    places: Arc<[Option<u16>]>,
    answer: std::marker::PhantomData<fn() -> A>,
}

/// Why questions could not be asked.
#[derive(Debug, Error)]
pub enum QuestionError {
    /// More distinct texts than a round may have.
    #[error("a round has too many distinct prompts")]
    TooMany,
    /// A model is asked in words, and the run has no bridge.
    #[error("a model that answers in words is asked, but this run has none")]
    NoBridge,
    /// The bridge failed.
    #[error("{0}")]
    Bridge(#[from] bridge::ExchangeError),
    /// The exchange was stopped before every question was tried.
    #[error(
        "the exchange was stopped ({0:?}); what was answered is kept, and the run can be resumed"
    )]
    Stopped(bridge::Stop),
    /// Another world ended.
    #[error("{0}")]
    Mesh(#[from] throng_engine::MeshError),
}

/// A text that many agents share; held once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedText(bridge::prompt::TextId);

/// A whole prompt that many agents share; good until the questions are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedPrompt(bridge::PromptId);

impl BridgeHandle {
    /// A handle on a bridge; `places` says for each model of the run where the bridge has it.
    pub fn new(responder: Arc<dyn bridge::Responder>, places: Vec<Option<u16>>) -> Self {
        Self { responder, failed_max: None, places: places.into() }
    }

    /// Breaks an exchange off when more than `most` of its replies have failed.
    #[must_use]
    pub fn failing_at_most(mut self, most: u64) -> Self {
        self.failed_max = Some(most);
        self
    }
}

impl<A: Answer> Questions<A> {
    /// Whether this model is asked in words: a policy is not.
    pub fn in_words(&self, model: ModelRef) -> bool {
        self.places.get(usize::from(model.0)).is_some_and(Option::is_some)
    }

    /// Whether any model of the run is asked in words.
    pub fn any(&self) -> bool {
        self.places.iter().any(Option::is_some)
    }

    /// A text that many agents share, such as the rules of a game. Put it first: servers reuse a prefix.
    ///
    /// # Errors
    /// When a round has too many distinct texts.
    pub fn shared(&mut self, text: &str) -> Result<SharedText, QuestionError> {
        self.prompts.text(text).map(SharedText).map_err(|_| QuestionError::TooMany)
    }

    /// Asks an agent; agents that are not asked keep [`Reply::NotAsked`]. A question to a policy is dropped:
    /// it does not read.
    ///
    /// # Errors
    /// When a round has too many distinct prompts.
    pub fn ask(
        &mut self,
        agent: AgentId,
        model: ModelRef,
        system: SharedText,
        user: &str,
    ) -> Result<(), QuestionError> {
        if self.in_words(model) {
            let prompt = self.prompt(system, user)?;
            self.put(agent, model, prompt);
        }
        Ok(())
    }

    /// A prompt that may be put to many agents, so that its text is made and looked up once.
    ///
    /// # Errors
    /// When a round has too many distinct prompts.
    pub fn prompt(
        &mut self,
        system: SharedText,
        user: &str,
    ) -> Result<SharedPrompt, QuestionError> {
        let user = self.prompts.text(user).map_err(|_| QuestionError::TooMany)?;
        let messages: [(bridge::Role, &[_]); 2] =
            [(bridge::Role::System, &[system.0]), (bridge::Role::User, &[user])];
        let prompt = self.prompts.prompt(&messages).map_err(|_| QuestionError::TooMany)?;
        Ok(SharedPrompt(prompt))
    }

    /// Asks an agent with a prompt of this exchange. A question to a policy is dropped: it does not read.
    pub fn put(&mut self, agent: AgentId, model: ModelRef, SharedPrompt(prompt): SharedPrompt) {
        if let Some(Some(place)) = self.places.get(usize::from(model.0)).copied() {
            self.asks.push(bridge::Ask { agent: agent.0.into(), prompt, model: place, answer: 0 });
        }
    }

    /// Questions written so far.
    pub fn len(&self) -> usize {
        self.asks.len()
    }

    /// Whether nobody is asked.
    pub fn is_empty(&self) -> bool {
        self.asks.is_empty()
    }
}

/// Asking in words, as an extension of the simulation.
pub trait AskInWords {
    /// Lets the questions in [`Questions<A>`] be answered in every exchange, within the given shape.
    fn asks_in_words<A: Answer>(&mut self, shape: Shape) -> &mut Self;

    /// Lets models write down at most this many characters of reasoning before their answer, in the same reply.
    ///
    /// # Panics
    /// Unless it `asks_in_words` for such answers.
    fn thinks_first<A: Answer>(&mut self, chars_max: usize) -> &mut Self;
}

impl AskInWords for Simulation {
    fn asks_in_words<A: Answer>(&mut self, shape: Shape) -> &mut Self {
        let handle = self.get_resource::<BridgeHandle>();
        let places = handle.map_or_else(|| Arc::from([]), |handle| Arc::clone(&handle.places));
        self.insert_resource(Questions::<A> {
            shape,
            reasoning: None,
            prompts: bridge::Prompts::new(),
            asks: Vec::new(),
            places,
            answer: std::marker::PhantomData,
        })
        .init_resource::<Announcement>()
        .init_resource::<Calls>()
        .init_resource::<Halt>()
        .add_systems(Phase::Exchange, exchange::<A>.before(PolicySystems))
    }

    fn thinks_first<A: Answer>(&mut self, chars_max: usize) -> &mut Self {
        self.world_mut().resource_mut::<Questions<A>>().reasoning = Some(chars_max);
        self
    }
}

/// Sends the questions of this world and writes a reply to everyone who was asked.
fn exchange<A: Answer>(
    handle: Option<Res<BridgeHandle>>,
    (seed, round, exchanges): (Res<Seed>, Res<Round>, Res<Exchanges>),
    (mesh, population): (Res<Mesh>, Res<Population>),
    (mut questions, mut calls, mut halt): (ResMut<Questions<A>>, ResMut<Calls>, ResMut<Halt>),
    mut agents: Query<(&AgentId, &mut Reply<A>)>,
) -> Result<(), BevyError> {
    if calls.round != round.0 {
        *calls = Calls { round: round.0, ..Calls::default() };
    }
    if !questions.any() {
        return Ok(());
    }
    let handle = handle.ok_or(QuestionError::NoBridge)?;
    let batch = questions.batch((*seed, *round, exchanges.current()), &mesh, &handle)?;
    let asked: Vec<u64> = batch.asks.iter().map(|ask| ask.agent).collect();
    let done = handle.responder.exchange(batch).map_err(QuestionError::from)?;
    calls.totals.add(&done.totals);
    if let Some(stop) = stop_of_any(&mesh, done.stop)? {
        halt.0 = Some(stop);
        return Err(QuestionError::Stopped(stop).into());
    }
    let range = population.range;
    let mut replies = vec![Reply::NotAsked; range.len()];
    for (agent, reply) in asked.into_iter().zip(&done.replies) {
        replies[range.offset(AgentId(agent as u32))] = questions.read(reply);
    }
    for (agent, mut own) in &mut agents {
        *own = std::mem::take(&mut replies[range.offset(*agent)]);
    }
    Ok(())
}

impl<A: Answer> Questions<A> {
    /// The questions as a batch of the bridge; there are none left afterwards.
    fn batch(
        &mut self,
        (seed, round, exchange): (Seed, Round, u32),
        mesh: &Mesh,
        handle: &BridgeHandle,
    ) -> Result<bridge::Batch, QuestionError> {
        let mut asks = std::mem::take(&mut self.asks);
        asks.sort_unstable_by_key(|ask| ask.agent);
        let mut batch = bridge::Batch {
            moment: bridge::Moment { round: round.0, exchange },
            run_seed: seed.0,
            asks,
            prompts: std::mem::take(&mut self.prompts).shared(),
            answers: Arc::from([self.spec()]),
            deadline: None,
            failed_max: handle.failed_max,
            ranks_before: BTreeMap::new(),
            apart: None,
        };
        if mesh.size() > 1 {
            batch.ranks_before = ranks_before(&batch, mesh, handle)?;
        }
        Ok(batch)
    }
}

impl<A: Answer> Questions<A> {
    /// The type of a reply: the answer, behind the reasoning where there is to be any.
    fn spec(&self) -> bridge::AnswerSpec {
        let answer = spec(&self.shape);
        let Some(chars_max) = self.reasoning else { return answer };
        let field = |name: &str, description: &str, answer| bridge::Field {
            name: name.to_owned(),
            description: description.to_owned(),
            answer,
        };
        let reasoning = bridge::AnswerSpec::Text { length_max: chars_max as u32 };
        bridge::AnswerSpec::Object {
            fields: vec![
                field("reasoning", "The steps that lead to the answer.", reasoning),
                field("answer", "The answer that follows from them.", answer),
            ],
        }
    }

    /// A reply of the bridge as a reply of the scenario's type.
    fn read(&self, reply: &bridge::Reply) -> Reply<A> {
        let answer = match (&reply.status, self.reasoning) {
            (bridge::Status::Failed(failure), _) => return Reply::Failed(failure.cause.into()),
            (bridge::Status::Answered(bridge::Answer::Object(parts)), Some(_)) => parts.last(),
            (bridge::Status::Answered(answer), _) => Some(answer),
        };
        let read = answer.map(|answer| A::from_value(&value(answer, &self.shape), &self.shape));
        match read {
            Some(Ok(answer)) => Reply::Answered(answer),
            _ => Reply::Failed(Cause::Invalid),
        }
    }
}

/// Why any world of the run stops, so that all of them do, and for one reason.
fn stop_of_any(
    mesh: &Mesh,
    mine: Option<bridge::Stop>,
) -> Result<Option<bridge::Stop>, QuestionError> {
    let all = [bridge::Stop::Budget, bridge::Stop::Failed, bridge::Stop::Cancelled];
    let place = mine.and_then(|mine| all.iter().position(|stop| *stop == mine));
    let places = mesh.gather(place.map(|place| place as u8))?;
    Ok(places.into_iter().flatten().find_map(|place| all.get(usize::from(place)).copied()))
}

/// How many agents of lower ranges ask each question, so that seeds do not depend on where ranges are cut.
fn ranks_before(
    batch: &bridge::Batch,
    mesh: &Mesh,
    handle: &BridgeHandle,
) -> Result<BTreeMap<bridge::CohortKey, Before>, QuestionError> {
    let sizes = bridge::exchange::cohort_sizes(batch, handle.responder.config())
        .map_err(bridge::ExchangeError::from)?;
    let plain = sizes.iter().map(|(key, part)| {
        let bridge::CohortKey { prompt, model, parameters } = key;
        ((prompt.0, model.0, parameters.0), (part.count, part.first))
    });
    let all = mesh.gather(plain.collect::<Vec<_>>())?;
    let mut before: BTreeMap<bridge::CohortKey, Before> = BTreeMap::new();
    for ((prompt, model, parameters), (count, first)) in all.into_iter().take(mesh.rank()).flatten()
    {
        let digest = bridge::digest::Digest;
        let key = bridge::CohortKey {
            prompt: digest(prompt),
            model: digest(model),
            parameters: digest(parameters),
        };
        let part = Before { count, first };
        before.entry(key).and_modify(|before| before.join(part)).or_insert(part);
    }
    Ok(before)
}

/// The bridge's word for a shape.
fn spec(shape: &Shape) -> bridge::AnswerSpec {
    match shape {
        Shape::Number { min, max, decimals: 0 } => {
            bridge::AnswerSpec::Integer { min: min.ceil() as i64, max: max.floor() as i64 }
        }
        Shape::Number { min, max, decimals } => {
            bridge::AnswerSpec::Number { min: *min, max: *max, decimals: *decimals }
        }
        Shape::Choice(choices) => {
            let options = choices.iter().map(|choice| choice.label.to_owned()).collect();
            bridge::AnswerSpec::Choice { options }
        }
        Shape::Text { chars_max } => bridge::AnswerSpec::Text { length_max: *chars_max as u32 },
        Shape::Object(parts) => {
            let field = |part: &throng_engine::Part| bridge::Field {
                name: part.name.to_owned(),
                description: part.description.to_owned(),
                answer: spec(&part.shape),
            };
            bridge::AnswerSpec::Object { fields: parts.iter().map(field).collect() }
        }
    }
}

/// An answer of the bridge as the value that its shape describes.
fn value(answer: &bridge::Answer, shape: &Shape) -> AnswerValue {
    match (answer, shape) {
        (bridge::Answer::Number(number), _) => AnswerValue::Number(*number),
        (bridge::Answer::Integer(number), _) => AnswerValue::Number(*number as f64),
        (bridge::Answer::Choice(place), Shape::Choice(choices)) => {
            let label = choices.get(*place as usize).map(|choice| choice.label);
            AnswerValue::Text(label.unwrap_or_default().to_owned())
        }
        (bridge::Answer::Choice(place), _) => AnswerValue::Number(f64::from(*place)),
        (bridge::Answer::Text(text), _) => AnswerValue::Text(text.to_string()),
        (bridge::Answer::Object(values), Shape::Object(parts)) => {
            let named = parts.iter().zip(values);
            let named =
                named.map(|(part, answer)| (part.name.to_owned(), value(answer, &part.shape)));
            AnswerValue::Object(named.collect())
        }
        (bridge::Answer::Object(_), _) => AnswerValue::Object(Vec::new()),
    }
}

/// The cause of a failure as tables have it.
impl From<bridge::Cause> for Cause {
    fn from(cause: bridge::Cause) -> Self {
        match cause {
            bridge::Cause::Timeout => Self::Timeout,
            bridge::Cause::Refused => Self::Refused,
            bridge::Cause::Invalid => Self::Invalid,
            bridge::Cause::HttpStatus(_) => Self::HttpStatus,
            bridge::Cause::ContextLength => Self::ContextLength,
            bridge::Cause::Budget => Self::Budget,
            // A quarantined request is one whose endpoints died of it.
            bridge::Cause::CircuitOpen | bridge::Cause::Quarantined => Self::CircuitOpen,
            bridge::Cause::Cancelled => Self::Cancelled,
            bridge::Cause::Unrecorded => Self::Unrecorded,
        }
    }
}

impl fmt::Debug for BridgeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BridgeHandle").field("places", &self.places).finish_non_exhaustive()
    }
}

impl<A: Answer> fmt::Debug for Questions<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Questions").field("asks", &self.asks.len()).finish_non_exhaustive()
    }
}
