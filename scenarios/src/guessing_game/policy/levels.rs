//! Players who each reason to some level: the shares of the levels, and what each level answers.

use throng_engine::stream::Stream;

use super::View;

/// The levels of a population in one round.
#[derive(Clone, Debug)]
pub struct Levels {
    /// Shares of all levels up to each one but the last, whose share is the rest.
    cumulative: Vec<f64>,
    /// What each level answers; entry 0, the mean of level 0, only where level 0 does not draw.
    answers: Vec<f64>,
    /// Smallest answer of level 0 and width of its range: players of level 0 draw uniformly.
    lowest: (f64, f64),
}

impl Levels {
    /// Levels with these shares, where `answer` makes a level's answer from the answers of all lower levels.
    ///
    /// Level 0 is uniform over the range before anything is known, and afterwards the announced mean, which
    /// R. Nagel, "Unraveling in Guessing Games", AER 85(5), 1995, found to be the reference of later rounds.
    ///
    /// # Panics
    /// If there are no shares.
    pub(super) fn new(
        view: &View<'_>,
        shares: &[f64],
        mut answer: impl FnMut(&[f64]) -> f64,
    ) -> Self {
        assert!(!shares.is_empty(), "a population has at least one level");
        let mut answers = vec![view.reference()];
        while answers.len() < shares.len() {
            answers.push(view.rules.bounded(answer(&answers)));
        }
        let lowest = match view.mean() {
            Some(mean) => (mean, 0.0),
            None => (view.rules.min.to_f64(), view.rules.width()),
        };
        let cumulative = shares[..shares.len() - 1].iter().scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        });
        Self { cumulative: cumulative.collect(), answers, lowest }
    }

    /// The answer of an agent whose level is drawn now.
    #[inline]
    pub(super) fn draw(&self, stream: &mut Stream) -> f64 {
        let place = stream.uniform();
        match self.cumulative.partition_point(|&sum| sum <= place) {
            0 => self.lowest.0 + self.lowest.1 * stream.uniform(),
            level => self.answers[level],
        }
    }
}
