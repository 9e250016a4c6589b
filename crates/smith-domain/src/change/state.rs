//! The state machines of changes and of their tasks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::event::{ChangeEvent, Closing, Evidence, Subject, TaskMove};
use crate::change::train::{CHANNEL, Train};
use crate::id::{ChangeId, RolloutId, TaskId, TrainId};
use crate::pipeline::{ChangeRule, Who};
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub id: ChangeId,
    /// The desk's number, `CHG0268453`.
    pub number: Option<String>,
    pub subject: Subject,
    pub title: String,
    pub by: String,
    pub rule: ChangeRule,
    pub state: ChangeState,
    pub approvals: Vec<Approval>,
    pub tasks: Vec<Task>,
    pub drafted_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub by: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeState {
    /// The desk has not given it a number.
    Drafted,
    /// It waits for approval.
    Raised,
    Approved,
    Begun,
    /// It was approved and is no more; work that runs is finished, nothing new begins.
    Revoked {
        by: String,
        reason: String,
    },
    Refused {
        by: String,
        reason: String,
    },
    Closed {
        how: Closing,
        evidence: Evidence,
    },
    Cancelled {
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    /// The desk's number, `CTASK0348812`.
    pub number: Option<String>,
    pub title: String,
    pub state: TaskState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskState {
    Open,
    InProgress,
    Complete,
    CompleteWithFailures,
    Cancelled,
}

impl ChangeState {
    /// Whether work may be begun under it.
    pub fn permits(&self) -> bool {
        match self {
            ChangeState::Approved | ChangeState::Begun => true,
            ChangeState::Drafted
            | ChangeState::Raised
            | ChangeState::Revoked { .. }
            | ChangeState::Refused { .. }
            | ChangeState::Closed { .. }
            | ChangeState::Cancelled { .. } => false,
        }
    }

    pub fn has_ended(&self) -> bool {
        match self {
            ChangeState::Refused { .. } | ChangeState::Closed { .. } | ChangeState::Cancelled { .. } => true,
            ChangeState::Drafted
            | ChangeState::Raised
            | ChangeState::Approved
            | ChangeState::Begun
            | ChangeState::Revoked { .. } => false,
        }
    }

    pub fn word(&self) -> &'static str {
        match self {
            ChangeState::Drafted => "drafted",
            ChangeState::Raised => "waiting for approval",
            ChangeState::Approved => "approved",
            ChangeState::Begun => "in progress",
            ChangeState::Revoked { .. } => "revoked",
            ChangeState::Refused { .. } => "rejected",
            ChangeState::Closed { .. } => "closed",
            ChangeState::Cancelled { .. } => "cancelled",
        }
    }
}

impl TaskState {
    /// The state after `to`, or nothing where the task cannot move there.
    pub fn moved(self, to: TaskMove) -> Option<TaskState> {
        match (self, to) {
            (TaskState::Open, TaskMove::Begin) => Some(TaskState::InProgress),
            (TaskState::Open | TaskState::InProgress, TaskMove::Complete) => Some(TaskState::Complete),
            (TaskState::Open | TaskState::InProgress, TaskMove::CompleteWithFailures) => {
                Some(TaskState::CompleteWithFailures)
            }
            (TaskState::Open | TaskState::InProgress, TaskMove::Cancel) => Some(TaskState::Cancelled),
            (TaskState::InProgress, TaskMove::Begin)
            | (TaskState::Complete | TaskState::CompleteWithFailures | TaskState::Cancelled, _) => None,
        }
    }
}

impl Change {
    /// People whose word is still needed.
    pub fn approvals_missing(&self) -> u32 {
        match &self.rule {
            ChangeRule::None | ChangeRule::Record => 0,
            ChangeRule::Approve { count, .. } => {
                count.saturating_sub(u32::try_from(self.approvals.len()).unwrap_or(u32::MAX))
            }
        }
    }

    pub fn approvers(&self) -> Option<&Who> {
        match &self.rule {
            ChangeRule::None | ChangeRule::Record => None,
            ChangeRule::Approve { who, .. } => Some(who),
        }
    }

    /// The desk's number, or the journal's where the desk has not answered.
    pub fn name(&self) -> String {
        self.number.clone().unwrap_or_else(|| self.id.to_string())
    }
}

/// All changes and trains.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Changes {
    changes: Vec<Change>,
    by_number: BTreeMap<String, ChangeId>,
    tasks: Vec<ChangeId>,
    trains: Vec<Train>,
}

impl Changes {
    pub fn get(&self, id: ChangeId) -> Option<&Change> {
        self.changes.get(id.index())
    }

    pub fn find(&self, number: &str) -> Option<&Change> {
        self.get(*self.by_number.get(number)?)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Change> + '_ {
        self.changes.iter()
    }

    pub fn train(&self, id: TrainId) -> Option<&Train> {
        self.trains.get(id.index())
    }

