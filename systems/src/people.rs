//! The people of a run: which model answers for each agent, and which background it has.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use throng_engine::stream::Purpose;
use throng_engine::{AgentId, AgentRange, Phase, Pool, Population, Seed, Simulation};

use crate::{
    Background, Backgrounds, Groupings, ModelRef, ModelTable, PopulationError, PopulationSource,
    Share, assign,
};

const MODELS: Purpose = Purpose::new("models");
const BACKGROUNDS: Purpose = Purpose::new("backgrounds");

/// Who plays: models and backgrounds with their shares of the population.
#[derive(Resource, Clone, Debug, Default)]
pub struct Cast {
    /// Model names with shares.
    pub models: Vec<(String, Share)>,
    /// Backgrounds as name, text and share; none gives everyone an empty background.
    pub backgrounds: Vec<(String, String, Share)>,
    /// Who knows every agent, where there are more than shares to say.
    pub population: Option<Arc<dyn PopulationSource>>,
}

impl Cast {
    /// An attribute of every agent of the population as a number: `model`, `background`, or a way in which the
    /// population groups its people; nothing where there is no such attribute.
    ///
    /// # Errors
    /// When the people cannot be made or read.
    pub fn attribute(
        &self,
        name: &str,
        population: u64,
        seed: u64,
        pool: &Pool,
    ) -> Result<Option<Vec<u16>>, PopulationError> {
        let range = AgentRange::all(population);
        let part = self.population.as_ref().map(|source| source.part(range, pool)).transpose()?;
        let part = part.unwrap_or_default();
        let drawn = |shares: Vec<Share>, purpose| {
            let part = assign(&shares, population, seed, purpose);
            range.agents().map(|agent| part(agent) as u16).collect()
        };
        let models = || self.models.iter().map(|(_, share)| *share).collect();
        let backgrounds = || self.backgrounds.iter().map(|(_, _, share)| *share).collect();
        Ok(match (name, part.models) {
            ("model", Some(models)) => Some(models.into_iter().map(|model| model.0).collect()),
            ("model", None) => Some(drawn(models(), MODELS)),
            ("background", _) if !self.backgrounds.is_empty() => {
                Some(drawn(backgrounds(), BACKGROUNDS))
            }
            _ => {
                let grouping = part.groupings.into_iter().find(|grouping| grouping.by == name);
                grouping.map(|grouping| grouping.codes)
            }
        })
    }
}

/// Populating, as an extension of the simulation.
pub trait Populate {
    /// Gives every agent a model and a background by the shares of a cast.
    fn populate(&mut self, cast: Cast) -> &mut Self;
    /// Who the agents of this world are, in agent order.
    fn people(&mut self) -> People;
}

/// A row for each agent of a world, in agent order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// The model of each agent.
    pub models: Vec<ModelRef>,
    /// The background of each agent.
    pub backgrounds: Vec<Background>,
}

impl Populate for Simulation {
    fn populate(&mut self, cast: Cast) -> &mut Self {
        // Nobody is known before the population is asked for.
        let range = AgentRange { start: 0, end: 0 };
        let names = cast.models.iter().map(|(name, _)| name.clone()).collect();
        let texts = cast.backgrounds.iter().map(|(name, text, _)| (name.clone(), text.clone()));
        self.insert_resource(ModelTable { names })
            .insert_resource(Backgrounds::new(texts))
            .insert_resource(Groupings::new(range, Vec::new()))
            .insert_resource(cast)
            .carries::<ModelRef>()
            .carries::<Background>()
            .add_systems(Phase::Start, populate)
    }

    fn people(&mut self) -> People {
        let range = self.resource::<Population>().range;
        let mut people = People {
            models: vec![ModelRef::default(); range.len()],
            backgrounds: vec![Background::default(); range.len()],
        };
        let world = self.world_mut();
        let mut agents = world.query::<(&AgentId, &ModelRef, &Background)>();
        for (agent, model, background) in agents.iter(world) {
            let place = range.offset(*agent);
            people.models[place] = *model;
            people.backgrounds[place] = *background;
        }
        people
    }
}

