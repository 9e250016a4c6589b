//! Which machines changed since somebody last looked.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::id::MachineId;

/// Changes kept beyond one for each machine. A small fleet can then change for weeks between two looks.
const SPARE: usize = 4096;

/// The latest changes, oldest first. Who asks for older ones is told to look at every machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct ChangeLog {
    /// The position of the first entry that is kept.
    start: u64,
    entries: VecDeque<MachineId>,
}

impl ChangeLog {
    /// The position behind the newest change.
    pub(super) fn end(&self) -> u64 {
        self.start + self.entries.len() as u64
    }

    /// Notes a change and gives its position; `machines` bounds what is kept.
    pub(super) fn push(&mut self, machine: MachineId, machines: usize) -> u64 {
        let position = self.end();
        self.entries.push_back(machine);
        while self.entries.len() > machines + SPARE {
            self.entries.pop_front();
            self.start += 1;
        }
        position
    }

    /// The positions and machines from `cursor` on, or nothing where too much was forgotten.
    pub(super) fn since(&self, cursor: u64) -> Option<impl Iterator<Item = (u64, MachineId)> + '_> {
        let skip = usize::try_from(cursor.checked_sub(self.start)?).unwrap_or(usize::MAX);
        Some((cursor..).zip(self.entries.range(skip.min(self.entries.len())..).copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_changes_are_forgotten_and_that_is_said() {
        let mut log = ChangeLog::default();
        for n in 0..SPARE as u64 + 10 {
            assert_eq!(log.push(MachineId(0), 5), n);
        }
        assert!(log.since(4).is_none());
        assert_eq!(log.since(5).unwrap().count(), SPARE + 5);
        assert_eq!(log.since(log.end()).unwrap().count(), 0);
        assert_eq!(log.since(log.end() + 7).unwrap().count(), 0);
    }
}
