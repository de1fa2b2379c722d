//! The result of a round: the exact distribution of the numbers reported, the target and the winners.

use serde::{Deserialize, Serialize};
use throng_systems::engine::EVERYONE;
use throng_systems::engine::reduce::{ArgMin, Cells, Groups, OrderFree, Reduction, reduce};
use throng_systems::engine::{BLOCK, MeshError};
use throng_systems::prelude::*;

use super::News;
use super::rules::Rules;

/// A round's result for a group of players. Without any answer, everything but the counts is missing.
#[derive(Columns, Clone, Debug, Default, PartialEq)]
pub struct GameRound {
    /// Mean of the numbers reported.
    pub mean: Option<f64>,
    /// Standard deviation of the numbers reported (divisor n - 1).
    pub sd: Option<f64>,
    /// Smallest number reported.
    pub min: Option<f64>,
    /// 10th percentile, interpolated.
    pub p10: Option<f64>,
    /// 25th percentile, interpolated.
    pub p25: Option<f64>,
    /// Median, interpolated.
    pub median: Option<f64>,
    /// 75th percentile, interpolated.
    pub p75: Option<f64>,
    /// 90th percentile, interpolated.
    pub p90: Option<f64>,
    /// Largest number reported.
    pub max: Option<f64>,
    /// The game's target: offset + ratio × mean of all players.
    pub target: Option<f64>,
    /// The number that won the game; the smaller one of two that are equally close.
    pub winning: Option<f64>,
    /// Players of the group that won.
    pub winners: i64,
    /// The winner of the group with the smallest agent number.
    pub first_winner: Option<i64>,
    /// Numbers reported, counted in 20 equal bins over the allowed range.
    pub bin: [i64; 20],
}

const BINS: usize = 20;

/// The distribution of the numbers that a group reported.
#[derive(Clone, Serialize, Deserialize)]
struct Tally {
    accounting: Accounting,
    cells: Cells,
}

impl Tally {
    fn new(rules: &Rules) -> Self {
        let cells = Cells::new(rules.min, rules.max, rules.decimals);
        Self { accounting: Accounting::default(), cells }
    }

    fn add(&mut self, replies: &[Reply<Guess>]) {
        self.accounting.add(replies);
        for guess in replies.iter().filter_map(Reply::answer) {
            self.cells.add(guess.0);
        }
    }
}

impl Reduction for Tally {
    fn merge(&mut self, later: &Self) {
        self.accounting.merge(&later.accounting);
        self.cells.merge(&later.cells);
    }
}

impl OrderFree for Tally {}

/// The winner with the smallest number, in each group.
type FirstWinner = ArgMin<()>;

type Players<'w, 's> = Query<
    'w,
    's,
    (&'static AgentId, &'static ModelRef, &'static Background, &'static Reply<Guess>),
>;

/// Columns of players.
type Row<'a> = (&'a [AgentId], &'a [ModelRef], &'a [Background], &'a [Reply<Guess>]);

/// The group of a player, numbered from 0.
type GroupOf<'a> = &'a (dyn Fn(AgentId, ModelRef, Background) -> usize + Sync);

/// Announces target and winning number, and writes a row for everyone, each model, each background and each
/// group of the population.
pub(super) fn resolve(
    (pool, mesh): (Res<Pool>, Res<Mesh>),
    (models, backgrounds): (Res<ModelTable>, Res<Backgrounds>),
    groupings: Res<Groupings>,
    mut news: ResMut<News>,
    mut summaries: ResMut<Summaries>,
    players: Players,
) -> Result<(), BevyError> {
    let game = Game { pool: &pool, mesh: &mesh, players: &players };
    let everyone: GroupOf = &|_, _, _| 0;
    let tallies = game.tally(&news.rules, 1, everyone)?;
    let outcome = Outcome::of(&news.rules, &tallies[0].cells);
    let mut add = |by: &str,
                   names: &[String],
                   tallies: &[Tally],
                   group_of: GroupOf<'_>|
     -> Result<(), MeshError> {
        let firsts = game.first_winners(&outcome, names.len(), group_of)?;
        for ((name, tally), first) in names.iter().zip(tallies).zip(firsts) {
            summaries.add_group(by, name, &(tally.accounting, game_round(tally, &outcome, first)));
        }
        Ok(())
    };
    add(EVERYONE, &[EVERYONE.to_owned()], &tallies, everyone)?;
    if models.names.len() > 1 {
        let group_of: GroupOf = &|_, model, _| usize::from(model.0);
        let names = &models.names;
        add("model", names, &game.tally(&news.rules, names.len(), group_of)?, group_of)?;
    }
    if backgrounds.len() > 1 {
        let group_of: GroupOf = &|_, _, background| background.0 as usize;
        let names: Vec<_> = backgrounds.names().map(str::to_owned).collect();
        let tallies = game.tally(&news.rules, names.len(), group_of)?;
        add("background_name", &names, &tallies, group_of)?;
    }
    for grouping in groupings.iter() {
        let group_of = |agent, _: ModelRef, _: Background| groupings.group_of(grouping, agent);
        let names = &grouping.names;
        let tallies = game.tally(&news.rules, names.len(), &group_of)?;
        add(&grouping.by, names, &tallies, &group_of)?;
    }
    news.means.push(outcome.mean.unwrap_or(f64::NAN));
    news.targets.push(outcome.target.unwrap_or(f64::NAN));
    news.winning.push(outcome.winning);
    Ok(())
}