fn populate(
    (pool, seed, population, cast): (Res<Pool>, Res<Seed>, Res<Population>, Res<Cast>),
    (mut backgrounds, mut groupings): (ResMut<Backgrounds>, ResMut<Groupings>),
    mut agents: Query<(&AgentId, &mut ModelRef, &mut Background)>,
) -> Result<(), BevyError> {
    let range = population.range;
    let part = cast.population.as_ref().map(|source| source.part(range, &pool)).transpose()?;
    let part = part.unwrap_or_default();
    *groupings = Groupings::new(range, part.groupings);
    let own_places = part.backgrounds.map(|texts| {
        let (distinct, places) = Backgrounds::of_agents(texts.iter().map(String::as_str));
        *backgrounds = distinct;
        places
    });
    let own_models = part.models;
    let models: Vec<_> = cast.models.iter().map(|(_, share)| *share).collect();
    let texts: Vec<_> = cast.backgrounds.iter().map(|(_, _, share)| *share).collect();
    let by_share = assign(&models, population.size, seed.0, MODELS);
    let text_by_share = assign(&texts, population.size, seed.0, BACKGROUNDS);
    let model = |agent: AgentId| match &own_models {
        Some(models) => models[range.offset(agent)],
        None => ModelRef(by_share(agent) as u16),
    };
    let background = |agent: AgentId| match &own_places {
        Some(places) => places[range.offset(agent)],
        None => Background(text_by_share(agent) as u32),
    };
    for (agents, mut models, mut backgrounds) in
        agents.contiguous_iter_mut().expect("agents lie in tables")
    {
        let rows =
            (agents, models.bypass_change_detection(), backgrounds.bypass_change_detection());
        pool.chunks(rows, |(agents, models, backgrounds)| {
            for ((agent, own_model), own_background) in agents.iter().zip(models).zip(backgrounds) {
                *own_model = model(*agent);
                *own_background = background(*agent);
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use throng_engine::SimulationSettings;

    use super::*;
    use crate::{Grouping, PopulationPart};

    /// Agents by their number: odd ones have the second model, and three groups follow each other.
    #[derive(Debug)]
    struct Numbered;

    impl PopulationSource for Numbered {
        fn part(&self, range: AgentRange, _: &Pool) -> Result<PopulationPart, PopulationError> {
            if range.end > 10_000 {
                return Err(PopulationError("there are 10000".to_owned()));
            }
            let (by, names) = ("third".to_owned(), ["a", "b", "c"].map(str::to_owned).to_vec());
            let codes = range.agents().map(|agent| (agent.0 % 3) as u16).collect();
            Ok(PopulationPart {
                models: Some(range.agents().map(|agent| ModelRef((agent.0 % 2) as u16)).collect()),
                backgrounds: Some(range.agents().map(|agent| format!("I am {agent}.")).collect()),
                groupings: vec![Grouping { by, names, codes }],
            })
        }
    }

    fn world(range: AgentRange, agents: u64) -> Simulation {
        let base = SimulationSettings::new(1, agents);
        let mut sim = Simulation::new(SimulationSettings { range, ..base }).unwrap();
        let models = vec![("x".to_owned(), Share(0.5)), ("y".to_owned(), Share(0.5))];
        let population: Option<Arc<dyn PopulationSource>> = Some(Arc::new(Numbered));
        sim.populate(Cast { models, population, ..Cast::default() });
        sim
    }

    #[test]
    fn a_world_asks_for_its_own_agents() {
        let mut sim = world(AgentRange { start: 4096, end: 9_000 }, 10_000);
        sim.start().unwrap();
        let people = sim.people();
        assert_eq!(people.models[..2], [ModelRef(0), ModelRef(1)]);
        assert_eq!(sim.resource::<Backgrounds>().text(people.backgrounds[3]), "I am 4099.");
        let groupings = sim.resource::<Groupings>();
        let third = groupings.iter().next().unwrap();
        assert_eq!(groupings.group_of(third, AgentId(4097)), 2);
    }

    #[test]
    fn a_population_that_cannot_be_told_ends_the_start() {
        let error = world(AgentRange::all(20_000), 20_000).start().unwrap_err();
        assert!(error.to_string().contains("there are 10000"), "{error}");
    }
}
