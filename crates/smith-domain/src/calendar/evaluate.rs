//! The calendar at an instant: open or closed, why, and until when exactly.
//!
//! Between two changes of the clocks an instant and its civil time differ by a constant, so every end of a window or
//! freeze in civil time is one instant there. The evaluation walks from such a change to the next one; how far it looks
//! is bounded by `HORIZON`.

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

use super::model::{Calendar, Freeze, Window};
use super::pattern::{DAY, Membership, Pattern};
use super::zone::{Stretch, Zone};

/// How far ahead an opening or a closing is looked for. Two years hold every day of the year and every change of the
/// clocks twice; what lies beyond is looked at again long before it matters.
pub const HORIZON: Span = Span::hours(2 * 366 * 24);

#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Opening {
    /// Machines may be started. `until` is the instant at which that ends; none if not within the horizon.
    Open { until: Option<Timestamp> },
    /// Machines may not be started. `opens` is the instant at which they may again; none if not within the horizon.
    Closed { opens: Option<Timestamp>, why: Closing },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closing {
    OutsideWindow,
    /// The freeze that lasts longest of those in force. After its end it may still be outside every window.
    Freeze {
        reason: String,
        until: Option<Timestamp>,
    },
    /// The clock of the machine runs ahead of the time that has passed.
    Clock,
}

/// A calendar in the form in which it is evaluated.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    zones: Vec<Zone>,
    windows: Vec<Rule>,
    freezes: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    /// Index into the zones.
    zone: usize,
    pattern: Pattern,
}

/// What holds from an instant on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    state: State,
    /// Nothing changes before.
    until: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Outside,
    /// By the freeze with this index.
    Frozen(usize),
}

impl Calendar {
    /// Open or closed at the instant, and until when.
    pub fn at(&self, at: Timestamp) -> Opening {
        // Instants beyond what the time zone database can hold are taken for its ends: nothing below can overflow.
        let at = at.0.clamp(jiff::Timestamp::MIN.as_millisecond(), jiff::Timestamp::MAX.as_millisecond());
        let mut walk = Walk::new(&self.rules, at);
        let first = walk.segment(at);
        let end = at.saturating_add(horizon());
        match first.state {
            State::Open => {
                let until = walk.next(first, end, |state| state != State::Open);
                Opening::Open { until: until.map(Timestamp) }
            }
            State::Outside | State::Frozen(_) => {
                let why = self.why(&walk, first, at, end);
                let opens = walk.next(first, end, |state| state == State::Open);
                Opening::Closed { opens: opens.map(Timestamp), why }
            }
        }
    }

    /// The longest time in one piece that machines may be started in; none if it has no end, zero if there is none.
    ///
    /// Hours that only exist because clocks are set back do not count: they are there on one day of the year.
    pub fn longest_opening(&self) -> Option<Span> {
        if self.windows().is_empty() {
            // Freezes are at most a year long, yearly ones may cover the year.
            return match longest(&self.rules) {
                Some(0) => Some(Span::ZERO),
                Some(_) | None => None,
            };
        }
        let (real, plain) = (longest(&self.rules)?, longest(&self.rules.standard())?);
        Some(Span(u64::try_from(real.min(plain)).unwrap_or(0)))
    }

    /// No instant is open, whatever the year.
    pub fn never_opens(&self) -> bool {
        self.longest_opening() == Some(Span::ZERO)
    }

    fn why(&self, walk: &Walk<'_>, first: Segment, at: i64, end: i64) -> Closing {
        let State::Frozen(index) = first.state else { return Closing::OutsideWindow };
        let until = walk.end_of_freeze(index, at, end);
        let reason = self.freezes().get(index).map(|freeze| freeze.reason().to_owned()).unwrap_or_default();
        Closing::Freeze { reason, until: until.map(Timestamp) }
    }
}

impl Rules {
    pub(super) fn new(windows: &[Window], freezes: &[Freeze]) -> Self {
        let mut rules = Rules::default();
        for window in windows {
            rules.zone(window.zone());
        }
        for (zone, known) in rules.zones.iter().enumerate() {
            let times: Vec<_> = windows.iter().filter(|w| w.zone() == known).map(Window::times).collect();
            rules.windows.extend(Pattern::of_times(&times).into_iter().map(|pattern| Rule { zone, pattern }));
        }
        for freeze in freezes {
            let zone = rules.zone(freeze.zone());
            rules.freezes.push(Rule { zone, pattern: Pattern::of_dates(freeze.dates()) });
        }
        rules
    }

    /// The index of the zone, entered if it is new.
    fn zone(&mut self, zone: &Zone) -> usize {
        self.zones.iter().position(|known| known == zone).unwrap_or_else(|| {
            self.zones.push(zone.clone());
            self.zones.len() - 1
        })
    }

    /// The same with clocks that are never changed.
    fn standard(&self) -> Self {
        Self { zones: self.zones.iter().map(Zone::standard).collect(), ..self.clone() }
    }
}

