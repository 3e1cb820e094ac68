//! When a menu is open, by the clock on the wall where it is.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use offhook_model::{Hours, Opening};
use std::sync::OnceLock;

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// Whether a menu with these hours is open, at this time in milliseconds of Unix time. Hours whose zone is not
/// known are open: [`check`](crate::check()) refuses them.
#[must_use]
pub fn is_open(hours: &Hours, now_ms: u64) -> bool {
    let Some((zone, now)) = zone(&hours.zone).zip(timestamp(now_ms)) else { return true };
    let now = zone.to_datetime(now);
    let date = now.date();
    if hours.holidays.iter().any(|holiday| holiday.parse().ok() == Some(date)) {
        return false;
    }
    let day = now.weekday().to_monday_one_offset().unsigned_abs();
    let minute = u16::from(now.hour().unsigned_abs()) * 60 + u16::from(now.minute().unsigned_abs());
    hours.open.iter().any(|opening| {
        let contains =
            minutes(opening).is_some_and(|(from, until)| (from..until).contains(&minute));
        contains && opening.days.contains(&day)
    })
}

/// The time zone of this name of the IANA database.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    ZONES.get_or_init(TimeZoneDatabase::bundled).get(name).ok()
}

pub(crate) fn is_date(text: &str) -> bool {
    text.len() == "2026-12-25".len() && text.parse::<Date>().is_ok()
}

/// From and until, in minutes of the day; `None` when they cannot be read or nothing lies between them.
pub(crate) fn minutes(opening: &Opening) -> Option<(u16, u16)> {
    let (from, until) = (minute(&opening.from)?, minute(&opening.until)?);
    (from < until).then_some((from, until))
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|_| is_number)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY_MINUTES).then_some(minute)
}

fn timestamp(now_ms: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(now_ms).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_model::Target;

    fn hours(zone: &str) -> Hours {
        let opening = |days: &[u8], from: &str, until: &str| Opening {
            days: days.to_vec(),
            from: from.to_owned(),
            until: until.to_owned(),
        };
        Hours {
            zone: zone.to_owned(),
            open: vec![
                opening(&[1, 2, 3, 4, 5], "08:00", "17:30"),
                opening(&[6], "10:00", "24:00"),
            ],
            holidays: vec!["2026-12-25".to_owned()],
            closed: Target::HangUp,
        }
    }

    /// Milliseconds of a moment in RFC 3339.
    fn at(moment: &str) -> u64 {
        let moment: Timestamp = moment.parse().expect("a moment");
        moment.as_millisecond().unsigned_abs()
    }

    #[test]
    fn it_is_open_by_the_clock_of_its_zone() {
        for (moment, is_there) in [
            // A Tuesday in summer: Berlin is two hours before UTC.
            ("2026-07-07T05:59:59Z", false),
            ("2026-07-07T06:00:00Z", true),
            ("2026-07-07T15:29:59Z", true),
            ("2026-07-07T15:30:00Z", false),
            // A Tuesday in winter: one hour.
            ("2026-12-01T06:59:00Z", false),
            ("2026-12-01T07:00:00Z", true),
            // Saturday until the day's end, and Sunday.
            ("2026-12-05T22:59:59Z", true),
            ("2026-12-05T23:00:00Z", false),
            // The Friday of Christmas, and the one before.
            ("2026-12-25T10:00:00Z", false),
            ("2026-12-18T10:00:00Z", true),
            // The day on which clocks go forward in Berlin is a Sunday; the Monday after it.
            ("2026-03-30T06:00:00Z", true),
            ("2026-03-30T05:59:00Z", false),
        ] {
            assert_eq!(is_open(&hours("Europe/Berlin"), at(moment)), is_there, "{moment}");
        }
    }

    #[test]
    fn the_same_moment_differs_between_zones() {
        let moment = at("2026-12-01T16:00:00Z");
        for (zone, is_there) in [
            ("Europe/Berlin", true),
            ("Europe/London", true),
            ("America/New_York", true),
            ("Asia/Tokyo", false),
            ("UTC", true),
            ("Asia/Kolkata", false),
        ] {
            assert_eq!(is_open(&hours(zone), moment), is_there, "{zone}");
        }
        // A holiday begins with the day of the zone: it is the 25th in Auckland already.
        let eve = at("2026-12-24T20:00:00Z");
        assert!(!is_open(&hours("Pacific/Auckland"), eve));
        assert!(is_open(&hours("America/New_York"), eve));
    }

    #[test]
    fn times_are_read_and_nothing_else() {
        for (text, expected) in [
            ("00:00", Some(0)),
            ("08:30", Some(510)),
            ("24:00", Some(1_440)),
            ("24:01", None),
            ("8:30", None),
            ("08:60", None),
            ("+8:30", None),
            ("", None),
        ] {
            assert_eq!(minute(text), expected, "{text}");
        }
        assert!(is_date("2028-02-29") && !is_date("2026-02-29") && !is_date("2026-1-1"));
        assert!(!is_date("2026-12-25T00:00:00"));
    }
}