/// The players of this world, and what it takes to reduce over all worlds.
struct Game<'a, 'w, 's> {
    pool: &'a Pool,
    mesh: &'a Mesh,
    players: &'a Players<'w, 's>,
}

impl Game<'_, '_, '_> {
    /// The numbers reported in each group.
    fn tally(
        &self,
        rules: &Rules,
        groups: usize,
        group_of: GroupOf,
    ) -> Result<Vec<Tally>, MeshError> {
        let empty = Groups::new(groups, &Tally::new(rules));
        let mut total = empty.clone();
        for rows in self.players.contiguous_iter().expect("players lie in tables") {
            let fold = |tallies: &mut Groups<Tally>, (ids, models, backgrounds, replies): Row| {
                if groups == 1 {
                    return tallies.group(0).add(replies);
                }
                for (place, reply) in replies.iter().enumerate() {
                    let group = group_of(ids[place], models[place], backgrounds[place]);
                    tallies.group(group).add(std::slice::from_ref(reply));
                }
            };
            total.merge(&reduce(self.pool, rows, &empty, fold));
        }
        Ok(self.mesh.total(total)?.iter().cloned().collect())
    }

    /// The winner with the smallest number in each group.
    fn first_winners(
        &self,
        outcome: &Outcome,
        groups: usize,
        group_of: GroupOf,
    ) -> Result<Vec<FirstWinner>, MeshError> {
        let empty = Groups::new(groups, &FirstWinner::default());
        let mut total = empty.clone();
        for rows in self.players.contiguous_iter().expect("players lie in tables") {
            let fold = |winners: &mut Groups<FirstWinner>,
                        (ids, models, backgrounds, replies): Row| {
                // Winners are few: whole blocks without one are passed over at the speed of memory.
                for start in (0..replies.len()).step_by(BLOCK) {
                    let block = start..(start + BLOCK).min(replies.len());
                    if replies[block.clone()].iter().any(|reply| outcome.wins(*reply)) {
                        for place in block.filter(|place| outcome.wins(replies[*place])) {
                            let group = group_of(ids[place], models[place], backgrounds[place]);
                            winners.group(group).add(ids[place], ());
                        }
                    }
                }
            };
            let part = reduce(self.pool, rows, &empty, fold);
            total.merge(&part);
        }
        Ok(self.mesh.total(total)?.iter().copied().collect())
    }
}

/// What all are told after a round.
struct Outcome {
    mean: Option<f64>,
    target: Option<f64>,
    /// The numbers that won, ascending.
    winning: Vec<Decimal>,
}

impl Outcome {
    /// Whether a reply is one of the winning numbers, of which there are at most two.
    #[inline]
    fn wins(&self, reply: Reply<Guess>) -> bool {
        let (first, last) = (self.winning.first(), self.winning.last());
        reply.answer().is_some_and(|guess| Some(&guess.0) == first || Some(&guess.0) == last)
    }

    fn of(rules: &Rules, cells: &Cells) -> Self {
        let moments = cells.moments();
        if moments.n() == 0 {
            return Self { mean: None, target: None, winning: Vec::new() };
        }
        let sum = i128::from(moments.sum_units());
        let target = rules.target(sum, moments.n());
        let (below, above) = cells.around(target);
        let winning = rules.winning(below, above, sum, moments.n()).into_iter().flatten().collect();
        Self { mean: moments.mean(), target: Some(target), winning }
    }
}

fn game_round(tally: &Tally, outcome: &Outcome, winners: FirstWinner) -> GameRound {
    let cells = &tally.cells;
    let moments = cells.moments();
    let end = |value: Option<(Decimal, u32)>| value.map(|(value, _)| value.to_f64());
    let mut bin = [0; BINS];
    for (count, cells) in bin.iter_mut().zip(cells.histogram(BINS)) {
        *count = cells as i64;
    }
    GameRound {
        mean: moments.mean(),
        sd: moments.sd(),
        min: end(cells.iter().next()),
        p10: cells.quantile(0.1),
        p25: cells.quantile(0.25),
        median: cells.quantile(0.5),
        p75: cells.quantile(0.75),
        p90: cells.quantile(0.9),
        max: end(cells.iter().next_back()),
        target: outcome.target,
        winning: outcome.winning.first().map(|winning| winning.to_f64()),
        winners: winners.best().map_or(0, |((), _, count)| count as i64),
        first_winner: winners.best().map(|((), agent, _)| i64::from(agent.0)),
        bin,
    }
}
