//! A town by the clock: people go to work, to the park and home, meet who is there, and remember whom they met.
//!
//! Time goes on from waking to waking: nobody is asked while nothing changes for them.

mod day;
mod policy;
mod scene;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::environment::Within;
use throng_systems::mail::{DeliverSystems, Letters, MailRules, Outbox};
use throng_systems::prelude::*;
use throng_systems::timeline::{
    AwakeSystems, Clock, ClockSystems, HOUR, Moment, Pace, Timed, Timeline,
};
use throng_systems::{ShowSystems, Shows, TemplateValue, out_of_range, prompt_of, template_values};

pub use day::{Itinerary, Places};
pub use policy::{Choice, Company, News, Townsman};
pub use scene::Scene;

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

/// The town.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Town {
    /// The morning of the first day, such as "2026-06-01 06:00".
    pub start: String,
    /// Days until the run ends.
    pub days: u32,
    /// People who share a home.
    pub household: u32,
    /// People who share a workplace.
    pub staff: u32,
    /// Parks.
    pub parks: u32,
}

impl Default for Town {
    fn default() -> Self {
        Self { start: "2026-06-01 06:00".to_owned(), days: 7, household: 3, staff: 20, parks: 5 }
    }
}

impl Settings for Town {
    fn problems(&self) -> Vec<Problem> {
        let start = self.start.parse::<Moment>().err();
        let start = start
            .map(|problem| Problem::new("start", problem.to_string(), "write a date and a time"));
        let sizes = [
            ("days", self.days),
            ("household", self.household),
            ("staff", self.staff),
            ("parks", self.parks),
        ];
        let sizes =
            sizes.into_iter().filter_map(|(key, size)| out_of_range(key, size.into(), 1.0, 1e6));
        start.into_iter().chain(sizes).collect()
    }
}

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "People go about their day by the clock and talk to whom they meet.";
    Scenario::new::<Town, Townsman>("town", 1, about, town, prompt_of::<Words>)
}

/// The values of the prompts.
struct Words;

impl Wording for Words {
    fn rules(_: &World) -> TemplateValue {
        template_values! {}
    }

    fn question(world: &World, person: EntityRef<'_>) -> TemplateValue {
        let company: Company = person.get().copied().unwrap_or_default();
        let met: Vec<_> = company.met().map(|agent| agent.0).collect();
        let time = world.resource::<Clock>().now().to_string();
        let other = company.other.map(|agent| agent.0);
        template_values! { time, place => company.place, other, met }
    }
}

/// Registers the scenario.
pub fn town(sim: &mut Simulation) {
    let settings = sim.resource::<Town>().clone();
    let start: Moment = settings.start.parse().expect("the settings were checked");
    let end = start + i64::from(settings.days) * 24 * HOUR;
    let places = Places::new(&settings, sim.resource::<Population>().size);
    sim.insert_resource(News)
        .insert_resource(places)
        .timeline(Timeline { start, pace: Pace::Events, end })
        .letters::<u32>(MailRules::default())
        .shows::<Within>()
        .carries::<Itinerary>()
        .carries::<Company>()
        .asks_all::<Choice, Townsman, Words>(RULES, QUESTION)
        .records::<Company>()
        .add_systems(Phase::Start, day::plan)
        .add_systems(
            Phase::Observe,
            day::meet.after(ShowSystems).after(AwakeSystems).after(DeliverSystems),
        )
        .add_systems(Phase::Update, (talk, day::go).chain())
        .add_systems(Phase::Resolve, scene::resolve.before(ClockSystems))
        .summarises::<Scene>();
}

/// Whoever speaks to someone writes a letter, which the other finds when it is next awake.
fn talk(mut people: Query<(&Reply<Choice>, &mut Company, &mut Outbox<u32>)>) {
    for (reply, mut company, mut outbox) in &mut people {
        match (reply, company.other) {
            (Reply::Answered(Choice::Talk), Some(other)) => {
                outbox.send(other, company.place.into());
                company.remember(other);
            }
            (Reply::Answered(_) | Reply::Failed(_) | Reply::NotAsked, _) => (),
        }
    }
}

#[cfg(test)]
mod tests;
