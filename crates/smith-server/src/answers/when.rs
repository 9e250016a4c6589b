//! Moments as people say them: a day, a time with its zone, or how long ago.

use jiff::tz::TimeZone;
use jiff::{Timestamp as Instant, Zoned, civil};
use smith_domain::time::{Span, Timestamp};
use thiserror::Error;

/// Which end of a stretch of time is meant; a day is a stretch itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The first moment of a day.
    Since,
    /// The first moment after a day.
    Until,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "expected a day such as 2026-11-20, a time with its zone such as 2026-11-20T10:00+01:00 or \
     2026-11-20T10:00[Europe/Berlin], or how long ago such as 7d, found {found:?}"
)]
pub struct BadMoment {
    found: String,
}

/// The longest text that can be a moment: a time to the nanosecond with the longest name of a zone.
const LONGEST: usize = 100;

/// Reads a moment. Days are those of UTC, in which the journal is shown.
pub fn moment(text: &str, edge: Edge, now: Timestamp) -> Result<Timestamp, BadMoment> {
    let text = text.trim();
    let bad = || BadMoment { found: text.chars().take(LONGEST).collect() };
    if text.len() > LONGEST {
        return Err(bad());
    }
    if let Some(ago) = ago(text) {
        return Ok(now - ago);
    }
    let has_zone = text.ends_with(']');
    if has_zone {
        let zoned: Zoned = text.parse().map_err(|_| bad())?;
        return Ok(Timestamp(zoned.timestamp().as_millisecond()));
    }
    if let Ok(instant) = text.parse::<Instant>() {
        return Ok(Timestamp(instant.as_millisecond()));
    }
    let is_day = text.len() == "2026-11-20".len();
    let day: civil::Date = text.parse().ok().filter(|_| is_day).ok_or_else(bad)?;
    let first = day.to_zoned(TimeZone::UTC).map_err(|_| bad())?;
    let start = Timestamp(first.timestamp().as_millisecond());
    Ok(if edge == Edge::Until { start + Span::hours(24) } else { start })
}

/// `90m`, `12h`, `7d`, `2w`, and several of them in a row.
fn ago(text: &str) -> Option<Span> {
    let (mut sum, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = match rest.as_bytes().get(digits)? {
            b's' => 1_000,
            b'm' => 60_000,
            b'h' => 3_600_000,
            b'd' => 86_400_000,
            b'w' => 604_800_000,
            _ => return None,
        };
        sum = sum.checked_add(number.checked_mul(unit)?)?;
        rest = rest.get(digits + 1..)?;
    }
    (!text.is_empty()).then_some(Span(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, edge: Edge) -> Option<String> {
        let now = Timestamp("2026-11-20T12:00:00Z".parse::<Instant>().expect("a moment").as_millisecond());
        moment(text, edge, now).ok().map(|at| at.to_string())
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        let cases = [
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
            ("2026-11-20T10:00+01:00", "2026-11-20T09:00:00Z"),
            ("2026-07-20T10:00[Europe/Berlin]", "2026-07-20T08:00:00Z"),
            ("7d", "2026-11-13T12:00:00Z"),
            ("1h30m", "2026-11-20T10:30:00Z"),
            ("2w", "2026-11-06T12:00:00Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text, Edge::Since).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(told("2026-11-20", Edge::Until).as_deref(), Some("2026-11-21T00:00:00Z"));
    }

    #[test]
    fn what_is_no_moment_or_has_no_zone_is_refused() {
        for bad in [
            "",
            "d",
            "7",
            "7y",
            "yesterday",
            "2026-11-20T10:00",
            "2026-13-01",
            "20261120",
            "99999999999999999w",
            "ä7d",
        ] {
            assert_eq!(told(bad, Edge::Since), None, "{bad}");
        }
    }
}
