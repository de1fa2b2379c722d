//! A moment of simulated time: a date and a time of day of the proleptic Gregorian calendar, without zones.

use std::fmt;
use std::ops::Add;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Seconds in a minute.
pub const MINUTE: i64 = 60;
/// Seconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Seconds in a day.
pub const DAY: i64 = 24 * HOUR;

/// Seconds since 1970-01-01 00:00:00, all days being equally long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment(pub i64);

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "days of the week explain themselves")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// The days from Monday.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];
    /// Monday to Friday.
    pub const WORKING: [Self; 5] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday];
}

impl Moment {
    /// A time that never comes.
    pub const NEVER: Self = Self(i64::MAX);

    /// Midnight of a date; nothing for a date that does not exist.
    pub fn date(year: i32, month: u32, day: u32) -> Option<Self> {
        let exists = (1..=12).contains(&month) && day >= 1 && day <= days_of(year, month);
        exists.then(|| Self(days_from_civil(year.into(), month.into(), day.into()) * DAY))
    }

    /// Year, month and day of the month.
    pub const fn civil(self) -> (i64, i64, i64) {
        civil_from_days(self.0.div_euclid(DAY))
    }

    /// The day of the week.
    pub const fn weekday(self) -> Weekday {
        // 1970-01-01 was a Thursday.
        Weekday::ALL[(self.0.div_euclid(DAY) + 3).rem_euclid(7) as usize]
    }

    /// Seconds since midnight.
    pub const fn time_of_day(self) -> i64 {
        self.0.rem_euclid(DAY)
    }

    /// Midnight of the same day.
    #[must_use]
    pub const fn midnight(self) -> Self {
        Self(self.0 - self.time_of_day())
    }
}

/// Days since 1970-01-01 (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013).
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days_from_civil`], from the same source.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + (month <= 2) as i64, month, day)
}

const fn days_of(year: i32, month: u32) -> u32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Add<i64> for Moment {
    type Output = Self;

    /// The moment this many seconds later; beyond the end of time it is never.
    fn add(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

impl fmt::Display for Moment {
    /// "Monday 2026-06-01 08:00", with seconds where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER {
            return f.write_str("never");
        }
        let (year, month, day) = self.civil();
        let time = self.time_of_day();
        let (hour, minute, second) = (time / HOUR, time % HOUR / MINUTE, time % MINUTE);
        write!(f, "{:?} {year:04}-{month:02}-{day:02} {hour:02}:{minute:02}", self.weekday())?;
        if second == 0 { Ok(()) } else { write!(f, ":{second:02}") }
    }
}

/// A text that is no moment.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{0}` is no moment; write a date and a time such as 2026-06-01 08:00")]
pub struct MomentProblem(pub String);

impl FromStr for Moment {
    type Err = MomentProblem;

    /// "2026-06-01", "2026-06-01 08:00" or "2026-06-01 08:00:30".
    fn from_str(text: &str) -> Result<Self, MomentProblem> {
        read_moment(text.trim()).ok_or_else(|| MomentProblem(text.to_owned()))
    }
}

fn read_moment(text: &str) -> Option<Moment> {
    let (date, time) = text.split_once(' ').unwrap_or((text, "00:00"));
    let mut parts = date.splitn(3, '-');
    let year = parts.next()?.parse().ok()?;
    let midnight = Moment::date(year, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?)?;
    let parts: Option<Vec<i64>> = time.split(':').map(|part| part.parse().ok()).collect();
    let (hour, minute, second) = match parts?.as_slice() {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let exists = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    exists.then(|| midnight + (hour * HOUR + minute * MINUTE + second))
}

/// Opening hours: on some days of the week, from a time of day until another on the same day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    days: Vec<Weekday>,
    opens: i64,
    closes: i64,
}

impl Hours {
    /// Hours on these days, in seconds since midnight; nothing when they make no sense.
    pub fn new(days: &[Weekday], opens: i64, closes: i64) -> Option<Self> {
        let possible = !days.is_empty() && 0 <= opens && opens < closes && closes <= DAY;
        possible.then(|| Self { days: days.to_vec(), opens, closes })
    }

    /// Whether it is open; at the closing time it is not.
    pub fn is_open(&self, now: Moment) -> bool {
        let time = now.time_of_day();
        self.days.contains(&now.weekday()) && self.opens <= time && time < self.closes
    }

    /// When it closes, if it is open now.
    pub fn closes(&self, now: Moment) -> Option<Moment> {
        self.is_open(now).then(|| now.midnight() + self.closes)
    }

    /// When it opens next, from this moment on: now, if it opens at this very moment.
    pub fn next_opening(&self, now: Moment) -> Moment {
        let days = (0..=7).map(|day| now.midnight() + day * DAY);
        let mut openings = days.filter(|day| self.days.contains(&day.weekday()));
        let next = openings.find_map(|day| Some(day + self.opens).filter(|opens| *opens >= now));
        next.expect("in eight days each day of the week comes")
    }
}
