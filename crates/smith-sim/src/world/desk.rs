//! The change desk, the tracker and the pager outside: slow, forgetful, sometimes unwilling.

use std::collections::BTreeMap;

use smith_domain::cycle::Link;
use smith_domain::errand::{ErrandId, ErrandKind, ErrandOutcome};
use smith_domain::id::BuildNumber;
use smith_domain::time::{Span, Timestamp};
use smith_server::driver::Mode;

use crate::rng::Rng;

/// The build that is made outside, whenever one is asked for.
pub const MADE: BuildNumber = BuildNumber(2);

#[derive(Debug)]
pub struct Desk {
    rng: Rng,
    next_number: u32,
    /// What was done, by its name, and the answer that was given for it.
    done: BTreeMap<String, ErrandOutcome>,
    /// Of ten thousand requests, so many are answered so late that nobody waits any more.
    pub slow: u32,
    /// So many are done and never answered.
    pub silent: u32,
    /// So many fail this time.
    pub failing: u32,
    /// Of ten thousand new changes, so many are refused.
    pub refusing: u32,
}

impl Desk {
    pub(super) fn new(rng: Rng) -> Self {
        Self { rng, next_number: 268_453, done: BTreeMap::new(), slow: 0, silent: 0, failing: 0, refusing: 0 }
    }

    pub(super) fn calm(&mut self) {
        (self.slow, self.silent, self.failing, self.refusing) = (0, 0, 0, 0);
    }

    /// What exists outside, once each: changes and tickets by the number that smith gave them.
    pub fn raised(&self) -> usize {
        self.done.values().filter(|outcome| matches!(outcome, ErrandOutcome::Raised { .. })).count()
    }

    /// Does what is asked, once under its name, and says when the answer arrives, if it does.
    pub(super) fn ask(
        &mut self,
        tasks: usize,
        (errand, attempt): (ErrandId, u32),
        kind: ErrandKind,
        mode: Mode,
        now: Timestamp,
    ) -> Option<(Timestamp, ErrandOutcome)> {
        let mut rng = self.rng.numbered([u64::from(errand.0), u64::from(attempt), 0]);
        let soon = now + Span(rng.between(50, 3_000));
        let name = name_of(kind);
        if let Some(done) = self.done.get(&name) {
            return Some((soon, done.clone()));
        }
        if mode == Mode::Seek {
            return Some((soon, ErrandOutcome::Failed { reason: "it was never asked for".to_owned() }));
        }
        if rng.happens(self.failing) {
            return Some((soon, ErrandOutcome::Failed { reason: "502 bad gateway".to_owned() }));
        }
        let outcome = self.perform(tasks, kind, &mut rng);
        if !matches!(outcome, ErrandOutcome::Failed { .. }) {
            self.done.insert(name, outcome.clone());
        }
        if rng.happens(self.silent) {
            return None;
        }
        if rng.happens(self.slow) {
            return Some((now + Span::mins(rng.between(3, 600)), outcome));
        }
        Some((soon, outcome))
    }

    fn perform(&mut self, tasks: usize, kind: ErrandKind, rng: &mut Rng) -> ErrandOutcome {
        let mut number = |prefix: &str| {
            self.next_number += 1;
            format!("{prefix}{:07}", self.next_number)
        };
        match kind {
            ErrandKind::RaiseChange(_) if rng.happens(self.refusing) => {
                ErrandOutcome::Refused { reason: "the template is out of date".to_owned() }
            }
            ErrandKind::RaiseChange(_) => {
                let change = number("CHG");
                let tasks = (0..tasks).map(|_| number("CTASK")).collect();
                ErrandOutcome::Raised { number: change, tasks }
            }
            ErrandKind::Link(_, Link::Build) => {
                ErrandOutcome::Built { build: MADE, note: "made anew".to_owned() }
            }
            ErrandKind::RaiseTicket(_) => ErrandOutcome::Raised { number: number("#"), tasks: Vec::new() },
            ErrandKind::BeginChange(_)
            | ErrandKind::MoveTask(..)
            | ErrandKind::CloseChange(_)
            | ErrandKind::CommentTicket(..)
            | ErrandKind::CloseTicket(_)
            | ErrandKind::Call(..)
            | ErrandKind::Notify(_)
            | ErrandKind::Link(..) => ErrandOutcome::Done,
        }
    }
}

/// The name under which an errand is done once. Calling a person is done as often as somebody is called.
fn name_of(kind: ErrandKind) -> String {
    format!("{kind:?}")
}
