//! How people write windows and freezes, and how they are shown again.

use std::collections::BTreeSet;
use std::fmt;

use super::model::{Clock, Dates, Day, Freeze, LocalTime, MonthDay, Times, Window};
use super::pattern::date_of;

/// A piece of text that is no time, day or date of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct TimeTextError {
    pub expected: &'static str,
    pub found: String,
}

const TIMES: &str =
    "times such as `Mon-Thu 22:00-04:00`, `daily 01:00-05:00` or `2026-12-05 22:00 - 2026-12-06 04:00`";
const DAYS: &str = "days such as `Mon-Thu`, `Sat,Sun`, `weekdays`, `weekends` or `daily`";
const CLOCK: &str = "a time of day from 00:00 to 24:00";
const DATE: &str = "a date such as `2026-12-05` of the years 2000 to 2099";
const LOCAL: &str = "a date and a time such as `2026-12-05 22:00`";
const MONTH_DAY: &str = "a month and a day such as `12-24`";
const SAME_KIND: &str = "`from` and `to` both with a year or both without";

/// Years outside are mistyped; within them every date can be computed with.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2099;

/// Reads the times of a window: days and hours, or dates.
pub fn parse_times(text: &str) -> Result<Times, TimeTextError> {
    let text = tidy(text);
    if text.is_empty() {
        return Err(wrong(TIMES, &text));
    }
    if is_date(text.get(..10).unwrap_or("")) {
        return parse_dated(&text);
    }
    let (days, hours) = match text.rsplit_once(' ') {
        Some((days, hours)) => (days, hours),
        None if text.contains(':') => ("daily", text.as_str()),
        None => (text.as_str(), "00:00-24:00"),
    };
    let days = parse_days(days)?;
    let (from, to) = hours.split_once('-').ok_or_else(|| wrong(TIMES, &text))?;
    Ok(Times::Weekly { days, from: parse_clock(from)?, to: parse_clock(to)? })
}

/// Reads the two ends of a freeze. A date as the end means the whole of that day.
pub fn parse_freeze_dates(from: &str, to: &str) -> Result<Dates, TimeTextError> {
    let (from, to) = (tidy(from), tidy(to));
    match (parse_month_day(&from), parse_month_day(&to)) {
        (Ok(from), Ok(to)) => return Ok(Dates::Yearly { from, to }),
        (Err(error), Err(_)) if !has_year(&from) && !has_year(&to) => return Err(error),
        (Ok(_), Err(_)) => return Err(wrong(if has_year(&to) { SAME_KIND } else { MONTH_DAY }, &to)),
        (Err(_), Ok(_)) => return Err(wrong(if has_year(&from) { SAME_KIND } else { MONTH_DAY }, &from)),
        (Err(_), Err(_)) => {}
    }
    let start = |text: &str| match is_date(text) {
        true => parse_date(text, "00:00"),
        false => parse_local_time(text),
    };
    let end = |text: &str| match is_date(text) {
        true => parse_date(text, "24:00"),
        false => parse_local_time(text),
    };
    Ok(Dates::Once { from: start(&from)?, to: end(&to)? })
}

pub(super) fn parse_clock(text: &str) -> Result<Clock, TimeTextError> {
    let bad = || wrong(CLOCK, text);
    let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
    Clock::new(digits(hour, 1..=2).ok_or_else(bad)?, digits(minute, 2..=2).ok_or_else(bad)?).ok_or_else(bad)
}

pub(super) fn parse_local_time(text: &str) -> Result<LocalTime, TimeTextError> {
    let (date, clock) = text.split_once([' ', 'T']).ok_or_else(|| wrong(LOCAL, text))?;
    parse_date(date, clock.trim())
}

pub(super) fn parse_month_day(text: &str) -> Result<MonthDay, TimeTextError> {
    let bad = || wrong(MONTH_DAY, text);
    let (month, day) = text.split_once('-').ok_or_else(bad)?;
    MonthDay::new(digits(month, 1..=2).ok_or_else(bad)?, digits(day, 1..=2).ok_or_else(bad)?).ok_or_else(bad)
}

fn parse_dated(text: &str) -> Result<Times, TimeTextError> {
    let bad = || wrong(LOCAL, text);
    let (date, rest) = text.split_at_checked(10).ok_or_else(bad)?;
    let rest = rest.strip_prefix([' ', 'T']).ok_or_else(bad)?;
    let (opens, rest) = rest.split_once('-').ok_or_else(bad)?;
    let from = parse_date(date, opens)?;
    let to = if rest.len() > 5 {
        parse_local_time(rest)?
    } else {
        let same_day = parse_date(date, rest)?;
        // 22:00-04:00 on a date ends on the day after, as it does on a day of the week.
        if same_day > from { same_day } else { same_day.next_day() }
    };
    Ok(Times::Dated { from, to })
}

