//! Policies: models that are Rust code and guess without any call.
//!
//! A policy works out once per round what all of its agents share ([`GuessPolicy::begin`]), so that one agent's
//! guess costs a few nanoseconds ([`GuessPolicy::guess`]). A guess is a plain number; [`Rules::settle`] makes it
//! an answer.

mod best_response;
mod cognitive_hierarchy;
mod equilibrium;
mod human_like;
mod learning_direction;
mod level_k;
mod levels;
mod parameter;
mod quantiles;
#[cfg(test)]
mod tests;
mod uniform;

use throng_engine::Decimal;
use throng_engine::stream::Stream;

use super::rules::{Problem, Rules};

pub use best_response::BestResponse;
pub use cognitive_hierarchy::CognitiveHierarchy;
pub use equilibrium::Equilibrium;
pub use human_like::HumanLike;
pub use learning_direction::LearningDirection;
pub use level_k::LevelK;
pub use levels::Levels;
pub use parameter::{Number, Parameter, PolicyInfo, Shares, Whole};
pub use quantiles::Quantiles;
pub use uniform::Uniform;

/// What all players were told, oldest round first; empty in round 1.
///
/// Figures that are not finite (a round that nobody answered) are passed over.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The rules.
    pub rules: &'a Rules,
    /// The mean of each round.
    pub means: &'a [f64],
    /// The target of each round.
    pub targets: &'a [f64],
}

impl View<'_> {
    /// The means, latest first, bounded to the range.
    fn means_back(&self) -> impl Iterator<Item = f64> {
        self.means
            .iter()
            .rev()
            .filter(|mean| mean.is_finite())
            .map(|&mean| self.rules.bounded(mean))
    }

    /// The latest mean, if there is one.
    fn mean(&self) -> Option<f64> {
        self.means_back().next()
    }

    /// The latest target, if there is one.
    fn target(&self) -> Option<f64> {
        self.targets.iter().rev().copied().find(|target| target.is_finite())
    }

    /// What reasoning starts from: the latest mean, or the midpoint of the range.
    fn reference(&self) -> f64 {
        self.mean().unwrap_or_else(|| self.rules.midpoint())
    }
}

/// What one agent remembers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own<'a> {
    /// Its guesses, latest first; possibly none.
    pub guesses: &'a [Decimal],
}

/// A way to guess.
pub trait GuessPolicy {
    /// What all agents of the policy share in a round.
    type Round: Send + Sync;

    /// Prepares a round; may take its time.
    fn begin(&self, view: &View<'_>) -> Self::Round;

    /// One agent's guess: finite, not yet bounded or rounded. Allocates nothing.
    fn guess(&self, round: &Self::Round, own: &Own<'_>, stream: &mut Stream) -> f64;
}

/// A policy with its parameters; callers match once per block of agents, so that guesses dispatch statically.
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// Guesses as people in experiments did.
    HumanLike(HumanLike),
    /// Fixed levels of reasoning.
    LevelK(LevelK),
    /// Levels that answer the Poisson mix of all lower ones.
    CognitiveHierarchy(CognitiveHierarchy),
    /// The best answer to the previous mean.
    BestResponse(BestResponse),
    /// A move toward what would have been better.
    LearningDirection(LearningDirection),
    /// Any number, equally likely.
    Uniform(Uniform),
    /// The fixed point.
    Equilibrium(Equilibrium),
}

/// Every policy's description, in the order in which they are listed.
static CATALOGUE: [PolicyInfo; 7] = [
    human_like::INFO,
    level_k::INFO,
    cognitive_hierarchy::INFO,
    best_response::INFO,
    learning_direction::INFO,
    uniform::INFO,
    equilibrium::INFO,
];

impl Policy {
    /// Name, meaning, parameters and source of every policy.
    pub fn catalogue() -> &'static [PolicyInfo] {
        &CATALOGUE
    }

    /// The policy of this name with these parameters; those left out take their defaults.
    pub fn parse(name: &str, parameters: &toml::Table) -> Result<Self, Problem> {
        let info =
            CATALOGUE.iter().find(|info| info.name == name).ok_or_else(|| unknown_policy(name))?;
        info.refuse_unknown(parameters)?;
        Ok(match name {
            "human-like" => Self::HumanLike(HumanLike::read(parameters)?),
            "level-k" => Self::LevelK(LevelK::read(parameters)?),
            "cognitive-hierarchy" => {
                Self::CognitiveHierarchy(CognitiveHierarchy::read(parameters)?)
            }
            "best-response" => Self::BestResponse(BestResponse::read(parameters)?),
            "learning-direction" => Self::LearningDirection(LearningDirection::read(parameters)?),
            "uniform" => Self::Uniform(Uniform::read(parameters)?),
            "equilibrium" => Self::Equilibrium(Equilibrium),
            _ => return Err(unknown_policy(name)),
        })
    }

    /// The description of this policy.
    pub const fn info(&self) -> &'static PolicyInfo {
        match self {
            Self::HumanLike(_) => &human_like::INFO,
            Self::LevelK(_) => &level_k::INFO,
            Self::CognitiveHierarchy(_) => &cognitive_hierarchy::INFO,
            Self::BestResponse(_) => &best_response::INFO,
            Self::LearningDirection(_) => &learning_direction::INFO,
            Self::Uniform(_) => &uniform::INFO,
            Self::Equilibrium(_) => &equilibrium::INFO,
        }
    }

    /// All parameters with the values in force: [`Policy::parse`] makes the same policy from them.
    pub fn parameters(&self) -> toml::Table {
        match self {
            Self::HumanLike(policy) => policy.write(),
            Self::LevelK(policy) => policy.write(),
            Self::CognitiveHierarchy(policy) => policy.write(),
            Self::BestResponse(policy) => policy.write(),
            Self::LearningDirection(policy) => policy.write(),
            Self::Uniform(policy) => policy.write(),
            Self::Equilibrium(Equilibrium) => toml::Table::new(),
        }
    }
}

fn unknown_policy(name: &str) -> Problem {
    let names: Vec<&str> = CATALOGUE.iter().map(|info| info.name).collect();
    Problem::new(
        "policy",
        format!("there is no policy `{name}`"),
        format!("write one of {}", names.join(", ")),
    )
}
