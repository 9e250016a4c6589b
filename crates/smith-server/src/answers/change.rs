//! Changes and trains.

use smith_api::{Change, Task, Train};
use smith_domain::change::{self, ChangeState, Subject, TaskState};
use smith_domain::state::State;

pub fn change(state: &State, one: &change::Change) -> Change {
    let (project, step, region) = match &one.subject {
        Subject::Step { rollout, step } => {
            let rule =
                state.rollouts.get(*rollout).and_then(|one| one.pipeline.steps.get(usize::from(*step)));
            (Some(rollout.0), rule.map(|rule| rule.id.to_string()), None)
        }
        Subject::Train { region, .. } => (None, None, Some(region.clone())),
    };
    let evidence = match &one.state {
        ChangeState::Closed { evidence, .. } => Some(evidence),
        ChangeState::Drafted
        | ChangeState::Raised
        | ChangeState::Approved
        | ChangeState::Begun
        | ChangeState::Revoked { .. }
        | ChangeState::Refused { .. }
        | ChangeState::Cancelled { .. } => None,
    };
    Change {
        number: one.name(),
        title: one.title.clone(),
        by: one.by.clone(),
        state: one.state.word().to_owned(),
        raised: one.drafted_at.to_string(),
        project,
        step,
        region,
        approvers: one.approvers().map(ToString::to_string),
        approvals: one.approvals.iter().map(|approval| approval.by.clone()).collect(),
        approvals_missing: one.approvals_missing(),
        tasks: one.tasks.iter().map(task).collect(),
        evidence: evidence.map(|evidence| evidence.summary.clone()),
        test_url: evidence.and_then(|evidence| evidence.test_url.clone()),
        test_passed: evidence.and_then(|evidence| evidence.test_passed),
    }
}

fn task(one: &change::Task) -> Task {
    let state = match one.state {
        TaskState::Open => "open",
        TaskState::InProgress => "in progress",
        TaskState::Complete => "complete",
        TaskState::CompleteWithFailures => "complete with failures",
        TaskState::Cancelled => "cancelled",
    };
    Task {
        number: one.number.clone().unwrap_or_else(|| one.id.to_string()),
        title: one.title.clone(),
        state: state.to_owned(),
    }
}

pub fn train(state: &State, one: &change::Train) -> Train {
    let changes = one.changes.iter().filter_map(|id| state.changes.get(*id)).map(change::Change::name);
    Train { train: one.id.0, title: one.form.title.clone(), by: one.by.clone(), changes: changes.collect() }
}
