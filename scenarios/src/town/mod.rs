//! A town by the clock: people walk to work, to the park and home, talk to whom they meet, and remember them.
//!
//! Time goes on from one setting out or arrival to the next, and only who arrives somewhere and meets someone is
//! asked; whoever is spoken to is asked in the next exchange of the same moment.

mod day;
mod map;
mod meeting;
mod policy;
mod scene;
mod settings;

use throng_systems::environment::{HasAttributes, Listen, ListenSystems, Trigger, Within};
use throng_systems::mail::{DeliverSystems, Letters, Mail, MailRules};
use throng_systems::prelude::*;
use throng_systems::space::{Borders, Plane, Planes, Position, PositionSystems};
use throng_systems::timeline::{
    AwakeSystems, Clock, ClockSystems, DAY, Moment, Pace, Timed, Timeline,
};
use throng_systems::{ShowSystems, Shows, TemplateValue, prompt_of, template_values};

pub use day::{Visits, Whereabouts};
pub use map::{Habits, Map};
pub use policy::{Company, News, Townsman, Words};
pub use scene::Scene;
pub use settings::Town;

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "People go about their day by the clock and talk to whom they meet.";
    Scenario::new::<Town, Townsman>("town", 2, about, town, prompt_of::<Prompt>)
}

/// The values of the prompts.
struct Prompt;

impl Wording for Prompt {
    fn rules(_: &World) -> TemplateValue {
        template_values! {}
    }

    fn question(world: &World, person: EntityRef<'_>) -> TemplateValue {
        let company: Company = person.get().copied().unwrap_or_default();
        let agent = person.get::<AgentId>().copied().unwrap_or_default();
        let about = person.get::<Background>().copied().unwrap_or_default();
        let about = world.resource::<Backgrounds>().text(about);
        let heard = world.resource::<Mail<Words>>().mailbox(agent);
        let heard: Vec<_> = heard.map(|letter| letter.body.0.clone()).collect();
        let met: Vec<_> = company.met().map(|agent| agent.0).collect();
        let place = person.get::<Within>().map_or(0, |within| within.0.0);
        let (time, other) =
            (world.resource::<Clock>().now().to_string(), company.other.map(|a| a.0));
        let spoken_to = company.spoken_to.is_some();
        template_values! { agent => agent.0, about, time, place, other, met, heard, spoken_to }
    }
}

/// Registers the scenario.
pub fn town(sim: &mut Simulation) {
    let settings = sim.resource::<Town>().clone();
    let Town { days, side_m, turns, parks, .. } = settings;
    let start: Moment = settings.start.parse().expect("the settings were checked");
    let hours = settings.park_hours();
    let plane = Plane::new(side_m, side_m, meeting::TALK_M, Borders::Closed);
    let map = Map::new(&settings, sim.resource::<Population>().size, *sim.resource::<Seed>());
    map::found(sim, parks);
    sim.insert_resource(News)
        .insert_resource(map)
        .insert_resource(day::ParkHours(hours.expect("the settings were checked")))
        .init_resource::<scene::Heard>()
        .timeline(Timeline { start, pace: Pace::Events, end: start + i64::from(days) * DAY })
        .exchanges(turns)
        .plane(plane.expect("the settings were checked"))
        .attribute::<Visits>()
        .listen("midnight", Trigger::Daily(0), day::new_day)
        .letters::<Words>(MailRules::default())
        .keeps_letters::<Words>("letters")
        .shows::<Within>()
        .carries::<Habits>()
        .carries::<Whereabouts>()
        .carries::<Company>()
        .asks_all::<Words, Townsman, Prompt>(RULES, QUESTION)
        .records::<Whereabouts>()
        .records::<Company>()
        .records::<Position>()
        .add_systems(Phase::Start, map::plan)
        .add_systems(Phase::Announce, day::go.after(ClockSystems))
        .add_systems(
            Phase::Observe,
            meeting::meet
                .after(ShowSystems)
                .after(PositionSystems)
                .after(AwakeSystems)
                .after(DeliverSystems),
        )
        .add_systems(Phase::Update, scene::talk)
        .add_systems(Phase::Settle, scene::listen.before(ListenSystems))
        .add_systems(Phase::Resolve, scene::resolve.before(ClockSystems))
        .summarises::<Scene>();
}

#[cfg(test)]
mod tests;
