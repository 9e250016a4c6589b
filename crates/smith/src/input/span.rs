//! Lengths of time on the command line: `30m`, `1h30m`, `180d`.

use std::fmt;

use smith_domain::time::Span;
use thiserror::Error;

/// A length as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Length(pub(crate) Span);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a length of time such as 30m, 1h30m or 180d, found {found:?}")]
pub(crate) struct LengthError {
    found: String,
}

/// Longer than any rollout, short enough that sums of it stay in range.
const LONGEST: Span = Span::hours(24 * 366 * 20);

pub(crate) fn length(text: &str) -> Result<Length, LengthError> {
    let bad = || LengthError { found: text.to_owned() };
    let mut sum: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "s" => Span::secs(1),
            "m" => Span::mins(1),
            "h" => Span::hours(1),
            "d" => Span::hours(24),
            "w" => Span::hours(24 * 7),
            _ => return Err(bad()),
        };
        rest = rest[letters..].trim_start();
        sum = number.checked_mul(unit.0).and_then(|part| sum.checked_add(part)).ok_or_else(bad)?;
    }
    if sum > LONGEST.0 { Err(bad()) } else { Ok(Length(Span(sum))) }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_people_say_them() {
        for (text, span) in [
            ("30m", Span::mins(30)),
            ("1h30m", Span::mins(90)),
            ("1h 30m", Span::mins(90)),
            ("180d", Span::hours(180 * 24)),
            ("2w", Span::hours(14 * 24)),
            ("0s", Span::ZERO),
        ] {
            assert_eq!(length(text), Ok(Length(span)), "{text}");
        }
        for bad in
            ["", " ", "30", "m", "1x", "-1m", "1.5h", "99999999999999999999s", "18446744073709551615w", "21y"]
        {
            assert!(length(bad).is_err(), "{bad:?}");
        }
    }
}