fn parse_date(date: &str, clock: &str) -> Result<LocalTime, TimeTextError> {
    let bad = || wrong(DATE, date);
    let clock = parse_clock(clock)?;
    if !is_date(date) {
        return Err(bad());
    }
    let mut parts = date.split('-');
    let mut part = |width| parts.next().and_then(|p| digits::<i16>(p, width)).ok_or_else(bad);
    let (year, month, day) = (part(4..=4)?, part(2..=2)?, part(2..=2)?);
    let small = |n: i16| i8::try_from(n).map_err(|_| bad());
    if !YEARS.contains(&year) {
        return Err(bad());
    }
    LocalTime::new(year, small(month)?, small(day)?, clock).ok_or_else(bad)
}

fn parse_days(text: &str) -> Result<BTreeSet<Day>, TimeTextError> {
    let range = |from: usize, to: usize| Day::ALL[from..=to].iter().copied().collect();
    match text.to_ascii_lowercase().as_str() {
        "daily" | "every day" => return Ok(range(0, 6)),
        "weekdays" => return Ok(range(0, 4)),
        "weekends" => return Ok(range(5, 6)),
        _ => {}
    }
    let mut days = BTreeSet::new();
    for part in text.split(',') {
        let part = part.trim();
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first, text)?, day(last, text)?);
        // Fri-Mon runs over the end of the week.
        let length = (last as usize + 7 - first as usize) % 7;
        days.extend((0..=length).map(|step| Day::ALL[(first as usize + step) % 7]));
    }
    Ok(days)
}

fn day(word: &str, whole: &str) -> Result<Day, TimeTextError> {
    const FULL: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let word = word.trim().to_ascii_lowercase();
    let found = FULL.iter().position(|full| word == *full || word == full[..3]);
    found.map(|at| Day::ALL[at]).ok_or_else(|| wrong(DAYS, whole))
}

fn digits<T: std::str::FromStr>(text: &str, width: std::ops::RangeInclusive<usize>) -> Option<T> {
    let right = width.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if right { text.parse().ok() } else { None }
}

/// Has the form of a date, whether or not there is such a day.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() })
}

fn has_year(text: &str) -> bool {
    text.split('-').next().is_some_and(|first| first.len() > 2)
}

/// One space between words, none around dashes and commas.
fn tidy(text: &str) -> String {
    let mut tidied = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for mark in ["-", ",", "–"] {
        let plain = if mark == "," { "," } else { "-" };
        tidied =
            tidied.replace(&format!(" {mark}"), mark).replace(&format!("{mark} "), mark).replace(mark, plain);
    }
    tidied
}

fn wrong(expected: &'static str, found: &str) -> TimeTextError {
    TimeTextError { expected, found: found.to_owned() }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes() / 60, self.minutes() % 60)
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, minutes) = (self.minutes().div_euclid(24 * 60), self.minutes().rem_euclid(24 * 60));
        let (year, month, day) = date_of(days);
        write!(f, "{year:04}-{month:02}-{day:02} {:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month(), self.day())
    }
}

/// `Mon-Thu 22:00-04:00`: what `parse_times` reads.
impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Times::Weekly { days, from, to } => write!(f, "{} {from}-{to}", show_days(days)),
            Times::Dated { from, to } => write!(f, "{from} - {to}"),
        }
    }
}

impl fmt::Display for Dates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dates::Once { from, to } => write!(f, "{from} - {to}"),
            Dates::Yearly { from, to } => write!(f, "every year {from} to {to}"),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.times(), self.zone())
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.dates(), self.zone(), self.reason())
    }
}

fn show_days(days: &BTreeSet<Day>) -> String {
    if days.len() == 7 {
        return "daily".to_owned();
    }
    let mut shown = Vec::new();
    let mut rest: Vec<Day> = days.iter().copied().collect();
    while let Some(first) = rest.first().copied() {
        let run = (0..rest.len()).take_while(|n| rest[*n] as usize == first as usize + n).count();
        let last = rest[run - 1];
        match run {
            1 => shown.push(first.word().to_owned()),
            2 => shown.push(format!("{},{}", first.word(), last.word())),
            _ => shown.push(format!("{}-{}", first.word(), last.word())),
        }
        rest.drain(..run);
    }
    shown.join(",")
}
