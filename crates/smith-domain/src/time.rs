//! Instants and durations as the domain sees them: whole milliseconds, always handed in from outside.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A length of time in milliseconds, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub u64);

/// The two readings that every decision gets.
///
/// `steady` is the driver's own time line: it never jumps, whatever is done to the machine's clock, so soaks are
/// measured on it. `wall` is what the machine's clock says. A calendar window counts as open only while both agree,
/// so a clock that is set forward opens nothing early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    pub steady: Timestamp,
    pub wall: Timestamp,
}

impl Now {
    /// Both readings agree.
    pub fn same(at: Timestamp) -> Self {
        Self { steady: at, wall: at }
    }
}

impl Timestamp {
    pub fn since(self, earlier: Timestamp) -> Span {
        Span(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Span {
    pub const ZERO: Span = Span(0);

    pub const fn secs(seconds: u64) -> Self {
        Span(seconds * 1000)
    }

    pub const fn mins(minutes: u64) -> Self {
        Span(minutes * 60_000)
    }

    pub const fn hours(hours: u64) -> Self {
        Span(hours * 3_600_000)
    }

    pub fn times(self, n: u64) -> Self {
        Span(self.0.saturating_mul(n))
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;

    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(span.0).unwrap_or(i64::MAX)))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Timestamp;

    fn sub(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(i64::try_from(span.0).unwrap_or(i64::MAX)))
    }
}

impl Add for Span {
    type Output = Span;

    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

/// UTC, to the second: `2026-11-20T07:14:38Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0 - self.0.rem_euclid(1000)) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// The two largest units that are not zero: `24h`, `1h 30m`, `12.5s`, `0s`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 60_000 {
            let (whole, tenths) = (self.0 / 1000, self.0 % 1000 / 100);
            return if tenths == 0 { write!(f, "{whole}s") } else { write!(f, "{whole}.{tenths}s") };
        }
        let seconds = self.0 / 1000;
        let units = [
            (seconds / 86_400, "d"),
            (seconds / 3600 % 24, "h"),
            (seconds / 60 % 60, "m"),
            (seconds % 60, "s"),
        ];
        let first = units.iter().position(|(n, _)| *n > 0).unwrap_or(3);
        write!(f, "{}{}", units[first].0, units[first].1)?;
        match units.get(first + 1) {
            Some((n, unit)) if *n > 0 => write!(f, " {n}{unit}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        for (span, text) in [
            (Span::ZERO, "0s"),
            (Span(1500), "1.5s"),
            (Span::secs(59), "59s"),
            (Span::mins(90), "1h 30m"),
            (Span::hours(24), "1d"),
            (Span::hours(25), "1d 1h"),
            (Span::secs(3605), "1h"),
        ] {
            assert_eq!(span.to_string(), text);
        }
    }

    #[test]
    fn instants_are_shown_in_utc() {
        assert_eq!(Timestamp(1_795_158_878_123).to_string(), "2026-11-20T07:14:38Z");
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn earlier_minus_later_is_zero() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Span::ZERO);
        assert_eq!(Timestamp(9).since(Timestamp(5)), Span(4));
    }
}
