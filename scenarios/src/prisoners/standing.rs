//! How the strategies stand.

use serde::{Deserialize, Serialize};
use throng_systems::engine::reduce::{Groups, Reduction, merge_all, reduce_all};
use throng_systems::engine::sums;
use throng_systems::prelude::*;

use super::Score;

/// A model's result so far.
#[derive(Columns, Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// Players of the model.
    pub players: i64,
    /// Their points on average, since the beginning.
    pub points: Option<f64>,
}

pub(super) fn resolve(
    (pool, mesh, models): (Res<Pool>, Res<Mesh>, Res<ModelTable>),
    mut summaries: ResMut<Summaries>,
    players: Query<(&ModelRef, &Score)>,
) -> Result<(), BevyError> {
    let empty = Groups::new(models.names.len().max(1), &Tally::default());
    let tables = players.contiguous_iter()?;
    let all = reduce_all((&pool, &mesh), tables, &empty, |all, (models, scores)| {
        for (model, score) in models.iter().zip(scores) {
            all.group(model.0.into()).merge(&Tally { players: 1, points: score.0.into() });
        }
    })?;
    summaries.add(&merge_all(&Tally::default(), all.iter()).standing());
    for (model, tally) in models.refs().zip(all.iter()) {
        summaries.add_group("model", models.name(model), &tally.standing());
    }
    Ok(())
}

/// Players and their points.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Tally {
    players: u64,
    points: u64,
}

impl Tally {
    fn standing(&self) -> Standing {
        let Self { players, points } = *self;
        let mean = (players > 0).then(|| points as f64 / players as f64);
        Standing { players: players as i64, points: mean }
    }
}

sums!(Tally { players, points });
