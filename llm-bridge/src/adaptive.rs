//! How much an endpoint can do at once, found by trying.
//!
//! Servers seldom say that they are full, so a limit that only falls on refusals grows without end and
//! turns into waiting time. This one grows while growth brings goodput, and falls on every refusal.

use crate::limits::LIMIT_START;
use std::time::Duration;
use tokio::time::Instant;

/// Factor of growth while the endpoint is kept full.
const GROWTH: f64 = 1.25;
/// Factor of growth at the start, until a growth is not worth it or refusals are more than strays: servers with
/// hundreds of slots and replies of seconds would else stand idle for minutes.
const START_GROWTH: f64 = 2.0;
/// Completions per place in the limit over which goodput is measured at the start.
const START_TURNS: f64 = 2.0;
/// Part of the growth that must show in goodput for the new limit to be kept.
const WORTH: f64 = 0.4;
/// Factor at a refusal.
const FALL: f64 = 0.7;
/// Weight of the latest outcome in the share of refusals.
const LATEST: f64 = 1.0 / 32.0;
/// Share of refusals up to which they are strays: two in quick succession are more, one in fifty is not.
const STRAYS: f64 = 0.06;
/// Shortest time between two falls: refusals of one burst count once.
const FALL_PAUSE: Duration = Duration::from_millis(50);
/// Shortest time over which goodput is measured.
const WINDOW: Duration = Duration::from_millis(100);
/// Completions per place in the limit over which goodput is measured.
const WINDOW_TURNS: f64 = 4.0;
/// Windows for which the limit rests after a growth that was not worth it.
const REST: u32 = 8;

/// The adaptive limit of one endpoint.
#[derive(Clone, Debug)]
pub struct AdaptiveLimit {
    limit: f64,
    ceiling: f64,
    window_start: Instant,
    completed: u32,
    was_full: bool,
    /// The limit and goodput before the last growth, while that growth is on trial.
    trial: Option<(f64, f64)>,
    rest: u32,
    /// Whether it has only grown so far.
    starting: bool,
    last_fall: Option<Instant>,
    /// Share of refusals among the latest outcomes.
    refusals: f64,
}

impl AdaptiveLimit {
    /// A limit that starts low and never passes `ceiling`.
    pub fn new(ceiling: usize, now: Instant) -> Self {
        let ceiling = ceiling.max(1) as f64;
        Self {
            limit: (LIMIT_START as f64).min(ceiling),
            ceiling,
            window_start: now,
            completed: 0,
            was_full: false,
            trial: None,
            rest: 0,
            starting: true,
            last_fall: None,
            refusals: 0.0,
        }
    }

    /// Requests that may be in flight.
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Lowers or raises the ceiling, as when the server says how many slots it has.
    pub fn set_ceiling(&mut self, ceiling: usize) {
        self.ceiling = ceiling.max(1) as f64;
        self.limit = self.limit.min(self.ceiling);
    }

    /// Notes a completion that arrived while `in_flight` requests, itself included, were under way.
    pub fn completed(&mut self, in_flight: usize, now: Instant) {
        self.completed += 1;
        self.refusals -= self.refusals * LATEST;
        self.was_full |= in_flight >= self.limit();
        let elapsed = now - self.window_start;
        let turns = if self.starting { START_TURNS } else { WINDOW_TURNS };
        if elapsed < WINDOW || f64::from(self.completed) < turns * self.limit {
            return;
        }
        let goodput = f64::from(self.completed) / elapsed.as_secs_f64();
        self.settle(goodput);
        self.restart(now);
    }

    /// Notes a refusal, a timeout or a lost connection. A stray one changes nothing: endpoints that lose one
    /// request in fifty, whatever their load, would else be left with hardly any.
    pub fn refused(&mut self, now: Instant) {
        self.refusals += (1.0 - self.refusals) * LATEST;
        let again = self.last_fall.is_some_and(|last| now - last < FALL_PAUSE);
        if again || !self.is_strained() {
            return;
        }
        self.last_fall = Some(now);
        self.limit = (self.limit * FALL).max(1.0);
        self.trial = None;
        self.starting = false;
        self.rest = REST / 2;
        self.restart(now);
    }

