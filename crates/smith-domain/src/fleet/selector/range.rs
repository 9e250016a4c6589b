//! Sets of numbers in names: `[1001-1010,2001]`, `[01-03]`.

use std::fmt;

/// Digits of one bound. Numbers of up to eighteen digits fit `u64` with room to spare, and no name has longer ones.
pub(super) const MAX_DIGITS: usize = 18;

/// In the order in which they were written. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RangeSet(pub(super) Vec<Range>);

/// All numbers from `first` to `last`, written with at least `width` digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) width: usize,
}

impl RangeSet {
    /// Whether these digits are one of the numbers as it would be written: `07` is not `7`.
    pub(super) fn contains(&self, digits: &[u8]) -> bool {
        let Some(value) = number(digits) else { return false };
        self.0.iter().any(|range| {
            let unpadded = digits.len() == 1 || digits[0] != b'0';
            let written_so = if digits.len() > range.width { unpadded } else { digits.len() == range.width };
            written_so && (range.first..=range.last).contains(&value)
        })
    }

    /// How many numbers it has, as far as that can be counted.
    pub(super) fn count(&self) -> u64 {
        self.0
            .iter()
            .fold(0u64, |sum, range| sum.saturating_add((range.last - range.first).saturating_add(1)))
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().flat_map(|range| {
            let width = range.width;
            (range.first..=range.last).map(move |n| format!("{n:0width$}"))
        })
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

impl fmt::Display for RangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (at, range) in self.0.iter().enumerate() {
            let (comma, width) = (if at > 0 { "," } else { "" }, range.width);
            write!(f, "{comma}{:0width$}", range.first)?;
            if range.last > range.first {
                write!(f, "-{:0width$}", range.last)?;
            }
        }
        f.write_str("]")
    }
}
