//! A rehearsal that somebody follows: it is let run for a while, looked at, spoken to, and let run on.

use smith_domain::actor::Actor;
use smith_domain::decide::{Command, Rejection};
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_journal::Entry;
use smith_server::driver::Input;

use super::engine::{Advance, People, Plan, Rehearsal, RehearseError};
use super::notebook::Keep;
use super::report::{Outcome, Report};
use crate::clock::START;

/// What became of something that an operator said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Accepted,
    Rejected(Rejection),
}

#[expect(
    missing_debug_implementations,
    reason = "the driver and the world have more in them than anybody reads"
)]
pub struct Live {
    rehearsal: Rehearsal,
    plan: Plan,
    outcome: Option<Outcome>,
}

impl Live {
    pub fn open(plan: &Plan, people: People, keep: Keep) -> Result<Self, RehearseError> {
        let rehearsal = Rehearsal::begin(plan, people, keep)?;
        Ok(Self { rehearsal, plan: plan.clone(), outcome: None })
    }

    /// When simulated time begins.
    pub fn start() -> Timestamp {
        START
    }

    pub fn now(&self) -> Timestamp {
        self.rehearsal.clock.truth()
    }

    pub fn state(&self) -> &State {
        self.rehearsal.driver.state()
    }

    /// Lets everything happen that happens by then. Answers with the end, once it has come.
    pub fn run_until(&mut self, until: Timestamp) -> Result<Option<&Outcome>, RehearseError> {
        while self.outcome.is_none() && self.step(until)? {}
        // Time stands still at the end, so that the report says when it came.
        if self.outcome.is_none() {
            self.rehearsal.clock.advance_to(until);
        }
        Ok(self.outcome.as_ref())
    }

    /// Lets the next thing happen, if it happens by then; answers whether something did.
    pub fn step(&mut self, until: Timestamp) -> Result<bool, RehearseError> {
        match self.rehearsal.advance(&self.plan, until)? {
            Advance::Went => Ok(true),
            Advance::Quiet => Ok(false),
            Advance::Ended(outcome) => {
                self.outcome = Some(outcome);
                Ok(false)
            }
        }
    }

    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// An operator says something now.
    pub fn say(&mut self, actor: Actor, command: Command) -> Result<Said, RehearseError> {
        let answers = self.rehearsal.turn(vec![Input { actor, command, tag: 0 }])?;
        // What stood still may go on again.
        self.outcome = None;
        Ok(match answers.into_iter().next().map(|answer| answer.result) {
            Some(Err(rejection)) => Said::Rejected(rejection),
            Some(Ok(_)) | None => Said::Accepted,
        })
    }

    /// What was recorded since this was asked last, beginning with the fleet itself. Nothing unless events are kept.
    pub fn heard(&mut self) -> Vec<Entry> {
        self.rehearsal.pages.take()
    }

    /// What came of it; a rehearsal that has not ended counts as out of time.
    pub fn finish(self) -> Report {
        let outcome = self.outcome.unwrap_or(Outcome::OutOfTime);
        self.rehearsal.report(&self.plan, outcome)
    }
}
