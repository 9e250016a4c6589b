//! What is going to happen, in the order of time; at one time, in the order in which it was foreseen.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use smith_domain::errand::{ErrandId, ErrandOutcome};
use smith_domain::id::{MachineId, RolloutId};
use smith_domain::rollout::Outcome;
use smith_domain::time::{Span, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// An action ends on a machine.
    Finish { machine: MachineId, rollout: RolloutId, serial: u16 },
    /// An answer reaches the driver.
    Say(Say),
    /// Something that the scenario has foreseen, by its number there.
    Scripted(u32),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Say {
    Report { rollout: RolloutId, machine: MachineId, serial: u16, outcome: Outcome, took: Span },
    Errand { errand: ErrandId, outcome: ErrandOutcome },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    at: Timestamp,
    number: u64,
    what: Happening,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Debug, Default)]
pub struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    next: u64,
}

impl Queue {
    pub fn push(&mut self, at: Timestamp, what: Happening) {
        self.heap.push(Reverse(Entry { at, number: self.next, what }));
        self.next += 1;
    }

    pub fn next_at(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// The next thing that has happened by then.
    pub fn pop_by(&mut self, now: Timestamp) -> Option<Happening> {
        if self.next_at()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry.what)
    }

    pub fn len(&self) -> usize {
        self.heap.len()
    }

    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}
