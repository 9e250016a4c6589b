//! What happens to changes, in words.

use smith_domain::change::{ChangeEvent, Closing, TaskMove};
use smith_domain::id::ChangeId;
use smith_domain::state::State;

use super::event::because;

pub(super) fn words(state: &State, event: &ChangeEvent) -> String {
    let name =
        |change: ChangeId| state.changes.get(change).map_or_else(|| change.to_string(), |one| one.name());
    match event {
        ChangeEvent::Drafted { change, title, .. } => format!("{} is to be raised: {title}", name(*change)),
        ChangeEvent::Raised { number, tasks, .. } if tasks.is_empty() => {
            format!("change request raised: {number}")
        }
        ChangeEvent::Raised { number, tasks, .. } => {
            format!("change request raised: {number} with {}", tasks.join(", "))
        }
        ChangeEvent::Refused { change, reason } => format!("the desk refused {}: {reason}", name(*change)),
        ChangeEvent::Approved { change, by, reason } => {
            format!("{} is approved by {by}{}", name(*change), because(reason))
        }
        ChangeEvent::Rejected { change, by, reason } => {
            format!("{} is rejected by {by}: {reason}", name(*change))
        }
        ChangeEvent::Revoked { change, by, reason } => {
            format!("the approval of {} is revoked by {by}: {reason}", name(*change))
        }
        ChangeEvent::Begun { change, reason } => {
            format!("work under {} begins{}", name(*change), because(reason))
        }
        ChangeEvent::TaskMoved { task, to } => {
            let number = state.changes.task(*task).and_then(|task| task.number.clone());
            let task = number.unwrap_or_else(|| task.to_string());
            format!("{task} {}", moved(*to))
        }
        ChangeEvent::Closed { change, how, evidence } => {
            format!("{} is closed {}: {}", name(*change), closed(*how), evidence.summary)
        }
        ChangeEvent::Cancelled { change, reason } => format!("{} is cancelled: {reason}", name(*change)),
        ChangeEvent::TrainRaised { train, by, reason, .. } => {
            format!("{train} is raised by {by}{}", because(reason))
        }
    }
}

fn moved(to: TaskMove) -> &'static str {
    match to {
        TaskMove::Begin => "is in progress",
        TaskMove::Complete => "is complete",
        TaskMove::CompleteWithFailures => "is complete, with failures",
        TaskMove::Cancel => "is cancelled",
    }
}

fn closed(how: Closing) -> &'static str {
    match how {
        Closing::Successful => "as successful",
        Closing::WithFailures => "with failures that the budget accepts",
        Closing::Unsuccessful => "as unsuccessful",
    }
}
