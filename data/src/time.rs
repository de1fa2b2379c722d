//! Times as text, for names and for the manifest; never for state.

use std::time::{SystemTime, UNIX_EPOCH};

const US_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Days of 400 Gregorian years, after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;

/// A moment in UTC, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Utc {
    unix_us: i64,
}

impl Utc {
    /// The moment that many microseconds after 1970-01-01.
    pub fn from_unix_us(unix_us: i64) -> Self {
        Self { unix_us }
    }

    /// The system's present time.
    pub fn now() -> Self {
        // A clock before 1970 is a broken clock; the run must not fail for a name.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { unix_us: i64::try_from(since.as_micros()).unwrap_or(i64::MAX) }
    }

    /// Microseconds after 1970-01-01.
    pub fn unix_us(self) -> i64 {
        self.unix_us
    }

    /// `20261120-214530`, which sorts as time does.
    pub fn compact(self) -> String {
        let Calendar { year, month, day, hour, minute, second } = self.calendar();
        format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
    }

    /// `2026-11-20T21:45:30Z` (ISO 8601).
    pub fn iso(self) -> String {
        let Calendar { year, month, day, hour, minute, second } = self.calendar();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    fn calendar(self) -> Calendar {
        let seconds = self.unix_us.div_euclid(US_PER_SECOND);
        let (days, rest) =
            (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
        Calendar { year, month, day, hour, minute, second }
    }
}

struct Calendar {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
///
/// The year is counted from March, so that the leap day is its last day.
fn civil(days: i64) -> (i64, i64, i64) {
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(DAYS_PER_ERA), shifted.rem_euclid(DAYS_PER_ERA));
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (unix_s, iso) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_795_211_130, "2026-11-20T21:45:30Z"),
        ] {
            assert_eq!(Utc::from_unix_us(unix_s * US_PER_SECOND).iso(), iso);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let (mut year, mut month, mut day) = civil(-200_000);
        for days in -199_999..200_000 {
            let next = civil(days);
            let ordinary = next == (year, month, day + 1);
            let new_month = next == (year, month + 1, 1) && day >= 28;
            let new_year = next == (year + 1, 1, 1) && (month, day) == (12, 31);
            assert!(ordinary || new_month || new_year, "{days}: {next:?}");
            (year, month, day) = next;
        }
    }
}
