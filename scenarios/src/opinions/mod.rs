//! Opinions and a rumour on a network: people write to their followers, and move toward opinions near their own.
//!
//! Bounded confidence: G. Deffuant and others, "Mixing beliefs among interacting agents", Advances in Complex
//! Systems 3, 2000; R. Hegselmann and U. Krause, "Opinion dynamics and bounded confidence", JASSS 5(3), 2002.

mod policy;
mod posts;
mod results;
mod seen;
mod society;

use throng_systems::mail::{Board, PostRules, PostSystems, Posts};
use throng_systems::network::{Network, Networks};
use throng_systems::prelude::*;
use throng_systems::{ShowSystems, Shown, Shows, TemplateValue, prompt_of, template_values};

pub use policy::{Member, News, Statement};
pub use posts::{Rumour, Words};
pub use results::OpinionRound;
pub use seen::{Opinion, Seen};
pub use society::Society;
use society::is_near;

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

const FIRST: Purpose = Purpose::new("opinions first");
const PARTNER: Purpose = Purpose::new("opinions partner");

/// Posts that a model is shown; more would crowd out the rest.
const POSTS_SHOWN_MAX: usize = 5;

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "People move toward opinions not too far from their own, and pass on a rumour.";
    Scenario::new::<Society, Member>("opinions", 2, about, opinions, prompt_of::<Prompt>)
}

/// The values of the prompts.
struct Prompt;

impl Wording for Prompt {
    fn rules(_: &World) -> TemplateValue {
        template_values! {}
    }

    fn question(world: &World, person: EntityRef<'_>) -> TemplateValue {
        let seen: Seen = person.get().copied().unwrap_or_default();
        let (own, near) = (seen.own.to_string(), seen.mean_of_near().to_string());
        let agent = person.get::<AgentId>().copied().unwrap_or_default();
        let posts = world.resource::<Board<Words>>().followed(world.resource::<Network>(), agent);
        let posts = posts.map(|post| format!("@{}: {}", post.from, post.body.words));
        let posts: Vec<_> = posts.take(POSTS_SHOWN_MAX).collect();
        let informed = person.get::<Rumour>().is_some_and(|rumour| rumour.informed);
        let rumour = informed.then(|| world.resource::<Society>().rumour.clone());
        template_values! { agent => agent.0, own, contacts => seen.contacts, near, posts, rumour }
    }
}

/// Registers the scenario.
pub fn opinions(sim: &mut Simulation) {
    let Society { network, rumour, .. } = sim.resource::<Society>().clone();
    sim.insert_resource(News { rumour })
        .network(network)
        .shows::<Opinion>()
        .posts::<Words>(PostRules { posts_max: 1 })
        .keeps_posts::<Words>("posts")
        .carries::<Seen>()
        .carries::<Rumour>()
        .asks_all::<Statement, Member, Prompt>(RULES, QUESTION)
        .records::<Rumour>()
        .add_systems(Phase::Start, (form, posts::tell_first))
        .add_systems(
            Phase::Observe,
            (posts::read, listen).chain().after(ShowSystems).after(PostSystems),
        )
        .add_systems(Phase::Update, (change, posts::write, posts::unfollow))
        .add_systems(Phase::Resolve, results::resolve)
        .summarises::<OpinionRound>();
}

fn form(seed: Res<Seed>, mut people: Query<(&AgentId, &mut Opinion)>) {
    let streams = seed.streams(FIRST, Round(0));
    for (agent, mut opinion) in &mut people {
        opinion.0 = Decimal::from_units(streams.agent(*agent).below(10_001) as i32);
    }
}

/// Everyone notices the opinions of all contacts, and of one of them in person.
fn listen(
    (pool, network, shown): (Res<Pool>, Res<Network>, Res<Shown<Opinion>>),
    (seed, round, society): (Res<Seed>, Res<Round>, Res<Society>),
    mut people: Query<(&AgentId, &Rumour, &mut Seen)>,
) -> Result<(), BevyError> {
    let (streams, is_near) = (seed.streams(PARTNER, *round), is_near(&society, &shown));
    for (ids, rumours, mut seen) in people.contiguous_iter_mut()? {
        pool.chunks((ids, rumours, seen.bypass_change_detection()), |(ids, rumours, seen)| {
            for ((agent, rumour), seen) in ids.iter().zip(rumours).zip(seen) {
                let contacts = network.contacts(*agent);
                let near = || contacts.iter().filter(|other| is_near(*agent, **other));
                let opinion = |other: &AgentId| shown.of(*other).0;
                let any = (!contacts.is_empty())
                    .then(|| contacts[streams.agent(*agent).below(contacts.len() as u32) as usize]);
                *seen = Seen {
                    own: opinion(agent),
                    partner: any.filter(|any| is_near(*agent, *any)).map(|any| opinion(&any)),
                    sum: near().map(|other| i64::from(opinion(other).units())).sum(),
                    near: near().count() as u32,
                    contacts: contacts.len() as u32,
                    fresh: rumour.informed && !rumour.told,
                };
            }
        });
    }
    Ok(())
}

fn change(mut people: Query<(&Reply<Statement>, &mut Opinion)>) {
    for (reply, mut opinion) in &mut people {
        match reply {
            Reply::Answered(statement) => opinion.0 = statement.opinion,
            // Whoever says nothing keeps its opinion.
            Reply::Failed(_) | Reply::NotAsked => (),
        }
    }
}

#[cfg(test)]
mod tests;