/// An evaluation on its way: the offsets that it has looked up.
struct Walk<'a> {
    rules: &'a Rules,
    stretches: Vec<Stretch>,
}

impl<'a> Walk<'a> {
    fn new(rules: &'a Rules, at: i64) -> Self {
        Self { rules, stretches: rules.zones.iter().map(|zone| zone.stretch(at)).collect() }
    }

    /// What holds at the instant. Calls must not go back in time past a change of the clocks.
    fn segment(&mut self, at: i64) -> Segment {
        for (stretch, zone) in self.stretches.iter_mut().zip(&self.rules.zones) {
            if at >= stretch.until {
                *stretch = zone.stretch(at);
            }
        }
        let mut quiet = i64::MAX;
        let mut frozen: Option<(usize, i64)> = None;
        for (index, rule) in self.rules.freezes.iter().enumerate() {
            let (inside, until) = self.membership(rule, at);
            if !inside {
                quiet = quiet.min(until);
            } else if frozen.is_none_or(|(_, longest)| until > longest) {
                frozen = Some((index, until));
            }
        }
        // One freeze closes, whatever all others do.
        if let Some((index, until)) = frozen {
            return Segment { state: State::Frozen(index), until };
        }
        if self.rules.windows.is_empty() {
            return Segment { state: State::Open, until: quiet };
        }
        let (mut opens, mut closes) = (i64::MAX, None);
        for rule in &self.rules.windows {
            let (inside, until) = self.membership(rule, at);
            if inside {
                closes = closes.max(Some(until));
            } else {
                opens = opens.min(until);
            }
        }
        match closes {
            // One window opens, whatever all others do.
            Some(closes) => Segment { state: State::Open, until: closes.min(quiet) },
            None => Segment { state: State::Outside, until: opens.min(quiet) },
        }
    }

    /// Whether the instant is inside, and up to which instant that cannot change.
    fn membership(&self, rule: &Rule, at: i64) -> (bool, i64) {
        let Stretch { offset, until } = self.stretches[rule.zone];
        let Membership { inside, until: local } = rule.pattern.at(at.saturating_add(offset));
        match local {
            Some(local) => (inside, until.min(local.saturating_sub(offset))),
            // No civil time ever changes it, hence no change of the clocks does.
            None => (inside, i64::MAX),
        }
    }

    /// The first instant after the segment, and not after `end`, whose state is wanted.
    fn next(&mut self, from: Segment, end: i64, wanted: impl Fn(State) -> bool) -> Option<i64> {
        let mut at = from.until;
        while at <= end {
            let segment = self.segment(at);
            if wanted(segment.state) {
                return Some(at);
            }
            at = segment.until;
        }
        None
    }

    /// Where the freeze that holds at the instant ends.
    fn end_of_freeze(&self, index: usize, at: i64, end: i64) -> Option<i64> {
        let rule = self.rules.freezes.get(index)?;
        let mut alone = Walk { rules: self.rules, stretches: self.stretches.clone() };
        let mut at = at;
        while at <= end {
            let stretch = &mut alone.stretches[rule.zone];
            if at >= stretch.until {
                *stretch = self.rules.zones[rule.zone].stretch(at);
            }
            let (inside, until) = alone.membership(rule, at);
            if !inside {
                return Some(at);
            }
            at = until;
        }
        None
    }
}

fn horizon() -> i64 {
    i64::try_from(HORIZON.0).unwrap_or(i64::MAX)
}

/// The longest opening in milliseconds; none if it has no end. Looked for around every date in the calendar and, as
/// what has no date repeats, in the year after the last one.
fn longest(rules: &Rules) -> Option<i64> {
    // More than any difference between civil time and instant, and than the longest weekly opening that has an end.
    const AROUND: i64 = 9 * DAY;
    // 2026-01-01; any later year would do.
    let mut recurring = 1_767_225_600_000;
    let mut found = 0;
    for rule in rules.windows.iter().chain(&rules.freezes) {
        if let Pattern::Once(_, to) = rule.pattern {
            recurring = recurring.max(to + AROUND);
        }
    }
    for rule in &rules.windows {
        if let Pattern::Once(from, to) = rule.pattern {
            found = found.max(longest_within(rules, from - AROUND, to + AROUND)?);
        }
    }
    longest_within(rules, recurring, recurring + 366 * DAY).map(|last| last.max(found))
}

fn longest_within(rules: &Rules, from: i64, end: i64) -> Option<i64> {
    let mut walk = Walk::new(rules, from);
    let mut at = from;
    let mut found = 0;
    while at <= end {
        let segment = walk.segment(at);
        if segment.state != State::Open {
            at = segment.until;
            continue;
        }
        let closes = walk.next(segment, at.saturating_add(horizon()), |state| state != State::Open)?;
        found = found.max(closes - at);
        at = closes;
    }
    Some(found)
}
