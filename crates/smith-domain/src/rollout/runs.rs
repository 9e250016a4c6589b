//! Lists of machines as runs of neighbouring numbers, and a map from machines to jobs that costs what it holds.

use serde::{Deserialize, Serialize};

use crate::id::MachineId;

/// Machines in a given order, neighbours with rising numbers written as one run: `[first, length]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Runs(Vec<(u32, u32)>);

impl Runs {
    pub fn iter(&self) -> impl Iterator<Item = MachineId> + '_ {
        // A journal is checked text, yet a run that would pass the last number must not wrap around.
        self.0.iter().flat_map(|(first, length)| (*first..first.saturating_add(*length)).map(MachineId))
    }

    pub fn len(&self) -> usize {
        self.0.iter().map(|(_, length)| *length as usize).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn one(machine: MachineId) -> Self {
        Self(vec![(machine.0, 1)])
    }
}

impl FromIterator<MachineId> for Runs {
    fn from_iter<I: IntoIterator<Item = MachineId>>(machines: I) -> Self {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for machine in machines {
            match runs.last_mut() {
                Some((first, length)) if first.checked_add(*length) == Some(machine.0) => *length += 1,
                Some(_) | None => runs.push((machine.0, 1)),
            }
        }
        Self(runs)
    }
}

/// Machines of one page lie together: a rollout of the whole fleet is an array, one of a single machine one page.
const PAGE: usize = 1024;

/// Which job of a rollout is a machine's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct JobIndex {
    /// By the number of the page; one that holds no machine of the rollout is empty.
    pages: Vec<Vec<u32>>,
}

impl JobIndex {
    pub(crate) fn get(&self, machine: MachineId) -> Option<u32> {
        let (page, at) = place(machine);
        self.pages.get(page)?.get(at).copied().filter(|job| *job != u32::MAX)
    }

    pub(crate) fn insert(&mut self, machine: MachineId, job: u32) {
        let (page, at) = place(machine);
        if self.pages.len() <= page {
            self.pages.resize(page + 1, Vec::new());
        }
        let page = &mut self.pages[page];
        if page.is_empty() {
            page.resize(PAGE, u32::MAX);
        }
        page[at] = job;
    }
}

fn place(machine: MachineId) -> (usize, usize) {
    (machine.index() / PAGE, machine.index() % PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_keep_the_order() {
        let machines: Vec<MachineId> = [5, 6, 7, 2, 3, 9].map(MachineId).to_vec();
        let runs: Runs = machines.iter().copied().collect();
        assert_eq!(runs, Runs(vec![(5, 3), (2, 2), (9, 1)]));
        assert_eq!(runs.iter().collect::<Vec<_>>(), machines);
        assert_eq!(runs.len(), 6);
        assert_eq!(Runs(vec![(u32::MAX, 5)]).iter().count(), 0);
    }

    #[test]
    fn the_index_finds_what_was_put_in() {
        let mut index = JobIndex::default();
        index.insert(MachineId(0), 7);
        index.insert(MachineId(1_000_000), 8);
        assert_eq!(index.get(MachineId(0)), Some(7));
        assert_eq!(index.get(MachineId(1_000_000)), Some(8));
        assert_eq!(index.get(MachineId(1)), None);
        assert_eq!(index.get(MachineId(999_999)), None);
    }
}
