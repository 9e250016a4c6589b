//! The desk and the tracker that are the journal itself.
//!
//! Numbers are made of the journal's own, so that a change that is raised twice gets one number, whatever was killed in
//! between, and nothing needs to be looked up.

use smith_domain::actor::Actor;
use smith_domain::decide::Command;
use smith_domain::errand::{ErrandKind, ErrandOutcome};
use smith_domain::id::{ChangeId, TaskId, TicketId};
use smith_domain::state::State;

use crate::core::Core;
use crate::driver::{Effect, Executor, Input, Target};

/// Performs errands by answering them.
#[derive(Debug, Clone)]
pub struct BuiltIn {
    core: Core,
}

impl BuiltIn {
    pub fn new(core: Core) -> Self {
        Self { core }
    }
}

impl Executor for BuiltIn {
    fn start(&mut self, state: &State, effect: Effect) {
        let Target::Errand { errand, kind, .. } = effect.target else { return };
        let command = Command::ErrandReport { errand, outcome: answer(state, kind) };
        self.core.tell(Input { actor: Actor::smith(), command, tag: 0 });
    }
}

/// What comes of an errand. Everything but a number is in the journal already.
pub fn answer(state: &State, kind: ErrandKind) -> ErrandOutcome {
    match kind {
        ErrandKind::RaiseChange(change) => match state.changes.get(change) {
            Some(one) => ErrandOutcome::Raised {
                number: change_number(change),
                tasks: one.tasks.iter().map(|task| task_number(task.id)).collect(),
            },
            None => {
                ErrandOutcome::Failed { reason: format!("expected a change, found none that is {change}") }
            }
        },
        ErrandKind::RaiseTicket(ticket) => {
            ErrandOutcome::Raised { number: ticket_number(ticket), tasks: Vec::new() }
        }
        // Links of the week are work on stores and rollouts, which no desk does.
        ErrandKind::Link(_, link) => {
            ErrandOutcome::Refused { reason: format!("expected somebody who does {link}, found a desk") }
        }
        ErrandKind::BeginChange(_)
        | ErrandKind::MoveTask(..)
        | ErrandKind::CloseChange(_)
        | ErrandKind::CommentTicket(..)
        | ErrandKind::CloseTicket(_)
        | ErrandKind::Call(..)
        | ErrandKind::Notify(_) => ErrandOutcome::Done,
    }
}

fn change_number(id: ChangeId) -> String {
    format!("CHG{:07}", u64::from(id.0) + 1)
}

fn task_number(id: TaskId) -> String {
    format!("CTASK{:07}", u64::from(id.0) + 1)
}

fn ticket_number(id: TicketId) -> String {
    format!("#{}", u64::from(id.0) + 1)
}
