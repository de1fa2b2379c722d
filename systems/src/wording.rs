//! What a scenario says to a model in words: the values of its two templates, for previews and for questions.

use bevy_ecs::prelude::*;
use throng_engine::record::Columns;
use throng_engine::{AgentId, Answer, Phase, Simulation};

use crate::exchange::RestSystems;
use crate::{
    Announcement, AskInWords, Asks, Awake, ModelRef, PlayPolicies, Policy, PromptText, Questions,
    TemplateError, TemplateValue, Templates,
};

/// The values that a scenario's templates `rules` and `question` name.
pub trait Wording: Send + Sync + 'static {
    /// What is the same for everyone; servers reuse it.
    fn rules(world: &World) -> TemplateValue;
    /// What is one agent's own.
    fn question(world: &World, agent: EntityRef<'_>) -> TemplateValue;
}

/// Prompts in files, as an extension of the simulation.
pub trait Prompts {
    /// Asks every agent in every exchange for an answer of type `A`, unless it is not [`Awake`]: policies of
    /// type `P`, and models in words, with the values of `W` in the texts of two files, rules and question.
    ///
    /// # Panics
    /// If one of the texts is no template; a test of the scenario renders both.
    fn asks_all<A, P, W>(&mut self, rules: &'static str, question: &'static str) -> &mut Self
    where
        A: Answer + Columns,
        P: Policy<A>,
        W: Wording;
}

impl Prompts for Simulation {
    fn asks_all<A, P, W>(&mut self, rules: &'static str, question: &'static str) -> &mut Self
    where
        A: Answer + Columns,
        P: Policy<A>,
        W: Wording,
    {
        let templates = Templates::new(&[("rules", rules), ("question", question)]);
        self.insert_resource(templates.expect("the prompts beside the scenario are templates"))
            .asks::<A>()
            .policies::<A, P>()
            .asks_in_words::<A>(A::shape())
            .add_systems(Phase::Prompt, ask_in_words::<A, W>.after(RestSystems))
    }
}

/// The prompt of one agent.
///
/// # Errors
/// When a template names a value that is not given.
///
/// # Panics
/// If the agent does not live in this world.
pub fn prompt_of<W: Wording>(
    world: &mut World,
    agent: AgentId,
) -> Result<PromptText, TemplateError> {
    let mut agents = world.query::<(Entity, &AgentId)>();
    let (entity, _) =
        agents.iter(world).find(|(_, own)| **own == agent).expect("the agent lives in this world");
    let (world, templates) = (&*world, world.resource::<Templates>());
    let question = templates.render("question", W::question(world, world.entity(entity)))?;
    Ok(PromptText {
        system: templates.render("rules", W::rules(world))?,
        user: world.resource::<Announcement>().above(question),
    })
}

/// Asks everyone who is awake and whose model reads.
fn ask_in_words<A: Answer, W: Wording>(world: &mut World) -> Result<(), BevyError> {
    if !world.resource::<Questions<A>>().any() {
        return Ok(());
    }
    let agents = world.query::<(Entity, &AgentId, &ModelRef, Option<&Awake>)>();
    world.resource_scope(|world, mut questions: Mut<'_, Questions<A>>| {
        let world = &*world;
        let (templates, announced) =
            (world.resource::<Templates>(), world.resource::<Announcement>());
        let rules = questions.shared(&templates.render("rules", W::rules(world))?)?;
        for (entity, agent, model, awake) in agents.iter_manual(world) {
            if awake.is_none_or(|awake| awake.0) && questions.in_words(*model) {
                let text =
                    templates.render("question", W::question(world, world.entity(entity)))?;
                questions.ask(*agent, *model, rules, &announced.above(text))?;
            }
        }
        Ok(())
    })
}
