//! Simulated time. Nothing in the core asks a clock: time is a number that the event queue advances.

use smol_str::SmolStr;
use std::fmt;
use std::ops::{Add, Sub};

/// A moment, in microseconds since the cluster was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// A span of simulated time, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub u64);

impl Duration {
    pub const ZERO: Duration = Duration(0);

    pub const fn micros(n: u64) -> Duration {
        Duration(n)
    }
    pub const fn millis(n: u64) -> Duration {
        Duration(n * 1_000)
    }
    pub const fn secs(n: u64) -> Duration {
        Duration(n * 1_000_000)
    }
    pub fn as_millis(self) -> u64 {
        self.0 / 1_000
    }
    pub fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl Time {
    pub fn since(self, earlier: Time) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, d: Duration) -> Time {
        Time(self.0.saturating_add(d.0))
    }
}

impl Add for Duration {
    type Output = Duration;
    fn add(self, d: Duration) -> Duration {
        Duration(self.0.saturating_add(d.0))
    }
}

impl Sub for Time {
    type Output = Duration;
    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

/// Seconds since 1970 of the cluster's first moment: 2026-01-01T00:00:00Z. A fixed date, so that runs are the same.
pub const EPOCH_SECS: u64 = 1_767_225_600;

impl Time {
    /// RFC 3339 in UTC with whole seconds, as `metadata.creationTimestamp` has it. Objects are full of these, so the digits are
    /// put down one by one.
    pub fn text(self) -> SmolStr {
        let total = EPOCH_SECS + self.0 / 1_000_000;
        let (year, month, day) = civil::date((total / 86_400) as i64);
        let s = total % 86_400;
        let mut text = *b"0000-00-00T00:00:00Z";
        let mut put = |at: usize, digits: usize, mut number: u64| {
            for place in (at..at + digits).rev() {
                text[place] = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(0, 4, year as u64);
        put(5, 2, month as u64);
        put(8, 2, day as u64);
        put(11, 2, s / 3_600);
        put(14, 2, s / 60 % 60);
        put(17, 2, s % 60);
        SmolStr::new(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl Time {
    /// As `date` shows it: `Thu Jan  1 00:00:05 UTC 2026`.
    pub fn as_date_says(self) -> String {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let days = ((EPOCH_SECS + self.0 / 1_000_000) / 86_400) as i64;
        let (year, month, day) = civil::date(days);
        let text = self.text();
        let clock = text.get(11..19).unwrap_or_default();
        let name = DAYS[civil::weekday(days) as usize];
        format!("{name} {} {day:>2} {clock} UTC {year}", MONTHS[(month - 1) as usize])
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

/// The Gregorian calendar, in days since 1970-01-01. It is counted in eras of 400 years that begin on 1 March, so that the leap
/// day is the last day of a year.
pub mod civil {
    /// Year, month and day of a day.
    pub fn date(days: i64) -> (i64, i64, i64) {
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    /// The day of a date.
    pub fn days(year: i64, month: i64, day: i64) -> i64 {
        let shifted = if month > 2 { year } else { year - 1 };
        let era = shifted.div_euclid(400);
        let year_of_era = shifted.rem_euclid(400);
        let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// 0 for Sunday.
    pub fn weekday(days: i64) -> i64 {
        (days + 4).rem_euclid(7)
    }
}

/// The moment of an RFC 3339 time in UTC, if it lies after the cluster's first moment.
pub fn parse(text: &str) -> Option<Time> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let days = civil::days(year, month, day);
    let secs = u64::try_from(days * 86_400 + hour * 3_600 + minute * 60 + second).ok()?;
    Some(Time(secs.checked_sub(EPOCH_SECS)? * 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_and_parse_back() {
        assert_eq!(Time(0).to_string(), "2026-01-01T00:00:00Z");
        let later = Time(0) + Duration::secs(58 * 86_400 + 3_661);
        assert_eq!(later.to_string(), "2026-02-28T01:01:01Z");
        assert_eq!(parse("2026-02-28T01:01:01Z"), Some(later));
    }
}
