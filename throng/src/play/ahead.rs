//! What the calls of a run will take, reckoned from the rounds that were played, and better after every round.

use throng_data::CallTotals;
use throng_llm_bridge::Totals;
use throng_llm_bridge::forecast::Forecast;
use throng_llm_bridge::money::Money;
use throng_systems::Accounting;

/// The rounds played by this process.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    totals: Totals,
    /// Agents asked in the last round; the rounds to come are taken to be like it.
    last: u64,
}

impl Ahead {
    /// Adds a round.
    pub(super) fn add(&mut self, calls: &CallTotals, accounts: &Accounting) {
        let (answered, failed) = (accounts.answered(), accounts.failed());
        self.last = answered + failed;
        self.totals.add(&Totals {
            answered,
            failed,
            requests: calls.requests,
            prompt_tokens: calls.prompt_tokens,
            completion_tokens: calls.completion_tokens,
            cost: Money(calls.cost_pico_usd),
            ..Totals::default()
        });
    }

    /// The forecast of these rounds and of `left` more; nothing where no model was called.
    pub(super) fn forecast(&self, left: u32) -> Option<Forecast> {
        if self.totals.requests == 0 {
            return None;
        }
        let done = self.totals.answered + self.totals.failed;
        let asks = done as f64 + f64::from(left) * self.last as f64;
        Some(Forecast { asks, ..Forecast::nothing() }.refined(&self.totals))
    }
}

#[cfg(test)]
mod tests {
    use throng_systems::Reply;

    use super::*;

    #[test]
    fn a_run_is_reckoned_from_its_rounds_and_ends_at_what_it_took() {
        let mut ahead = Ahead::default();
        assert_eq!(ahead.forecast(9), None);
        let mut accounts = Accounting::default();
        (0..100).for_each(|_| accounts.add_one(&Reply::Answered(1.0)));
        let calls = |requests| CallTotals { requests, ..CallTotals::default() };
        ahead.add(&calls(10), &accounts);
        let first = ahead.forecast(3).unwrap();
        assert_eq!((first.asks, first.requests.mean), (400.0, 40.0));
        assert!(first.requests.low < 40.0 && 40.0 < first.requests.high, "{first:?}");
        ahead.add(&calls(30), &accounts);
        let last = ahead.forecast(0).unwrap().requests;
        for bound in [last.low, last.mean, last.high] {
            assert!((bound - 40.0).abs() < 1e-9, "{last:?}");
        }
    }
}
