//! Tests of changes: every command in every state, trains, and tasks.

mod commands;
mod events;
mod tasks;
mod trains;

use crate::access::Access;
use crate::actor::Actor;
use crate::change::event::{ChangeEvent, Closing, Evidence, Subject};
use crate::change::state::{Change, Changes};
use crate::change::train::TrainForm;
use crate::change::{ChangeCommand, ChangeRejection};
use crate::id::{ChangeId, RolloutId, TrainId};
use crate::pipeline::{ChangeRule, Who};
use crate::time::Timestamp;

const AT: Timestamp = Timestamp(1000);

/// Decides where nobody has a token.
fn decide(
    changes: &Changes,
    actor: &Actor,
    command: &ChangeCommand,
) -> Result<Vec<ChangeEvent>, ChangeRejection> {
    crate::change::decide((changes, &Access::default()), actor, command)
}

/// The requester is ann; bob, carl and every lead may approve.
fn approve_by(count: u32) -> ChangeRule {
    let who = ["bob", "carl", "ann", "role:lead"].map(str::to_owned).to_vec();
    ChangeRule::Approve { who: Who(who), count }
}

fn fold(events: impl IntoIterator<Item = ChangeEvent>) -> Changes {
    let mut changes = Changes::default();
    events.into_iter().for_each(|event| changes.evolve(&event, AT));
    changes
}

fn step() -> Subject {
    Subject::Step { rollout: RolloutId(1), step: 0 }
}

fn train(region: &str) -> Subject {
    Subject::Train { train: TrainId(0), region: region.to_owned() }
}

fn drafted(change: u32, subject: Subject, rule: ChangeRule, tasks: &[&str]) -> ChangeEvent {
    let tasks = tasks.iter().map(|task| (*task).to_owned()).collect();
    let (title, by) = ("a title".to_owned(), "ann".to_owned());
    ChangeEvent::Drafted { change: ChangeId(change), subject, title, by, rule, tasks }
}

/// The desk's numbers are CHG0000100 for the first change and so on.
fn raised(change: u32) -> ChangeEvent {
    let number = format!("CHG{:07}", 100 + change);
    ChangeEvent::Raised { change: ChangeId(change), number, tasks: Vec::new() }
}

fn evidence(url: Option<&str>, passed: Option<bool>) -> Evidence {
    Evidence { summary: "switched".to_owned(), test_url: url.map(str::to_owned), test_passed: passed }
}

fn refused(changes: &Changes, actor: &Actor, command: &ChangeCommand) -> String {
    decide(changes, actor, command).unwrap_err().to_string()
}
