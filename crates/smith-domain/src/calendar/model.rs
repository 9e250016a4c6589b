//! What a calendar is made of. Every value is checked when it is made, from whatever source.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil;
use serde::{Deserialize, Serialize};

use super::evaluate::Rules;
use super::pattern::days_since_epoch;
use super::text::{TimeTextError, parse_clock, parse_local_time, parse_month_day};
use super::zone::Zone;

/// When machines may be started. The default is always.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Parts", into = "Parts")]
pub struct Calendar {
    windows: Vec<Window>,
    freezes: Vec<Freeze>,
    /// The same in the form in which it is evaluated.
    pub(super) rules: Rules,
}

/// The stored form of a calendar.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Parts {
    windows: Vec<Window>,
    freezes: Vec<Freeze>,
}

/// A time in which machines may be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WindowParts", into = "WindowParts")]
pub struct Window {
    zone: Zone,
    times: Times,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Times {
    /// On each of these days from `from` to `to`; with `to` before `from`, to that time of the day after.
    Weekly { days: BTreeSet<Day>, from: Clock, to: Clock },
    /// Once.
    Dated { from: LocalTime, to: LocalTime },
}

/// A time in which no machine may be started, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "FreezeParts", into = "FreezeParts")]
pub struct Freeze {
    zone: Zone,
    reason: String,
    dates: Dates,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dates {
    Once {
        from: LocalTime,
        to: LocalTime,
    },
    /// Every year, both days included; with `to` before `from`, over the end of the year.
    Yearly {
        from: MonthDay,
        to: MonthDay,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A time of day in minutes after midnight; 24:00 is the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Clock(u16);

/// A date and a time of day as a clock on the wall shows them: minutes since 1970-01-01 00:00 without any zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalTime(i64);

/// A day of any year. 29 February is a day of leap years only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MonthDay {
    month: i8,
    day: i8,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error("expected a window that ends after it starts, found {from} to {to}")]
    Empty { from: String, to: String },
    #[error("expected at least one day of the week, found none")]
    NoDays,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FreezeError {
    #[error("expected a freeze that ends after it starts, found {from} to {to}")]
    Empty { from: String, to: String },
    #[error("expected a freeze of at most 366 days, found {from} to {to}")]
    TooLong { from: String, to: String },
    #[error("expected a reason, found none")]
    NoReason,
}

/// The longest freeze with dates. More is nearly always a mistyped year, and would look like a pipeline that hangs.
const LONGEST_FREEZE_MINUTES: i64 = 366 * 24 * 60;

impl Calendar {
    pub fn new(windows: Vec<Window>, freezes: Vec<Freeze>) -> Self {
        let rules = Rules::new(&windows, &freezes);
        Self { windows, freezes, rules }
    }

    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    pub fn freezes(&self) -> &[Freeze] {
        &self.freezes
    }

    /// No window and no freeze: open at any time.
    pub fn is_always(&self) -> bool {
        self.windows.is_empty() && self.freezes.is_empty()
    }
}

impl Window {
    pub fn new(zone: Zone, times: Times) -> Result<Self, WindowError> {
        let empty = |from: &dyn fmt::Display, to: &dyn fmt::Display| WindowError::Empty {
            from: from.to_string(),
            to: to.to_string(),
        };
        match &times {
            Times::Weekly { days, .. } if days.is_empty() => Err(WindowError::NoDays),
            Times::Weekly { from, to, .. } if from == to => Err(empty(from, to)),
            // 24:00 to 04:00 of a day would have to mean the day after: only an end may stand at 24:00.
            Times::Weekly { from, to, .. } if from.0 == Clock::END.0 => Err(empty(from, to)),
            Times::Dated { from, to } if from >= to => Err(empty(from, to)),
            Times::Weekly { .. } | Times::Dated { .. } => Ok(Self { zone, times }),
        }
    }

    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    pub fn times(&self) -> &Times {
        &self.times
    }
}

impl Freeze {
    pub fn new(zone: Zone, reason: &str, dates: Dates) -> Result<Self, FreezeError> {
        if reason.trim().is_empty() {
            return Err(FreezeError::NoReason);
        }
        match &dates {
            Dates::Once { from, to } if from >= to => {
                Err(FreezeError::Empty { from: from.to_string(), to: to.to_string() })
            }
            Dates::Once { from, to } if to.0 - from.0 > LONGEST_FREEZE_MINUTES => {
                Err(FreezeError::TooLong { from: from.to_string(), to: to.to_string() })
            }
            Dates::Once { .. } | Dates::Yearly { .. } => {
                Ok(Self { zone, reason: reason.trim().to_owned(), dates })
            }
        }
    }

    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub fn dates(&self) -> &Dates {
        &self.dates
    }
}

impl Day {
    pub const ALL: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];

    pub fn word(self) -> &'static str {
        match self {
            Day::Mon => "Mon",
            Day::Tue => "Tue",
            Day::Wed => "Wed",
            Day::Thu => "Thu",
            Day::Fri => "Fri",
            Day::Sat => "Sat",
            Day::Sun => "Sun",
        }
    }
}

impl Clock {
    /// The end of a day.
    pub const END: Clock = Clock(24 * 60);

