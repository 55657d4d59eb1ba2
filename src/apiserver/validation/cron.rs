//! Schedules of CronJobs (`robfig/cron` `ParseStandard`): five fields, or one of the words that begin with `@`.

/// A field: its least and greatest number, and the names that stand for numbers from the least.
struct Field {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { least: 0, most: 59, names: &[] },
    Field { least: 0, most: 23, names: &[] },
    Field { least: 1, most: 31, names: &[] },
    Field {
        least: 1,
        most: 12,
        names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    },
    Field { least: 0, most: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

/// Checks a schedule; the error is the real parser's.
pub fn parse_schedule(schedule: &str) -> Result<(), String> {
    // A time zone may stand in front; whether it is allowed is another question.
    let rest = match schedule.strip_prefix("TZ=").or_else(|| schedule.strip_prefix("CRON_TZ=")) {
        Some(zoned) => zoned.split_once(' ').map_or("", |(_, rest)| rest).trim(),
        None => schedule,
    };
    if let Some(word) = rest.strip_prefix('@') {
        let every = word.strip_prefix("every ");
        return match word {
            "yearly" | "annually" | "monthly" | "weekly" | "daily" | "midnight" | "hourly" => Ok(()),
            _ if every.is_some_and(is_duration) => Ok(()),
            _ => Err(format!("unrecognized descriptor: {rest}")),
        };
    }
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if fields.len() != 5 {
        return Err(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
    }
    fields.iter().zip(&FIELDS).try_for_each(|(text, field)| text.split(',').try_for_each(|part| check(part, field)))
}

/// A Go duration: `1h30m`.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let unit = ["ns", "us", "ms", "s", "m", "h"].into_iter().find(|u| rest[digits..].starts_with(u));
        match unit {
            Some(unit) if digits > 0 => rest = &rest[digits + unit.len()..],
            _ => return false,
        }
    }
    !text.is_empty()
}

/// `*`, `5`, `1-5`, `*/15`, `mon-fri/2`.
fn check(part: &str, field: &Field) -> Result<(), String> {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    if step.is_some_and(|s| s.contains('/')) {
        return Err(format!("too many slashes: {part}"));
    }
    let (start, end) = match range.split_once('-') {
        _ if matches!(range, "*" | "?") => (field.least, field.most),
        Some((_, end)) if end.contains('-') => return Err(format!("too many hyphens: {part}")),
        Some((start, end)) => (number(start, field)?, number(end, field)?),
        None => {
            let start = number(range, field)?;
            (start, if step.is_some() { field.most } else { start })
        }
    };
    let step = step.map_or(Ok(1), plain_number)?;
    if start < field.least {
        return Err(format!("beginning of range ({start}) below minimum ({}): {part}", field.least));
    }
    if end > field.most {
        return Err(format!("end of range ({end}) above maximum ({}): {part}", field.most));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {part}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {part}"));
    }
    Ok(())
}

fn number(text: &str, field: &Field) -> Result<u32, String> {
    match field.names.iter().position(|n| text.eq_ignore_ascii_case(n)) {
        Some(at) => Ok(field.least + at as u32),
        None => plain_number(text),
    }
}

fn plain_number(text: &str) -> Result<u32, String> {
    let quoted = crate::api::json::quote(text);
    match text.parse::<i64>() {
        Ok(n) if n < 0 => Err(format!("negative number ({n}) not allowed: {text}")),
        Ok(n) => Ok(u32::try_from(n).unwrap_or(u32::MAX)),
        Err(_) => Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {quoted}: invalid syntax")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_five_fields_or_a_word() {
        for fine in ["*/5 * * * *", "0 9 * * mon-fri", "@hourly", "@every 1h30m", "0,30 1-5/2 1 jan ?"] {
            assert_eq!(parse_schedule(fine), Ok(()), "{fine}");
        }
        assert_eq!(parse_schedule("* * *"), Err("expected exactly 5 fields, found 3: [* * *]".into()));
        assert_eq!(parse_schedule("60 * * * *"), Err("end of range (60) above maximum (59): 60".into()));
        assert!(parse_schedule("@often").is_err());
        assert!(parse_schedule("a * * * *").is_err());
    }
}
