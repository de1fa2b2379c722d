//! Guess a fraction of the average: everyone reports a number, and whoever comes closest to the target wins.
//!
//! The target is offset + ratio × mean of the numbers reported; with ratio 2/3 it is the game of R. Nagel,
//! "Unraveling in Guessing Games", American Economic Review 85(5), 1995. After every round the target and the
//! winning number are announced to all, and everyone remembers what they reported themselves.

pub mod policy;
mod prompt;
mod results;
pub mod rules;

use std::time::Duration;

use throng_systems::prelude::*;
use throng_systems::{PolicyEntry, PolicySet};

use policy::{GuessPolicy, Own, View};
pub use results::GameRound;
use rules::{Grid, Rules, Thinking};

/// Characters of the reasoning before an answer.
const REASONING_CHARS_MAX: usize = 1_200;

/// What was announced after each finished round, oldest first.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
pub struct News {
    /// The rules as they are in this round.
    pub rules: Rules,
    /// Means of the numbers reported; NaN for a round that nobody answered.
    pub means: Vec<f64>,
    /// Targets; NaN for a round that nobody answered.
    pub targets: Vec<f64>,
    /// The numbers that won: one, two that are equally close, or none.
    pub winning: Vec<Vec<Decimal>>,
}

/// The game as a command line offers it.
pub fn scenario() -> Scenario {
    let about =
        "Guess a fraction of the average: whoever is closest to offset + ratio × mean wins.";
    Scenario::new::<Rules, policy::Policy>(
        "guessing-game",
        1,
        about,
        guessing_game,
        prompt::preview,
    )
    .summarising("guess")
}

/// Registers the game.
pub fn guessing_game(sim: &mut Simulation) {
    let rules = sim.resource::<Rules>().clone();
    sim.insert_resource(News { rules: rules.clone(), ..News::default() })
        .insert_resource(prompt::templates())
        .carries::<Guess>()
        .carries::<Memory>()
        .asks::<Guess>()
        .policies::<Guess, policy::Policy>()
        .asks_in_words::<Guess>(prompt::shape(&rules))
        .add_systems(Phase::Announce, follow)
        .add_systems(Phase::Prompt, prompt::ask)
        .add_systems(Phase::Decide, decide)
        .add_systems(Phase::Update, remember)
        .add_systems(Phase::Resolve, results::resolve)
        .summarises::<(Accounting, GameRound)>();
    if rules.thinking == Thinking::StepByStep {
        sim.thinks_first::<Guess>(REASONING_CHARS_MAX);
    }
}

/// Plays by the rules as they are now.
fn follow(rules: Res<Rules>, mut news: ResMut<News>) {
    if rules.is_changed() {
        news.rules = rules.clone();
    }
}

/// Takes the answers; whoever has none keeps the number reported last.
fn decide(pool: Res<Pool>, mut players: Query<(&Reply<Guess>, &mut Guess)>) {
    for (replies, mut guesses) in players.contiguous_iter_mut().expect("players lie in tables") {
        pool.chunks((replies, guesses.bypass_change_detection()), |(replies, guesses)| {
            for (reply, guess) in replies.iter().zip(guesses) {
                match reply {
                    Reply::Answered(answer) => *guess = *answer,
                    Reply::Failed(_) | Reply::NotAsked => (),
                }
            }
        });
    }
}

/// Players remember what they reported, or that they did not.
fn remember(pool: Res<Pool>, mut players: Query<(&Reply<Guess>, &mut Memory)>) {
    for (replies, mut memories) in players.contiguous_iter_mut().expect("players lie in tables") {
        pool.chunks((replies, memories.bypass_change_detection()), |(replies, memories)| {
            for (reply, memory) in replies.iter().zip(memories) {
                memory.remember(reply.answer().map(|guess| guess.0));
            }
        });
    }
}

/// A policy prepared for a round; the policy is chosen once per chunk of players.
trait Prepared: Send + Sync {
    fn answer(&self, chunk: Chunk<'_, Guess, Memory>);
}

struct PreparedPolicy<P: GuessPolicy> {
    policy: P,
    round: P::Round,
    grid: Grid,
}

impl<P: GuessPolicy + Send + Sync> Prepared for PreparedPolicy<P> {
    fn answer(&self, chunk: Chunk<'_, Guess, Memory>) {
        chunk.answer(|memory, stream| {
            let own = Own { guesses: memory.reports() };
            Guess(self.grid.settle(self.policy.guess(&self.round, &own, stream)))
        });
    }
}

/// A policy prepared for a round, whichever it is.
pub struct RoundOfPolicy(Box<dyn Prepared>);

impl std::fmt::Debug for RoundOfPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoundOfPolicy").finish_non_exhaustive()
    }
}

impl Policy<Guess> for policy::Policy {
    type Sees = Memory;
    type News = News;
    type Round = RoundOfPolicy;

    fn begin(&self, news: &News) -> RoundOfPolicy {
        fn prepare<P>(policy: &P, news: &News) -> RoundOfPolicy
        where
            P: GuessPolicy + Clone + Send + Sync + 'static,
        {
            let view = View { rules: &news.rules, means: &news.means, targets: &news.targets };
            let (policy, grid) = (policy.clone(), news.rules.grid());
            RoundOfPolicy(Box::new(PreparedPolicy { round: policy.begin(&view), policy, grid }))
        }
        match self {
            Self::HumanLike(policy) => prepare(policy, news),
            Self::LevelK(policy) => prepare(policy, news),
            Self::CognitiveHierarchy(policy) => prepare(policy, news),
            Self::BestResponse(policy) => prepare(policy, news),
            Self::LearningDirection(policy) => prepare(policy, news),
            Self::Uniform(policy) => prepare(policy, news),
            Self::Equilibrium(policy) => prepare(policy, news),
        }
    }

    fn think(&self) -> Duration {
        match self {
            Self::Uniform(policy) => Duration::from_millis(policy.think_ms().into()),
            _ => Duration::ZERO,
        }
    }

    fn answer(&self, round: &RoundOfPolicy, chunk: Chunk<'_, Guess, Memory>) {
        round.0.answer(chunk);
    }
}

/// A parameter's name, and its meaning, default and range in words.
fn described(parameter: &policy::Parameter) -> (String, String) {
    let (meaning, default, range) = (parameter.meaning(), parameter.default(), parameter.range());
    (parameter.name().to_owned(), format!("{meaning} (default {default}; {range})"))
}

impl PolicySet for policy::Policy {
    fn catalogue() -> Vec<PolicyEntry> {
        let entry = |info: &policy::PolicyInfo| PolicyEntry {
            name: info.name.to_owned(),
            about: info.sentence.to_owned(),
            source: info.source.to_owned(),
            parameters: info.parameters.iter().map(described).collect(),
        };
        Self::catalogue().iter().map(entry).collect()
    }

    fn parse(policy: &str, parameters: &toml::Table) -> Result<Self, Problem> {
        Self::parse(policy, parameters)
    }
}

#[cfg(test)]
mod tests;
