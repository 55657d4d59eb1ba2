//! When a CronJob runs: the five fields, the words that begin with `@`, and the time zone.
//!
//! Upstream: `robfig/cron` v3 (`ParseStandard`, `SpecSchedule.Next`). Whether a schedule is well written is validation's affair.
//! The time zones are those of the table below, with the summer times of Europe and North America; any other counts as UTC.

use crate::api::time::{Duration, EPOCH_SECS, Time, civil};

/// A schedule in its time zone.
pub(super) struct Schedule {
    kind: Kind,
    zone: Zone,
}

enum Kind {
    /// Every so often, from the last time on.
    Every(Duration),
    /// Minutes, hours, days of the month, months, days of the week; and whether each kind of day is any.
    Fields { sets: [u64; 5], any_day: bool },
}

/// The hours (in minutes) from UTC, and when an hour more counts.
#[derive(Clone, Copy)]
struct Zone {
    minutes: i64,
    summer: Summer,
}

#[derive(Clone, Copy, PartialEq)]
enum Summer {
    None,
    /// From the last Sunday of March to the last of October, at one o'clock UTC.
    Europe,
    /// From the second Sunday of March to the first of November, at two o'clock of the place.
    America,
}

const fn zone(minutes: i64, summer: Summer) -> Zone {
    Zone { minutes, summer }
}

const ZONES: &[(&str, Zone)] = &[
    ("Asia/Seoul", zone(540, Summer::None)),
    ("Asia/Tokyo", zone(540, Summer::None)),
    ("Asia/Shanghai", zone(480, Summer::None)),
    ("Asia/Hong_Kong", zone(480, Summer::None)),
    ("Asia/Singapore", zone(480, Summer::None)),
    ("Asia/Taipei", zone(480, Summer::None)),
    ("Asia/Bangkok", zone(420, Summer::None)),
    ("Asia/Ho_Chi_Minh", zone(420, Summer::None)),
    ("Asia/Kolkata", zone(330, Summer::None)),
    ("Asia/Dubai", zone(240, Summer::None)),
    ("America/Sao_Paulo", zone(-180, Summer::None)),
    ("Europe/London", zone(0, Summer::Europe)),
    ("Europe/Lisbon", zone(0, Summer::Europe)),
    ("Europe/Berlin", zone(60, Summer::Europe)),
    ("Europe/Paris", zone(60, Summer::Europe)),
    ("Europe/Madrid", zone(60, Summer::Europe)),
    ("Europe/Rome", zone(60, Summer::Europe)),
    ("Europe/Amsterdam", zone(60, Summer::Europe)),
    ("Europe/Vienna", zone(60, Summer::Europe)),
    ("Europe/Zurich", zone(60, Summer::Europe)),
    ("Europe/Stockholm", zone(60, Summer::Europe)),
    ("Europe/Warsaw", zone(60, Summer::Europe)),
    ("Europe/Helsinki", zone(120, Summer::Europe)),
    ("Europe/Kiev", zone(120, Summer::Europe)),
    ("Europe/Kyiv", zone(120, Summer::Europe)),
    ("Europe/Moscow", zone(180, Summer::None)),
    ("America/New_York", zone(-300, Summer::America)),
    ("America/Toronto", zone(-300, Summer::America)),
    ("America/Chicago", zone(-360, Summer::America)),
    ("America/Denver", zone(-420, Summer::America)),
    ("America/Los_Angeles", zone(-480, Summer::America)),
];

const DAY: i64 = 86_400;

/// The day (since 1970) of the `nth` Sunday of a month; 0: the last one.
fn sunday(year: i64, month: i64, nth: i64) -> i64 {
    let first = civil::days(year, month, 1);
    let first_sunday = first + (7 - civil::weekday(first)) % 7;
    if nth > 0 {
        return first_sunday + (nth - 1) * 7;
    }
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    first_sunday + (civil::days(next_year, next_month, 1) - 1 - first_sunday) / 7 * 7
}

impl Zone {
    fn named(name: &str) -> Zone {
        if let Some((_, zone)) = ZONES.iter().find(|(known, _)| *known == name) {
            return *zone;
        }
        // `Etc/GMT-9` lies nine hours east.
        let hours = name.strip_prefix("Etc/GMT").and_then(|rest| rest.parse::<i64>().ok());
        zone(hours.map_or(0, |h| -h * 60), Summer::None)
    }

    /// Seconds to add to a moment in UTC (in seconds since 1970) to have the clocks of the place.
    fn offset(self, utc: i64) -> i64 {
        let standard = self.minutes * 60;
        let (year, ..) = civil::date(utc.div_euclid(DAY));
        let (from, to) = match self.summer {
            Summer::None => return standard,
            Summer::Europe => (sunday(year, 3, 0) * DAY + 3_600, sunday(year, 10, 0) * DAY + 3_600),
            Summer::America => {
                (sunday(year, 3, 2) * DAY + 7_200 - standard, sunday(year, 11, 1) * DAY + 3_600 - standard)
            }
        };
        if (from..to).contains(&utc) { standard + 3_600 } else { standard }
    }

    /// The moments at which the clocks of the place show this: none or two, where they are put forward or back.
    fn moments(self, local: i64) -> impl Iterator<Item = i64> {
        let candidates = [local - self.minutes * 60 - 3_600, local - self.minutes * 60];
        candidates.into_iter().filter(move |utc| utc + self.offset(*utc) == local)
    }
}

