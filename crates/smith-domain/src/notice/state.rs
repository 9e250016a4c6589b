//! Notices that are under way and those that were told of late, and what there is to tell.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::errand::ErrandOutcome;
use crate::id::NoticeId;
use crate::notice::event::{About, NoticeEvent};
use crate::time::Timestamp;

/// Notices that are known after they were told: a page or two of news. The journal has them all.
const TOLD_MAX: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub id: NoticeId,
    pub about: About,
    pub text: String,
    pub posted_at: Timestamp,
    pub state: NoticeState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoticeState {
    /// Its errand is open.
    Posted,
    Told {
        at: Timestamp,
    },
    /// Nobody would take it, and it is not offered any more.
    GivenUp {
        reason: String,
        at: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Notices {
    next: u32,
    kept: BTreeMap<NoticeId, Notice>,
    /// Those whose errand is done, in the order in which it was.
    told: VecDeque<NoticeId>,
    /// What is to be posted by the next plan.
    due: BTreeSet<About>,
}

impl Notices {
    /// A notice that is under way, or was told of late.
    pub fn get(&self, id: NoticeId) -> Option<&Notice> {
        self.kept.get(&id)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Notice> + '_ {
        self.kept.values()
    }

    pub fn next_id(&self) -> NoticeId {
        NoticeId(self.next)
    }

    pub(crate) fn due(&self) -> impl Iterator<Item = &About> + '_ {
        self.due.iter()
    }

    pub(crate) fn want(&mut self, about: About) {
        self.due.insert(about);
    }

    /// What was to be told is so no more.
    pub(crate) fn forget(&mut self, about: &About) {
        self.due.remove(about);
    }

    pub(crate) fn evolve(&mut self, event: &NoticeEvent, at: Timestamp) {
        let NoticeEvent::Posted { notice, about, text } = event;
        self.due.remove(about);
        self.next = notice.0.saturating_add(1);
        let (id, about, text) = (*notice, about.clone(), text.clone());
        self.kept.insert(id, Notice { id, about, text, posted_at: at, state: NoticeState::Posted });
    }

    /// Its errand has come to an end, or to another try.
    pub(crate) fn answered(&mut self, id: NoticeId, outcome: &ErrandOutcome, at: Timestamp) {
        let Some(notice) = self.kept.get_mut(&id) else { return };
        notice.state = match outcome {
            ErrandOutcome::Failed { .. } => return,
            ErrandOutcome::Refused { reason } => NoticeState::GivenUp { reason: reason.clone(), at },
            ErrandOutcome::Done
            | ErrandOutcome::Told { .. }
            | ErrandOutcome::Built { .. }
            | ErrandOutcome::Raised { .. } => NoticeState::Told { at },
        };
        self.told.push_back(id);
        if self.told.len() > TOLD_MAX
            && let Some(oldest) = self.told.pop_front()
        {
            self.kept.remove(&oldest);
        }
    }
}
