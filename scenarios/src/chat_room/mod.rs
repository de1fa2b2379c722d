//! Chat rooms: members join and leave, say something or nothing, and answer when they are mentioned by name.
//!
//! A round has a few exchanges: who is mentioned with `@name` in one is asked in the next. In the first exchange
//! everyone in the room is asked, later ones only those who were mentioned.

mod policy;
mod results;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::environment::{EnvironmentId, Within};
use throng_systems::mail::{Audience, Board, PostRules, PostSystems, Posting, Posts};
use throng_systems::prelude::*;
use throng_systems::timeline::{AwakeSystems, TurnOrder, Turns};
use throng_systems::{Awake, TemplateValue, out_of_range, prompt_of, template_values};

pub use policy::{Member, News, Present, Words};
pub use results::ChatRound;

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

const DOOR: Purpose = Purpose::new("chat room door");

/// The rooms.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rooms {
    /// Members of a room; agents follow each other in rooms.
    pub members: u32,
    /// The probability that a member who is out comes in before a round.
    pub comes: f64,
    /// The probability that a member who is in leaves before a round.
    pub leaves: f64,
    /// Exchanges of a round.
    pub exchanges: u32,
    /// What is announced in every room.
    pub announcement: String,
}

impl Default for Rooms {
    fn default() -> Self {
        let announcement = "Be kind to each other.".to_owned();
        Self { members: 6, comes: 0.5, leaves: 0.1, exchanges: 3, announcement }
    }
}

impl Settings for Rooms {
    fn problems(&self) -> Vec<Problem> {
        let members = out_of_range("members", self.members.into(), 2.0, 1_000.0);
        let exchanges = out_of_range("exchanges", self.exchanges.into(), 1.0, 100.0);
        let comes = out_of_range("comes", self.comes, 0.0, 1.0);
        let leaves = out_of_range("leaves", self.leaves, 0.0, 1.0);
        [members, exchanges, comes, leaves].into_iter().flatten().collect()
    }
}

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "Rooms in which members speak, mention each other and answer.";
    Scenario::new::<Rooms, Member>("chat-room", 1, about, chat_room, prompt_of::<Prompt>)
}

/// The values of the prompts.
struct Prompt;

impl Wording for Prompt {
    fn rules(world: &World) -> TemplateValue {
        let Rooms { members, announcement, .. } = world.resource();
        template_values! { members, announcement }
    }

    fn question(world: &World, member: EntityRef<'_>) -> TemplateValue {
        let present: Present = member.get().cloned().unwrap_or_default();
        let (name, background) = (member.get::<AgentId>(), member.get::<Background>());
        let about = world.resource::<Backgrounds>().text(background.copied().unwrap_or_default());
        let (name, mentioned) = (name.map(|name| name.0), present.mentioned_by.is_some());
        template_values! { name, about, heard => present.heard, mentioned }
    }
}

/// Registers the scenario.
pub fn chat_room(sim: &mut Simulation) {
    let exchanges = sim.resource::<Rooms>().exchanges;
    sim.insert_resource(News)
        .turns(TurnOrder::Simultaneous, exchanges)
        .posts::<Words>(PostRules { posts_max: 1 })
        .keeps_posts::<Words>("posts")
        .carries::<Within>()
        .carries::<Present>()
        .asks_all::<Words, Member, Prompt>(RULES, QUESTION)
        .records::<Present>()
        .add_systems(Phase::Announce, come_and_go)
        .add_systems(Phase::Observe, listen.after(PostSystems).after(AwakeSystems))
        .add_systems(Phase::Decide, speak)
        .add_systems(Phase::Resolve, results::resolve)
        .summarises::<ChatRound>();
}

/// Members come into their room and leave it; whoever comes has heard nothing yet.
fn come_and_go(
    (seed, round, rooms): (Res<Seed>, Res<Round>, Res<Rooms>),
    mut members: Query<(&AgentId, &mut Within, &mut Present)>,
) {
    let streams = seed.streams(DOOR, *round);
    for (agent, mut within, mut present) in &mut members {
        within.0 = EnvironmentId(agent.0 / rooms.members);
        let draw = streams.agent(*agent).uniform();
        let stays = if present.inside { draw >= rooms.leaves } else { draw < rooms.comes };
        if stays && !present.inside {
            present.heard.clear();
        }
        present.inside = stays;
    }
}

/// Members hear what was said in their room, and wake when they are mentioned.
fn listen(
    (board, exchanges): (Res<Board<Words>>, Res<Exchanges>),
    mut members: Query<(&AgentId, &Within, &mut Present, &mut Awake)>,
) {
    for (agent, within, mut present, mut awake) in &mut members {
        present.mentioned_by = None;
        if present.inside {
            for post in board.to(Audience::Group(within.0.0)).filter(|post| post.from != *agent) {
                present.hear(post.from, &post.body.0);
                if policy::mentions(&post.body.0, *agent) {
                    present.mentioned_by = present.mentioned_by.or(Some(post.from));
                }
            }
        }
        awake.0 &= present.inside && (exchanges.current() == 0 || present.mentioned_by.is_some());
    }
}

fn speak(mut members: Query<(&Reply<Words>, &Within, &mut Posting<Words>)>) {
    for (reply, within, mut posting) in &mut members {
        match reply {
            Reply::Answered(words) if !words.0.trim().is_empty() => {
                posting.write(Audience::Group(within.0.0), words.clone());
            }
            // Nothing said, whether by choice or for want of an answer.
            Reply::Answered(_) | Reply::Failed(_) | Reply::NotAsked => (),
        }
    }
}

#[cfg(test)]
mod tests;
