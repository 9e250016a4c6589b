//! How long things take, learnt from what was reported.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fleet::Symbol;
use crate::pipeline::{Actions, Drain, Health, Patch, Reboot};
use crate::rollout::machine::Action;
use crate::time::Span;

/// What is believed before anything was seen, in milliseconds: a median machine of the kind that the fleet has most.
const BEFORE: [(Action, u64); 6] = [
    (Action::Check, 15_000),
    (Action::Drain, 120_000),
    (Action::Patch, 360_000),
    (Action::Reboot, 240_000),
    (Action::Health, 45_000),
    (Action::Undrain, 30_000),
];

/// So many reports weigh as much as what was believed before.
const PRIOR_WEIGHT: u64 = 4;

/// Durations fall into classes an eighth of a doubling wide: fine enough for a percentile, small enough to keep.
const CLASSES_PER_DOUBLING: u32 = 8;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Learned {
    stats: BTreeMap<(Option<Symbol>, Action), Stats>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    pub seen: u64,
    pub sum: u64,
    classes: BTreeMap<u16, u32>,
}

impl Learned {
    pub(crate) fn saw(&mut self, role: Option<Symbol>, action: Action, took: Span) {
        let stats = self.stats.entry((role, action)).or_default();
        stats.seen += 1;
        stats.sum = stats.sum.saturating_add(took.0);
        *stats.classes.entry(class(took.0)).or_default() += 1;
    }

    pub fn stats(&self, role: Option<Symbol>, action: Action) -> Option<&Stats> {
        self.stats.get(&(role, action))
    }

    /// What one action is expected to take, in milliseconds.
    pub fn mean(&self, role: Option<Symbol>, action: Action) -> u64 {
        let before = before(action);
        match self.stats(role, action) {
            None => before,
            Some(stats) => (stats.sum + before * PRIOR_WEIGHT) / (stats.seen + PRIOR_WEIGHT),
        }
    }

    /// The time within which so many in a hundred ended; what was believed before, doubled, where nothing was seen.
    pub fn percentile(&self, role: Option<Symbol>, action: Action, percent: u64) -> u64 {
        self.stats(role, action).map_or_else(|| before(action) * 2, |stats| stats.percentile(percent))
    }

    /// What a machine's whole procedure is expected to take, in milliseconds.
    pub fn procedure(&self, role: Option<Symbol>, actions: &Actions) -> u64 {
        self.sum(role, actions, |action| self.mean(role, action))
    }

    /// The time within which so many in a hundred machines are done, each action taken by itself.
    pub fn procedure_within(&self, role: Option<Symbol>, actions: &Actions, percent: u64) -> u64 {
        self.sum(role, actions, |action| self.percentile(role, action, percent))
    }

    fn sum(&self, role: Option<Symbol>, actions: &Actions, of: impl Fn(Action) -> u64) -> u64 {
        let mut sum = of(Action::Check);
        if actions.drain == Drain::Yes {
            sum += of(Action::Drain) + of(Action::Undrain);
        }
        if actions.patch == Patch::Yes {
            sum += of(Action::Patch);
        }
        sum += match actions.reboot {
            Reboot::Never => 0,
            Reboot::IfNeeded => of(Action::Reboot) * self.reboots_percent(role) / 100,
            Reboot::Always => of(Action::Reboot),
        };
        if actions.health == Health::Yes {
            sum += of(Action::Health);
        }
        sum
    }

    /// Of a hundred machines that were patched, so many were rebooted; all where too little was seen.
    fn reboots_percent(&self, role: Option<Symbol>) -> u64 {
        match (self.stats(role, Action::Patch), self.stats(role, Action::Reboot)) {
            (Some(patch), reboot) if patch.seen >= PRIOR_WEIGHT => {
                (reboot.map_or(0, |stats| stats.seen) * 100 / patch.seen).min(100)
            }
            (Some(_) | None, _) => 100,
        }
    }
}

impl Stats {
    fn percentile(&self, percent: u64) -> u64 {
        let wanted = (self.seen * percent).div_ceil(100);
        let mut seen = 0;
        for (class, count) in &self.classes {
            seen += u64::from(*count);
            if seen >= wanted {
                return upper_end(*class);
            }
        }
        0
    }
}

fn before(action: Action) -> u64 {
    BEFORE.iter().find(|(other, _)| *other == action).map_or(0, |(_, millis)| *millis)
}

/// The class of a duration: its doubling, and which eighth of it.
fn class(millis: u64) -> u16 {
    let millis = millis.max(u64::from(CLASSES_PER_DOUBLING));
    let doubling = millis.ilog2();
    let eighth = (millis >> (doubling - 3)) & 7;
    u16::try_from(doubling * CLASSES_PER_DOUBLING).unwrap_or(u16::MAX) + u16::try_from(eighth).unwrap_or(0)
}

/// The longest duration of a class.
fn upper_end(class: u16) -> u64 {
    let (doubling, eighth) = (u32::from(class) / CLASSES_PER_DOUBLING, u64::from(class) % 8);
    ((8 + eighth + 1) << (doubling - 3)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_within_its_class() {
        for millis in (8..5_000).chain([60_000, 3_600_000, 86_400_000, u64::from(u32::MAX)]) {
            let end = upper_end(class(millis));
            assert!(millis <= end, "{millis} {end}");
            assert!(end - millis <= millis / 8 + 1, "{millis} {end}");
        }
    }

    #[test]
    fn the_median_of_equal_durations_is_theirs() {
        let mut learned = Learned::default();
        for _ in 0..100 {
            learned.saw(None, Action::Patch, Span::mins(5));
        }
        let median = learned.percentile(None, Action::Patch, 50);
        assert!((300_000..340_000).contains(&median), "{median}");
        let mean = learned.mean(None, Action::Patch);
        assert!((300_000..305_000).contains(&mean), "{mean}");
    }

    #[test]
    fn without_reports_the_belief_counts() {
        assert_eq!(Learned::default().procedure(None, &Actions::PATCH), 15_000 + 360_000 + 240_000 + 45_000);
    }
}
