//! Errands that are open, and when each is to be asked (again).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::errand::event::{ErrandEvent, ErrandId, ErrandKind, ErrandOutcome};
use crate::time::{Span, Timestamp};

/// How long an outside service may take to answer. Desks under load were seen to take half a minute.
const DESK: Span = Span::mins(2);

/// The wait before the second try, doubled for each further one up to [`LONGEST`]: a service that restarts is asked
/// again soon, one that is down for a day is asked a hundred times and not ten thousand.
const FIRST: Span = Span::secs(15);
const LONGEST: Span = Span::mins(15);

/// Tries to tell somebody something, which take a day. News of yesterday is not worth a further one.
const NOTIFY_TRIES: u32 = 100;

/// Tries to call somebody, which take three days. Whoever could not be reached in all that time is not reached by one more; that it
/// was given up is shown where the server's standing is.
const CALL_TRIES: u32 = 300;

/// Messages that reached nobody and are remembered. More of them say nothing more.
const GIVEN_UP_MAX: usize = 100;

/// Tries of a link before people are told: a mirror that restarts is forgiven, a recipe that is wrong is not tried all day.
const LINK_TRIES: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    pub kind: ErrandKind,
    pub attempts: u32,
    pub state: ErrandState,
    /// Why the last try failed.
    pub trouble: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrandState {
    Due(Timestamp),
    Asked { deadline: Timestamp },
}

impl ErrandKind {
    /// How long whoever does it may take to answer.
    pub fn deadline(self) -> Span {
        match self {
            ErrandKind::RaiseChange(_)
            | ErrandKind::BeginChange(_)
            | ErrandKind::MoveTask(..)
            | ErrandKind::CloseChange(_)
            | ErrandKind::RaiseTicket(_)
            | ErrandKind::CommentTicket(..)
            | ErrandKind::CloseTicket(_)
            | ErrandKind::Call(..)
            | ErrandKind::Notify(_) => DESK,
            ErrandKind::Link(_, link) => link.deadline(),
        }
    }

    /// How often it is tried. People are to look after a link that does not work, and may run it again; what is to be told grows
    /// old. What else is to be done outside is never given up.
    fn tries(self) -> Option<u32> {
        match self {
            ErrandKind::Notify(_) => Some(NOTIFY_TRIES),
            ErrandKind::Call(..) => Some(CALL_TRIES),
            ErrandKind::Link(..) => Some(LINK_TRIES),
            ErrandKind::RaiseChange(_)
            | ErrandKind::BeginChange(_)
            | ErrandKind::MoveTask(..)
            | ErrandKind::CloseChange(_)
            | ErrandKind::RaiseTicket(_)
            | ErrandKind::CommentTicket(..)
            | ErrandKind::CloseTicket(_) => None,
        }
    }
}

impl Errand {
    /// When it is to be asked, or given up on for this time.
    fn due(&self) -> Timestamp {
        match self.state {
            ErrandState::Due(at) => at,
            ErrandState::Asked { deadline } => deadline,
        }
    }

    /// What it means that this try failed: another one, or the end of the tries.
    pub(crate) fn failed(&self, reason: String) -> ErrandOutcome {
        match self.kind.tries() {
            Some(tries) if self.attempts >= tries => {
                ErrandOutcome::Refused { reason: format!("given up after {tries} tries: {reason}") }
            }
            Some(_) | None => ErrandOutcome::Failed { reason },
        }
    }
}

/// A message that nobody took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    pub kind: ErrandKind,
    pub reason: String,
    pub at: Timestamp,
}

/// The open errands; one that is done is history.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Errands {
    next: u32,
    open: BTreeMap<ErrandId, Errand>,
    /// When each is to be asked or given up on for this time.
    due: BTreeSet<(Timestamp, ErrandId)>,
    /// Messages that reached nobody, the newest last.
    given_up: VecDeque<GivenUp>,
}

impl Errands {
    pub fn get(&self, id: ErrandId) -> Option<&Errand> {
        self.open.get(&id)
    }

    pub fn open(&self) -> impl Iterator<Item = (ErrandId, &Errand)> + '_ {
        self.open.iter().map(|(id, errand)| (*id, errand))
    }

    /// What is due by then.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = (ErrandId, &Errand)> + '_ {
        let due = self.due.iter().take_while(move |(at, _)| *at <= now);
        due.filter_map(|(_, id)| self.open.get(id).map(|errand| (*id, errand)))
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Messages that reached nobody, the oldest first.
    pub fn given_up(&self) -> impl DoubleEndedIterator<Item = &GivenUp> + '_ {
        self.given_up.iter()
    }

    /// Nobody waits for its answer any more.
    pub(crate) fn drop_one(&mut self, id: ErrandId) {
        if let Some(errand) = self.open.remove(&id) {
            self.due.remove(&(errand.due(), id));
        }
    }

    pub(crate) fn add(&mut self, kind: ErrandKind, at: Timestamp) -> ErrandId {
        let id = ErrandId(self.next);
        self.next += 1;
        self.open.insert(id, Errand { kind, attempts: 0, state: ErrandState::Due(at), trouble: None });
        self.due.insert((at, id));
        id
    }

    pub(crate) fn evolve(&mut self, event: &ErrandEvent, at: Timestamp) {
        let (ErrandEvent::Asked { errand: id, .. } | ErrandEvent::Reported { errand: id, .. }) = event;
        let Some(errand) = self.open.get_mut(id) else { return };
        self.due.remove(&(errand.due(), *id));
        match event {
            ErrandEvent::Asked { attempt, .. } => {
                errand.attempts = *attempt;
                let deadline = at + errand.kind.deadline();
                errand.state = ErrandState::Asked { deadline };
                self.due.insert((deadline, *id));
            }
            ErrandEvent::Reported { outcome: ErrandOutcome::Failed { reason }, .. } => {
                errand.trouble = Some(reason.clone());
                let again = at + wait(errand.attempts);
                errand.state = ErrandState::Due(again);
                self.due.insert((again, *id));
            }
            ErrandEvent::Reported { outcome, .. } => {
                if let (ErrandOutcome::Refused { reason }, ErrandKind::Call(..) | ErrandKind::Notify(_)) =
                    (outcome, errand.kind)
                {
                    let given_up = GivenUp { kind: errand.kind, reason: reason.clone(), at };
                    self.given_up.push_back(given_up);
                    if self.given_up.len() > GIVEN_UP_MAX {
                        self.given_up.pop_front();
                    }
                }
                self.open.remove(id);
            }
        }
    }
}

fn wait(attempts: u32) -> Span {
    FIRST.times(1 << attempts.saturating_sub(1).min(16)).min(LONGEST)
}
