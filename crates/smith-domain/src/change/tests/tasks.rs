//! Tasks of changes.

use super::*;
use crate::change::{TaskMove, TaskState};
use crate::id::TaskId;

const STATES: [TaskState; 5] = [
    TaskState::Open,
    TaskState::InProgress,
    TaskState::Complete,
    TaskState::CompleteWithFailures,
    TaskState::Cancelled,
];

#[test]
fn every_move_from_every_state() {
    use {TaskMove as M, TaskState as S};
    let open = [Some(S::InProgress), Some(S::Complete), Some(S::CompleteWithFailures), Some(S::Cancelled)];
    let in_progress = [None, Some(S::Complete), Some(S::CompleteWithFailures), Some(S::Cancelled)];
    let expected = [open, in_progress, [None; 4], [None; 4], [None; 4]];
    for (state, expected) in STATES.into_iter().zip(expected) {
        let found = [M::Begin, M::Complete, M::CompleteWithFailures, M::Cancel].map(|to| state.moved(to));
        assert_eq!(found, expected, "{state:?}");
    }
}

#[test]
fn tasks_are_numbered_over_all_changes_and_moved_one_by_one() {
    let mut changes = fold([
        drafted(0, step(), ChangeRule::Record, &["one", "two"]),
        drafted(1, step(), ChangeRule::Record, &["three"]),
    ]);
    let titles: Vec<_> = (0..4).map(|task| changes.task(TaskId(task)).map(|t| t.title.clone())).collect();
    assert_eq!(titles, [Some("one".to_owned()), Some("two".to_owned()), Some("three".to_owned()), None]);
    changes.evolve(&ChangeEvent::TaskMoved { task: TaskId(1), to: TaskMove::Begin }, AT);
    let states: Vec<_> = (0..3).map(|task| changes.task(TaskId(task)).unwrap().state).collect();
    assert_eq!(states, [TaskState::Open, TaskState::InProgress, TaskState::Open]);
    changes.evolve(&ChangeEvent::TaskMoved { task: TaskId(2), to: TaskMove::Cancel }, AT);
    changes.evolve(&ChangeEvent::TaskMoved { task: TaskId(2), to: TaskMove::Begin }, AT);
    assert_eq!(changes.task(TaskId(2)).unwrap().state, TaskState::Cancelled, "an end stays an end");
}