    /// Notes that the endpoint works again after it did not: what it could do before is found as at the start.
    pub fn recovered(&mut self, now: Instant) {
        (self.starting, self.refusals) = (true, 0.0);
        (self.trial, self.rest) = (None, 0);
        self.restart(now);
    }

    /// Whether refusals are more than strays.
    pub fn is_strained(&self) -> bool {
        self.refusals > STRAYS
    }

    fn settle(&mut self, goodput: f64) {
        if let Some((old_limit, old_goodput)) = self.trial.take() {
            let needed = old_goodput * (1.0 + WORTH * (self.limit / old_limit - 1.0));
            if goodput < needed {
                self.limit = old_limit;
                self.starting = false;
                self.rest = REST;
                return;
            }
        }
        if self.rest > 0 {
            self.rest -= 1;
        } else if self.was_full && self.limit < self.ceiling {
            self.trial = Some((self.limit, goodput));
            let growth = if self.starting { START_GROWTH } else { GROWTH };
            self.limit = (self.limit * growth).max(self.limit + 1.0).min(self.ceiling);
        }
    }

    fn restart(&mut self, now: Instant) {
        self.window_start = now;
        self.completed = 0;
        self.was_full = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a server with `slots` that serves one request in 10 ms per slot and queues without bound, or
    /// refuses past `refuse_above`; returns the limit that is settled on and the share of refusals.
    fn play(slots: usize, refuse_above: usize) -> (usize, f64) {
        let start = Instant::now();
        let mut limit = AdaptiveLimit::new(1_024, start);
        let (mut now, mut sent, mut refused) = (start, 0_u32, 0_u32);
        for _ in 0..6_000 {
            let in_flight = limit.limit();
            now += Duration::from_millis(10);
            let admitted = in_flight.min(refuse_above);
            sent += in_flight as u32;
            for _ in 0..admitted.min(slots) {
                limit.completed(in_flight, now);
            }
            if in_flight > refuse_above {
                refused += (in_flight - refuse_above) as u32;
                limit.refused(now);
            }
        }
        (limit.limit(), f64::from(refused) / f64::from(sent))
    }

    #[test]
    fn finds_the_slots_of_a_server_that_never_refuses() {
        for slots in [8, 16, 32, 64] {
            let (found, _) = play(slots, usize::MAX);
            assert!(
                (slots * 9..=slots * 20).contains(&(found * 10)),
                "{slots} slots, found {found}"
            );
        }
    }

    #[test]
    fn stays_below_what_a_server_refuses_and_is_seldom_refused() {
        for slots in [32, 64] {
            let (found, refused) = play(slots, slots);
            assert!((slots / 2..=slots * 5 / 4).contains(&found), "{slots} slots, found {found}");
            assert!(refused < 0.03, "{refused}");
        }
    }

    #[test]
    fn slow_replies_and_many_slots_are_found_in_a_few_dozen_replies_times() {
        let start = Instant::now();
        let mut limit = AdaptiveLimit::new(2_048, start);
        let mut now = start;
        for _ in 0..30 {
            now += Duration::from_secs(5);
            let in_flight = limit.limit();
            for _ in 0..in_flight.min(1_024) {
                limit.completed(in_flight, now);
            }
        }
        assert!((900..=2_048).contains(&limit.limit()), "{}", limit.limit());
    }

    #[test]
    fn stray_refusals_leave_the_limit_where_it_is() {
        let start = Instant::now();
        let mut limit = AdaptiveLimit::new(64, start);
        let mut now = start;
        for place in 0..20_000_u32 {
            now += Duration::from_micros(300);
            if place % 50 == 0 {
                limit.refused(now);
            } else {
                limit.completed(limit.limit(), now);
            }
        }
        assert!(limit.limit() >= 16, "{}", limit.limit());
    }

    #[test]
    fn never_leaves_its_bounds() {
        let start = Instant::now();
        let mut limit = AdaptiveLimit::new(3, start);
        assert_eq!(limit.limit(), 3);
        for millisecond in 0..2_000 {
            limit.refused(start + Duration::from_millis(millisecond));
            assert!(limit.limit() >= 1);
        }
        limit.set_ceiling(2);
        for millisecond in 2_000..9_000 {
            limit.completed(2, start + Duration::from_millis(millisecond));
            assert!((1..=2).contains(&limit.limit()));
        }
    }
}
