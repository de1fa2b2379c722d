//! Chat rooms: members join and leave, say something or nothing, and answer when they are mentioned by name.
//!
//! A round has a few exchanges: who is mentioned with `@name` in one is asked in the next. In the first exchange
//! everyone in the room is asked, in later ones only those who were mentioned. Rooms are environments within a
//! lobby, each with an announcement of its own.

mod policy;
mod results;
mod rooms;

use throng_systems::environment::{Announcement, Environments, Within};
use throng_systems::mail::{Audience, Board, PostRules, PostSystems, Posting, Posts};
use throng_systems::prelude::*;
use throng_systems::timeline::{AwakeSystems, TurnOrder, Turns};
use throng_systems::{Awake, TemplateValue, prompt_of, template_values};

pub use policy::{Member, News, Present, Words};
pub use results::ChatRound;
pub use rooms::{Rooms, name_of};

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

const DOOR: Purpose = Purpose::new("chat room door");

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "Rooms in which members speak, mention each other and answer.";
    Scenario::new::<Rooms, Member>("chat-room", 2, about, chat_room, prompt_of::<Prompt>)
}

/// The values of the prompts.
struct Prompt;

impl Wording for Prompt {
    fn rules(world: &World) -> TemplateValue {
        let members = world.resource::<Rooms>().members;
        template_values! { members }
    }

    fn question(world: &World, member: EntityRef<'_>) -> TemplateValue {
        let present: Present = member.get().cloned().unwrap_or_default();
        let (agent, background) = (member.get::<AgentId>(), member.get::<Background>());
        let (agent, rooms) = (agent.copied().unwrap_or_default(), world.resource::<Rooms>());
        let about = world.resource::<Backgrounds>().text(background.copied().unwrap_or_default());
        let room = world.resource::<Environments>().entity(rooms.room_of(agent)).ok();
        let announcement = room.and_then(|room| world.get::<Announcement>(room));
        template_values! {
            name => name_of(agent, rooms.members),
            about,
            announcement => announcement.map(|text| text.0.clone()),
            members => rooms.others(agent),
            heard => present.heard,
            mentioned => present.mentioned_by.is_some(),
        }
    }
}

/// Registers the scenario.
pub fn chat_room(sim: &mut Simulation) {
    let rooms = sim.resource::<Rooms>().clone();
    sim.insert_resource(News { members: rooms.members })
        .turns(TurnOrder::Simultaneous, rooms.exchanges)
        .posts::<Words>(PostRules { posts_max: 1 })
        .keeps_posts::<Words>("posts")
        .carries::<Within>()
        .carries::<Present>()
        .asks_all::<Words, Member, Prompt>(RULES, QUESTION)
        .records::<Present>()
        .init_resource::<Environments>()
        .add_systems(Phase::Start, open)
        .add_systems(Phase::Announce, come_and_go)
        .add_systems(Phase::Observe, listen.after(PostSystems).after(AwakeSystems))
        .add_systems(Phase::Decide, speak)
        .init_resource::<results::Said>()
        .add_systems(Phase::Settle, results::count)
        .add_systems(Phase::Resolve, results::resolve)
        .summarises::<ChatRound>();
}

/// Makes the rooms when the run starts: before, nobody knows whether they fit into memory.
fn open((rooms, population): (Res<Rooms>, Res<Population>), mut commands: Commands) {
    let (rooms, size) = (rooms.clone(), population.size);
    commands.queue(move |world: &mut World| rooms.open(world, size));
}

/// Members come into their room and leave it; whoever comes has heard nothing yet.
fn come_and_go(
    (seed, round, rooms): (Res<Seed>, Res<Round>, Res<Rooms>),
    mut members: Query<(&AgentId, &mut Within, &mut Present)>,
) {
    let streams = seed.streams(DOOR, *round);
    for (agent, mut within, mut present) in &mut members {
        let draw = streams.agent(*agent).uniform();
        let stays = if present.inside { draw >= rooms.leaves } else { draw < rooms.comes };
        present.came = stays && !present.inside;
        if present.came {
            present.heard.clear();
        }
        present.inside = stays;
        within.0 = if stays { rooms.room_of(*agent) } else { rooms::LOBBY };
    }
}

/// Members hear what was said in their room, and wake when they are mentioned.
fn listen(
    (board, exchanges, rooms): (Res<Board<Words>>, Res<Exchanges>, Res<Rooms>),
    mut members: Query<(&AgentId, &Within, &mut Present, &mut Awake)>,
) {
    for (agent, within, mut present, mut awake) in &mut members {
        present.mentioned_by = None;
        // What was said before somebody came it has not heard.
        if present.inside && !(present.came && exchanges.current() == 0) {
            let name = name_of(*agent, rooms.members);
            for post in board.to(Audience::Group(within.0.0)).filter(|post| post.from != *agent) {
                present.hear(&name_of(post.from, rooms.members), &post.body.0);
                if policy::mentions(&post.body.0, &name) {
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
            Reply::Answered(words) if !words.is_silence() => {
                posting.write(Audience::Group(within.0.0), words.clone());
            }
            // Nothing said, whether by choice or for want of an answer.
            Reply::Answered(_) | Reply::Failed(_) | Reply::NotAsked => (),
        }
    }
}

#[cfg(test)]
mod tests;
