//! Dates as apt writes them: `Sat, 16 May 2026 10:33:45 UTC`.

use jiff::Timestamp;
use jiff::civil::{self, Weekday};
use jiff::tz::TimeZone;

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What a date must be: apt refuses other zones, since it cannot know what they mean.
pub(super) const EXPECTED: &str = "a date like `Sat, 16 May 2026 10:33:45 UTC`";

/// Reads a date that is exactly what it says: the day of the week must be right, the zone UTC by one of its names.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let mut words = text.split_ascii_whitespace();
    let (day_name, day, month, year, time, zone) =
        (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !matches!(zone, "UTC" | "GMT" | "Z" | "+0000") {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)?;
    let date = civil::date(number(year, 4..=4)?, i8::try_from(month + 1).ok()?, 1);
    let day: i8 = number(day, 1..=2)?.try_into().ok()?;
    let date = date.with().day(day).build().ok()?;
    let (_, weekday) = DAYS.iter().find(|(name, _)| day_name.strip_suffix(',') == Some(*name))?;
    if date.weekday() != *weekday {
        return None;
    }
    let mut parts = time.split(':').map(|part| number(part, 1..=2).and_then(|part| i8::try_from(part).ok()));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    let time = civil::Time::new(hour, minute, second, 0).ok()?;
    Some(date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Parts of a second are left out: the format has none.
pub fn write_date(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    let day = DAYS.iter().find(|(_, day)| *day == at.weekday()).map_or("", |(name, _)| name);
    let month = MONTHS[usize::from(at.month().unsigned_abs()) - 1];
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    format!("{day}, {:02} {month} {:04} {hour:02}:{minute:02}:{second:02} UTC", at.day(), at.year())
}

fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i16> {
    let is_plain = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_date_reads_them() {
        for (text, seconds) in [
            ("Sat, 16 May 2026 10:33:45 UTC", 1_778_927_625),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Tue, 29 Feb 2028 23:59:59 +0000", 1_835_481_599),
            ("Sat,  6 Jun 2026  9:05:01 Z", 1_780_736_701),
        ] {
            assert_eq!(parse_date(text).map(Timestamp::as_second), Some(seconds), "{text}");
        }
        let at = Timestamp::from_second(1_778_927_625).expect("a time");
        assert_eq!(write_date(at), "Sat, 16 May 2026 10:33:45 UTC");
    }

    #[test]
    fn other_dates_are_refused() {
        for bad in [
            "",
            "Sun, 16 May 2026 10:33:45 UTC",
            "Sat, 16 May 2026 10:33:45 CEST",
            "Sat, 16 May 2026 10:33:45 +0200",
            "Sat, 16 May 2026 10:33:45",
            "Sat, 16 May 26 10:33:45 UTC",
            "Sat 16 May 2026 10:33:45 UTC",
            "Sat, 32 May 2026 10:33:45 UTC",
            "Sat, 16 May 2026 24:33:45 UTC",
            "Sat, 16 May 2026 10:33:45:1 UTC",
            "Sat, 16 May 2026 10:33:45 UTC x",
            "Sat, +6 May 2026 10:33:45 UTC",
            "2026-05-16T10:33:45Z",
        ] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }
}
