//! The people of a run: which model answers for each agent, and which background it has.

use bevy_ecs::prelude::*;
use throng_engine::stream::Purpose;
use throng_engine::{AgentId, Phase, Pool, Population, Seed, Simulation};

use crate::{Background, Backgrounds, ModelRef, ModelTable, Share, assign};

const MODELS: Purpose = Purpose::new("models");
const BACKGROUNDS: Purpose = Purpose::new("backgrounds");

/// Who plays: models and backgrounds with their shares of the population.
#[derive(Resource, Clone, Debug, Default)]
pub struct Cast {
    /// Model names with shares.
    pub models: Vec<(String, Share)>,
    /// Backgrounds as name, text and share; none gives everyone an empty background.
    pub backgrounds: Vec<(String, String, Share)>,
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
        let names = cast.models.iter().map(|(name, _)| name.clone()).collect();
        let texts = cast.backgrounds.iter().map(|(name, text, _)| (name.clone(), text.clone()));
        self.insert_resource(ModelTable { names })
            .insert_resource(Backgrounds::new(texts))
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
    mut agents: Query<(&AgentId, &mut ModelRef, &mut Background)>,
) {
    let models: Vec<_> = cast.models.iter().map(|(_, share)| *share).collect();
    let backgrounds: Vec<_> = cast.backgrounds.iter().map(|(_, _, share)| *share).collect();
    let model = assign(&models, population.size, seed.0, MODELS);
    let background = assign(&backgrounds, population.size, seed.0, BACKGROUNDS);
    for (agents, mut models, mut backgrounds) in
        agents.contiguous_iter_mut().expect("agents lie in tables")
    {
        let rows =
            (agents, models.bypass_change_detection(), backgrounds.bypass_change_detection());
        pool.chunks(rows, |(agents, models, backgrounds)| {
            for ((agent, own_model), own_background) in agents.iter().zip(models).zip(backgrounds) {
                *own_model = ModelRef(model(*agent) as u16);
                *own_background = Background(background(*agent) as u32);
            }
        });
    }
}