impl Schedule {
    /// Reads a schedule; `None` when it is none.
    pub fn read(text: &str, time_zone: &str) -> Option<Schedule> {
        let (zone, text) = match text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
            Some(zoned) => zoned.split_once(' ')?,
            None => (time_zone, text),
        };
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            text => text,
        };
        let zone = Zone::named(zone);
        if let Some(every) = text.strip_prefix("@every ") {
            return Some(Schedule { kind: Kind::Every(Duration::secs(seconds(every.trim())?.max(1))), zone });
        }
        let mut sets = [0; 5];
        let mut any = [false; 5];
        let mut fields = text.split_whitespace();
        for (i, (least, most, names)) in FIELDS.iter().enumerate() {
            for part in fields.next()?.split(',') {
                let (set, star) = range(part, *least, *most, names)?;
                sets[i] |= set;
                any[i] |= star;
            }
        }
        Some(Schedule { kind: Kind::Fields { sets, any_day: any[2] || any[4] }, zone })
    }

    /// The first moment after `time`; `None` when there is none within five years.
    pub fn next(&self, time: Time) -> Option<Time> {
        let (sets, any_day) = match &self.kind {
            Kind::Every(delay) => return Some(Time((time + *delay).0 / 1_000_000 * 1_000_000)),
            Kind::Fields { sets, any_day } => (sets, *any_day),
        };
        let after = (EPOCH_SECS + time.0 / 1_000_000) as i64;
        let has = |field: usize, number: i64| sets[field] >> number & 1 == 1;
        let today = (after + self.zone.offset(after)).div_euclid(DAY);
        for day in today - 1..today + 5 * 366 {
            let (_, month, of_month) = civil::date(day);
            let (in_month, in_week) = (has(2, of_month), has(4, civil::weekday(day)));
            let fits = if any_day { in_month && in_week } else { in_month || in_week };
            if !has(3, month) || !fits {
                continue;
            }
            let clock =
                (0..24).filter(|h| has(1, *h)).flat_map(|h| (0..60).filter(|m| has(0, *m)).map(move |m| h * 60 + m));
            let moments = clock.flat_map(|minute| self.zone.moments(day * DAY + minute * 60));
            if let Some(first) = moments.filter(|utc| *utc > after).min() {
                return u64::try_from(first).ok()?.checked_sub(EPOCH_SECS).map(|s| Time(s * 1_000_000));
            }
        }
        None
    }
}

/// Whole seconds of a Go duration: `1h30m`.
fn seconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, f64); 6] = [("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("h", 3_600.0), ("m", 60.0), ("s", 1.0)];
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (unit, scale) = UNITS.into_iter().find(|(unit, _)| rest[digits..].starts_with(unit))?;
        total += rest[..digits].parse::<f64>().ok()? * scale;
        rest = &rest[digits + unit.len()..];
    }
    (total < 1e12).then_some(total as u64)
}

type Names = &'static [&'static str];
const MONTHS: Names = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: Names = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: [(u32, u32, Names); 5] = [(0, 59, &[]), (0, 23, &[]), (1, 31, &[]), (1, 12, MONTHS), (0, 6, WEEKDAYS)];

/// The numbers of `*`, `5`, `1-5`, `*/15`, `mon-fri/2`, as bits; and whether it stands for any.
fn range(part: &str, least: u32, most: u32, names: Names) -> Option<(u64, bool)> {
    let number = |text: &str| match names.iter().position(|n| text.eq_ignore_ascii_case(n)) {
        Some(at) => Some(least + at as u32),
        None => text.parse().ok(),
    };
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let any = matches!(range, "*" | "?");
    let (first, last) = match range.split_once('-') {
        _ if any => (least, most),
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(range)?, if step.is_some() { most } else { number(range)? }),
    };
    let step: u32 = step.map_or(Some(1), |s| s.parse().ok())?;
    let numbers = (first..=last.min(63)).step_by(step.max(1) as usize);
    Some((numbers.fold(0, |set, n| set | 1 << n), any && step <= 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::time::parse;

    fn next(schedule: &str, zone: &str, after: &str) -> String {
        let schedule = Schedule::read(schedule, zone).expect(schedule);
        schedule.next(parse(after).expect(after)).map_or("never".into(), |time| time.to_string())
    }

    #[test]
    fn schedules_come_round() {
        for (schedule, zone, after, expected) in [
            ("*/5 * * * *", "", "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"),
            ("*/5 * * * *", "", "2026-01-01T00:04:59Z", "2026-01-01T00:05:00Z"),
            ("0 9 * * mon-fri", "", "2026-01-02T09:00:00Z", "2026-01-05T09:00:00Z"),
            ("@monthly", "", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
            ("@every 1h30m", "", "2026-01-01T00:00:10Z", "2026-01-01T01:30:10Z"),
            // Two kinds of days: either will do.
            ("0 0 13 * fri", "", "2026-01-03T00:00:00Z", "2026-01-09T00:00:00Z"),
            ("0 0 */10 * fri", "", "2026-01-03T00:00:00Z", "2026-01-09T00:00:00Z"),
            ("0 0 29 2 *", "", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 0 31 2 *", "", "2026-01-01T00:00:00Z", "never"),
            ("0 9 * * *", "Asia/Seoul", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            ("0 9 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T07:00:00Z"),
            ("0 9 * * *", "America/New_York", "2026-03-07T15:00:00Z", "2026-03-08T13:00:00Z"),
        ] {
            assert_eq!(next(schedule, zone, after), expected, "{schedule} {zone} after {after}");
        }
    }
}