    pub fn trains(&self) -> impl Iterator<Item = &Train> + '_ {
        self.trains.iter()
    }

    pub fn next_id(&self) -> ChangeId {
        ChangeId(u32::try_from(self.changes.len()).unwrap_or(u32::MAX))
    }

    pub fn next_train(&self) -> TrainId {
        TrainId(u32::try_from(self.trains.len()).unwrap_or(u32::MAX))
    }

    pub fn task(&self, id: TaskId) -> Option<&Task> {
        let change = self.get(*self.tasks.get(id.index())?)?;
        change.tasks.iter().find(|task| task.id == id)
    }

    /// Follows one event. The events of a journal were accepted once, so one that does not fit changes nothing.
    pub(crate) fn evolve(&mut self, event: &ChangeEvent, at: Timestamp) {
        match event {
            ChangeEvent::Drafted { change, subject, title, by, rule, tasks } => {
                let tasks = tasks.iter().map(|title| self.new_task(*change, title)).collect();
                if let Subject::Train { train, .. } = subject
                    && let Some(train) = self.trains.get_mut(train.index())
                {
                    train.changes.push(*change);
                }
                self.changes.push(Change {
                    id: *change,
                    number: None,
                    subject: subject.clone(),
                    title: title.clone(),
                    by: by.clone(),
                    rule: rule.clone(),
                    state: ChangeState::Drafted,
                    approvals: Vec::new(),
                    tasks,
                    drafted_at: at,
                });
            }
            ChangeEvent::TaskMoved { task, to } => self.move_task(*task, *to),
            ChangeEvent::TrainRaised { train, form, by, channel, .. } => {
                self.trains.push(Train {
                    id: *train,
                    form: (**form).clone(),
                    by: by.clone(),
                    channel: channel.as_deref().unwrap_or(CHANNEL).to_owned(),
                    changes: Vec::new(),
                });
            }
            ChangeEvent::Raised { change, number, tasks } => {
                self.by_number.insert(number.clone(), *change);
                if let Some(change) = self.changes.get_mut(change.index()) {
                    change.raised(number, tasks);
                }
            }
            ChangeEvent::Refused { change, .. }
            | ChangeEvent::Approved { change, .. }
            | ChangeEvent::Rejected { change, .. }
            | ChangeEvent::Revoked { change, .. }
            | ChangeEvent::Begun { change, .. }
            | ChangeEvent::Closed { change, .. }
            | ChangeEvent::Cancelled { change, .. } => {
                if let Some(change) = self.changes.get_mut(change.index()) {
                    change.evolve(event, at);
                }
            }
        }
    }

    fn new_task(&mut self, change: ChangeId, title: &str) -> Task {
        let id = TaskId(u32::try_from(self.tasks.len()).unwrap_or(u32::MAX));
        self.tasks.push(change);
        Task { id, number: None, title: title.to_owned(), state: TaskState::Open }
    }

    fn move_task(&mut self, id: TaskId, to: TaskMove) {
        let Some(change) = self.tasks.get(id.index()).and_then(|change| self.changes.get_mut(change.index()))
        else {
            return;
        };
        if let Some(task) = change.tasks.iter_mut().find(|task| task.id == id)
            && let Some(state) = task.state.moved(to)
        {
            task.state = state;
        }
    }

    /// The newest change for a step of a rollout.
    pub fn of_step(&self, rollout: RolloutId, step: u16) -> Option<&Change> {
        self.changes.iter().rev().find(|change| change.subject == Subject::Step { rollout, step })
    }
}

impl Change {
    fn raised(&mut self, number: &str, tasks: &[String]) {
        self.number = Some(number.to_owned());
        for (task, number) in self.tasks.iter_mut().zip(tasks) {
            task.number = Some(number.clone());
        }
        // A desk that answers late gives a number to what was cancelled meanwhile, and no new life.
        if self.state == ChangeState::Drafted {
            self.state = match &self.rule {
                ChangeRule::None | ChangeRule::Record => ChangeState::Approved,
                ChangeRule::Approve { .. } => ChangeState::Raised,
            };
        }
    }

    fn evolve(&mut self, event: &ChangeEvent, at: Timestamp) {
        match event {
            ChangeEvent::Approved { by, .. } => {
                self.approvals.push(Approval { by: by.clone(), at });
                if self.approvals_missing() == 0 {
                    self.state = ChangeState::Approved;
                }
            }
            ChangeEvent::Refused { .. } if self.state != ChangeState::Drafted => {}
            ChangeEvent::Refused { reason, .. } => {
                self.state = ChangeState::Refused { by: "change desk".to_owned(), reason: reason.clone() };
            }
            ChangeEvent::Rejected { by, reason, .. } => {
                self.state = ChangeState::Refused { by: by.clone(), reason: reason.clone() };
            }
            ChangeEvent::Revoked { by, reason, .. } => {
                self.approvals.clear();
                self.state = ChangeState::Revoked { by: by.clone(), reason: reason.clone() };
            }
            ChangeEvent::Begun { .. } => self.state = ChangeState::Begun,
            ChangeEvent::Closed { how, evidence, .. } => {
                self.state = ChangeState::Closed { how: *how, evidence: evidence.clone() };
            }
            ChangeEvent::Cancelled { reason, .. } => {
                self.state = ChangeState::Cancelled { reason: reason.clone() };
            }
            ChangeEvent::Drafted { .. }
            | ChangeEvent::Raised { .. }
            | ChangeEvent::TaskMoved { .. }
            | ChangeEvent::TrainRaised { .. } => {}
        }
    }
}
