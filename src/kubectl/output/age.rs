//! How long ago: apimachinery's `duration.HumanDuration`, and times as `time.RFC1123Z` prints them.

use crate::api::time::{self, Time};
use crate::api::value::Value;

/// A span of whole seconds as a person reads it: `5s`, `3m20s`, `2d4h`.
pub fn human_duration(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    let pair = |a: u64, a_unit: &str, b: u64, b_unit: &str| {
        if b == 0 { format!("{a}{a_unit}") } else { format!("{a}{a_unit}{b}{b_unit}") }
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => pair(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => pair(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 192 => pair(hours / 24, "d", hours % 24, "h"),
        () if hours < 24 * 365 * 2 => format!("{}d", hours / 24),
        () if hours < 24 * 365 * 8 => pair(hours / 24 / 365, "y", hours / 24 % 365, "d"),
        () => format!("{}y", hours / 24 / 365),
    }
}

/// How long ago a time stamp is; `<unknown>` when there is none.
pub fn since(stamp: &str, now: Time) -> String {
    match time::parse(stamp) {
        Some(then) => human_duration(now.since(then).as_secs()),
        // Older than the cluster: as old as the cluster.
        None if !stamp.is_empty() => human_duration(now.since(Time(0)).as_secs()),
        None => "<unknown>".to_string(),
    }
}

/// The age of an object.
pub fn age(object: &Value, now: Time) -> String {
    since(object.str_at(&["metadata", "creationTimestamp"]), now)
}

/// A time stamp as `Thu, 01 Jan 2026 00:00:00 +0000`.
pub fn rfc1123(stamp: &str) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let number = |range: std::ops::Range<usize>| stamp.get(range)?.parse::<i64>().ok();
    // Before the cluster's first moment, too: what never ran began in 1970.
    let (Some(year), Some(month), Some(day), true) =
        (number(0..4), number(5..7), number(8..10), stamp.is_ascii() && stamp.len() >= 19)
    else {
        return "Mon, 01 Jan 0001 00:00:00 +0000".to_string();
    };
    let (text, days) = (stamp, time::civil::days(year, month, day));
    format!(
        "{}, {} {} {} {} +0000",
        DAYS[days.rem_euclid(7) as usize],
        &text[8..10],
        MONTHS[(month - 1).clamp(0, 11) as usize],
        &text[0..4],
        &text[11..19]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_lose_detail_as_they_grow() {
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (185, "3m5s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_100, "3h5m"),
            (86_400, "24h"),
            (180_000, "2d2h"),
            (86_400 * 30, "30d"),
            (86_400 * 800, "2y70d"),
        ] {
            assert_eq!(human_duration(seconds), text);
        }
    }

    #[test]
    fn stamps_have_a_weekday() {
        assert_eq!(rfc1123("2026-01-01T00:00:05Z"), "Thu, 01 Jan 2026 00:00:05 +0000");
        assert_eq!(rfc1123("2026-11-20T01:02:03Z"), "Fri, 20 Nov 2026 01:02:03 +0000");
    }
}
