//! What is to be done next, and when to look again.
//!
//! The plan is a list of events that would be recorded now: actions and errands to be asked, steps to be opened,
//! closed or halted. The driver records them first and then performs what they ask for. The same state and time give
//! the same plan, and once it is recorded the next plan is empty.

use std::fmt;

use crate::cycle;
use crate::errand::{ErrandEvent, ErrandState};
use crate::event::Event;
use crate::id::RolloutId;
use crate::notice;
use crate::rollout;
use crate::state::State;
use crate::time::{Now, Timestamp};

/// Events of one plan. The driver plans again until nothing is left, so this bounds a batch and loses nothing.
pub(crate) const EVENTS_MAX: usize = 512;

/// Errands that are asked in one plan.
const ERRANDS_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub struct Plan {
    pub events: Vec<Event>,
    /// When to plan again if nothing else happens. Of no account while there are events.
    pub wake: Option<Wake>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wake {
    pub at: Timestamp,
    pub why: WakeFor,
}

/// What happens at the next wake-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WakeFor {
    /// An action is to be asked, or its answer is overdue.
    Machine,
    /// An errand is to be asked (again), or its answer is overdue.
    Errand,
    /// A soak ends.
    Gate,
    /// A window opens or closes.
    Window,
}

impl fmt::Display for WakeFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WakeFor::Machine => "an action is due",
            WakeFor::Errand => "an errand is due",
            WakeFor::Gate => "a soak ends",
            WakeFor::Window => "a window changes",
        })
    }
}

/// A plan while it is made.
pub(crate) struct Planner<'a> {
    pub(crate) state: &'a State,
    pub(crate) now: Now,
    pub(crate) plan: Plan,
    pub(crate) next_change: u32,
    pub(crate) next_ticket: u32,
    pub(crate) next_train: u32,
    /// Rollouts of which this plan opens a step: what the next step may take is known once that is recorded.
    pub(crate) opened: Vec<RolloutId>,
}

impl Planner<'_> {
    pub(crate) fn push(&mut self, event: impl Into<Event>) {
        self.plan.events.push(event.into());
    }

    pub(crate) fn is_full(&self) -> bool {
        self.plan.events.len() >= EVENTS_MAX
    }

    pub(crate) fn wake(&mut self, at: Timestamp, why: WakeFor) {
        let wake = Wake { at, why };
        self.plan.wake = Some(self.plan.wake.map_or(wake, |other| other.min(wake)));
    }

    fn errands(&mut self) {
        for (errand, open) in self.state.errands.due(self.now.steady).take(ERRANDS_MAX) {
            self.push(match open.state {
                ErrandState::Due(_) => ErrandEvent::Asked { errand, attempt: open.attempts + 1 },
                ErrandState::Asked { .. } => ErrandEvent::Reported {
                    errand,
                    outcome: open.failed("no answer came in time".to_owned()),
                },
            });
        }
        if let Some(at) = self.state.errands.next_due() {
            self.wake(at, WakeFor::Errand);
        }
    }
}

pub fn plan(state: &State, now: Now) -> Plan {
    let mut planner = Planner {
        state,
        now,
        plan: Plan::default(),
        next_change: state.changes.next_id().0,
        next_ticket: state.tickets.next_id().0,
        next_train: state.changes.next_train().0,
        opened: Vec::new(),
    };
    planner.errands();
    cycle::plan(&mut planner);
    rollout::plan(&mut planner);
    notice::plan(&mut planner);
    planner.plan
}