    /// None when there is no such time of day.
    pub fn new(hour: u16, minute: u16) -> Option<Self> {
        let minutes = hour.checked_mul(60)?.checked_add(minute)?;
        (minute < 60 && minutes <= Self::END.0).then_some(Self(minutes))
    }

    pub(super) fn minutes(self) -> i64 {
        i64::from(self.0)
    }
}

impl LocalTime {
    /// None when the calendar has no such date.
    pub fn new(year: i16, month: i8, day: i8, clock: Clock) -> Option<Self> {
        civil::Date::new(year, month, day).ok()?;
        Some(Self(days_since_epoch(i64::from(year), month, day) * 24 * 60 + clock.minutes()))
    }

    pub(super) fn minutes(self) -> i64 {
        self.0
    }

    pub(super) fn next_day(self) -> Self {
        Self(self.0 + 24 * 60)
    }
}

impl MonthDay {
    /// None when no year has such a day.
    pub fn new(month: i8, day: i8) -> Option<Self> {
        // 2024 is a leap year, so it has every day that there is.
        civil::Date::new(2024, month, day).ok().map(|_| Self { month, day })
    }

    pub(super) fn month(self) -> i8 {
        self.month
    }

    pub(super) fn day(self) -> i8 {
        self.day
    }
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        self.windows == other.windows && self.freezes == other.freezes
    }
}

impl Eq for Calendar {}

impl From<Parts> for Calendar {
    fn from(parts: Parts) -> Self {
        Self::new(parts.windows, parts.freezes)
    }
}

impl From<Calendar> for Parts {
    fn from(calendar: Calendar) -> Self {
        Self { windows: calendar.windows, freezes: calendar.freezes }
    }
}

/// The stored form of a window.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct WindowParts {
    zone: Zone,
    times: Times,
}

impl TryFrom<WindowParts> for Window {
    type Error = WindowError;

    fn try_from(parts: WindowParts) -> Result<Self, WindowError> {
        Self::new(parts.zone, parts.times)
    }
}

impl From<Window> for WindowParts {
    fn from(window: Window) -> Self {
        Self { zone: window.zone, times: window.times }
    }
}

/// The stored form of a freeze.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct FreezeParts {
    zone: Zone,
    reason: String,
    dates: Dates,
}

impl TryFrom<FreezeParts> for Freeze {
    type Error = FreezeError;

    fn try_from(parts: FreezeParts) -> Result<Self, FreezeError> {
        Self::new(parts.zone, &parts.reason, parts.dates)
    }
}

impl From<Freeze> for FreezeParts {
    fn from(freeze: Freeze) -> Self {
        Self { zone: freeze.zone, reason: freeze.reason, dates: freeze.dates }
    }
}

/// The text form of a value is its stored form too.
macro_rules! stored_as_text {
    ($name:ident, $parse:path) => {
        impl TryFrom<String> for $name {
            type Error = TimeTextError;

            fn try_from(text: String) -> Result<Self, TimeTextError> {
                $parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    };
}

stored_as_text!(Clock, parse_clock);
stored_as_text!(LocalTime, parse_local_time);
stored_as_text!(MonthDay, parse_month_day);
