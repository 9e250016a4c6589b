//! Sets of civil time, and when membership in them changes next. Civil time is in milliseconds since 1970-01-01 00:00
//! without any zone; no zone is known here.

use super::model::{Dates, MonthDay, Times};

pub(super) const MINUTE: i64 = 60_000;
pub(super) const DAY: i64 = 24 * 60 * MINUTE;
const WEEK: i64 = 7 * DAY;

/// 1970-01-05, the first Monday after the epoch.
const FIRST_MONDAY: i64 = 4 * DAY;

#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// Intervals of a week that starts on Monday: sorted, apart, none empty.
    Week(Vec<(i64, i64)>),
    Once(i64, i64),
    /// Both days included.
    Year(MonthDay, MonthDay),
}

/// Whether a civil time is inside, and the civil time at which that may change next; none if it never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) inside: bool,
    pub(super) until: Option<i64>,
}

impl Pattern {
    pub(super) fn of_dates(dates: &Dates) -> Self {
        match dates {
            Dates::Once { from, to } => Pattern::Once(from.minutes() * MINUTE, to.minutes() * MINUTE),
            Dates::Yearly { from, to } => Pattern::Year(*from, *to),
        }
    }

    /// The weekly windows of one zone are one pattern, so that adjoining ones are one opening.
    pub(super) fn of_times(times: &[&Times]) -> Vec<Self> {
        let mut patterns = Vec::new();
        let mut week = Vec::new();
        for times in times {
            match times {
                Times::Dated { from, to } => {
                    patterns.push(Pattern::Once(from.minutes() * MINUTE, to.minutes() * MINUTE));
                }
                Times::Weekly { days, from, to } => {
                    let length = (to.minutes() - from.minutes()).rem_euclid(24 * 60);
                    let length = if length == 0 { DAY } else { length * MINUTE };
                    for day in days {
                        let start = *day as i64 * DAY + from.minutes() * MINUTE;
                        week.push((start, start + length));
                    }
                }
            }
        }
        if !week.is_empty() {
            patterns.push(Pattern::Week(merged(&week)));
        }
        patterns
    }

    pub(super) fn at(&self, local: i64) -> Membership {
        match self {
            Pattern::Week(intervals) => at_week(intervals, local),
            Pattern::Once(from, _) if local < *from => Membership { inside: false, until: Some(*from) },
            Pattern::Once(_, to) if local < *to => Membership { inside: true, until: Some(*to) },
            Pattern::Once(..) => Membership { inside: false, until: None },
            Pattern::Year(from, to) => at_year(*from, *to, local),
        }
    }
}

/// Cuts what runs over the end of the week in two, sorts and joins what touches.
fn merged(week: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut pieces = Vec::new();
    for (from, to) in week {
        pieces.push((*from, (*to).min(WEEK)));
        if *to > WEEK {
            pieces.push((0, to - WEEK));
        }
    }
    pieces.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (from, to) in pieces {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            Some(_) | None => joined.push((from, to)),
        }
    }
    joined
}

fn at_week(intervals: &[(i64, i64)], local: i64) -> Membership {
    let of_week = (local - FIRST_MONDAY).rem_euclid(WEEK);
    let Some(first) = intervals.first() else { return Membership { inside: false, until: None } };
    if *first == (0, WEEK) {
        return Membership { inside: true, until: None };
    }
    let monday = local - of_week;
    match intervals.iter().find(|(_, to)| of_week < *to) {
        Some((from, _)) if of_week < *from => Membership { inside: false, until: Some(monday + from) },
        // The piece before midnight on Sunday goes on in the piece after it.
        Some((_, WEEK)) if first.0 == 0 => Membership { inside: true, until: Some(monday + WEEK + first.1) },
        Some((_, to)) => Membership { inside: true, until: Some(monday + to) },
        None => Membership { inside: false, until: Some(monday + WEEK + first.0) },
    }
}

fn at_year(from: MonthDay, to: MonthDay, local: i64) -> Membership {
    let (year, month, day) = date_of(local.div_euclid(DAY));
    let today = (month, day);
    let (first, last) = ((from.month(), from.day()), (to.month(), to.day()));
    let inside =
        if first <= last { first <= today && today <= last } else { today >= first || today <= last };
    // A freeze of the whole year changes on paper where its ends touch: the evaluation goes on from there.
    let until = [year, year + 1]
        .into_iter()
        .flat_map(|year| [start_of(year, from), start_of(year, to) + length_of(year, to)])
        .filter(|change| *change > local)
        .min();
    Membership { inside, until }
}

/// The start of that day; 29 February of a year without one counts as the start of 1 March.
fn start_of(year: i64, day: MonthDay) -> i64 {
    days_since_epoch(year, day.month(), day.day()) * DAY
}

/// A day that a year does not have takes no time in it.
fn length_of(year: i64, day: MonthDay) -> i64 {
    let (_, month, _) = date_of(days_since_epoch(year, day.month(), day.day()));
    if month == day.month() { DAY } else { 0 }
}

/// Days in 400 years, after which the calendar repeats.
const CYCLE: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01. Years counted from March have their leap day, if any, at their end.
const EPOCH: i64 = 719_468;

/// Days from 1970-01-01 to the date; a day that the month does not have runs on into the next month.
pub(super) fn days_since_epoch(year: i64, month: i8, day: i8) -> i64 {
    let (month, day) = (i64::from(month), i64::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let of_cycle = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year.div_euclid(400) * CYCLE + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - EPOCH
}

/// Year, month and day of the date so many days after 1970-01-01.
pub(super) fn date_of(days: i64) -> (i64, i8, i8) {
    let days = days + EPOCH;
    let of_cycle = days.rem_euclid(CYCLE);
    let years = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * years + years / 4 - years / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = days.div_euclid(CYCLE) * 400 + years + i64::from(month <= 2);
    let small = |n: i64| i8::try_from(n).unwrap_or(1);
    (year, small(month), small(day))
}
