//! A provider's limits per minute, kept by counting what was sent.
//!
//! A counter of our own and not a rate-limiting crate, because tokens are corrected once a reply says how
//! many they were, and because tests drive its clock.

use std::time::Duration;
use tokio::time::Instant;

/// Allows so many units per minute, evenly, with a burst of a tenth of a minute.
#[derive(Clone, Debug)]
pub struct Quota {
    per_second: f64,
    burst: f64,
    left: f64,
    at: Instant,
}

/// Share of a minute's units that may be used at once.
const BURST: f64 = 0.1;

impl Quota {
    /// A quota of `per_minute` units.
    pub fn new(per_minute: u32, now: Instant) -> Self {
        let burst = (f64::from(per_minute) * BURST).max(1.0);
        Self { per_second: f64::from(per_minute) / 60.0, burst, left: burst, at: now }
    }

    /// When `units` may be used; `now` or earlier if at once. More than a burst is allowed once the burst
    /// is full, and then owed.
    pub fn free_at(&self, units: f64, now: Instant) -> Instant {
        let needed = units.min(self.burst) - self.left_at(now);
        if needed <= 0.0 { now } else { now + Duration::from_secs_f64(needed / self.per_second) }
    }

    /// Uses `units`, or gives them back where they are negative.
    pub fn used(&mut self, units: f64, now: Instant) {
        self.left = (self.left_at(now) - units).min(self.burst);
        self.at = now;
    }

    fn left_at(&self, now: Instant) -> f64 {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        (self.left + earned).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_sees_more_than_its_quota_and_a_burst() {
        let start = Instant::now();
        let mut quota = Quota::new(600, start);
        let (mut now, mut sent) = (start, 0);
        while now < start + Duration::from_mins(1) {
            now = quota.free_at(1.0, now);
            quota.used(1.0, now);
            sent += 1;
        }
        assert!((600..=662).contains(&sent), "{sent}");
    }

    #[test]
    fn a_unit_larger_than_the_burst_is_allowed_and_owed() {
        let start = Instant::now();
        let mut quota = Quota::new(60, start);
        assert_eq!(quota.free_at(30.0, start), start);
        quota.used(30.0, start);
        let wait = quota.free_at(1.0, start) - start;
        assert!(wait > Duration::from_secs(24) && wait < Duration::from_secs(26), "{wait:?}");
        quota.used(-30.0, start);
        assert_eq!(quota.free_at(1.0, start), start);
    }
}
