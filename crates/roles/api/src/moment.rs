use std::time::{SystemTime, UNIX_EPOCH};
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime, Time};

/// The wall clock in milliseconds of Unix time.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A moment as the API writes it: RFC 3339, UTC.
pub(crate) fn print(ms: u64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    let text = moment.ok().and_then(|moment| moment.format(&Rfc3339).ok());
    // Only years that RFC 3339 cannot write come here, and nothing makes them.
    text.unwrap_or_else(|| "9999-12-31T23:59:59Z".to_owned())
}

/// A moment as the store keeps it, printed.
pub(crate) fn print_stored(ms: i64) -> String {
    print(u64::try_from(ms).unwrap_or_default())
}

/// Reads RFC 3339, or a date alone, which is its first moment in UTC.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| {
        let date = OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339);
        date.ok().filter(|_| text.len() == "2026-01-31".len())
    })?;
    u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()
}

/// The first moment of the day, in UTC, in which a moment lies.
pub(crate) fn day_start(ms: u64) -> u64 {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    let date = moment.map_or(Date::MIN, OffsetDateTime::date);
    let start = OffsetDateTime::new_utc(date, Time::MIDNIGHT).unix_timestamp_nanos() / 1_000_000;
    u64::try_from(start).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read() {
        assert_eq!(print(0), "1970-01-01T00:00:00Z");
        assert_eq!(print(1_763_836_200_125), "2025-11-22T18:30:00.125Z");
        assert_eq!(parse("2025-11-22T18:30:00.125Z"), Some(1_763_836_200_125));
        assert_eq!(parse("2025-11-22T19:30:00.125+01:00"), Some(1_763_836_200_125));
        assert_eq!(parse("2025-11-22"), Some(1_763_769_600_000));
        for text in ["", "yesterday", "2025-13-01", "2025-11-22T25:00:00Z", "1960-01-01"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_starts_at_midnight() {
        assert_eq!(day_start(1_763_836_200_125), 1_763_769_600_000);
        assert_eq!(day_start(1_763_769_600_000), 1_763_769_600_000);
    }
}
