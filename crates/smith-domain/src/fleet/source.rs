//! The sources of the inventory as the fleet remembers them: who was read, when, and how much it held.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

use super::facts::SourceName;

/// The last full reading of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRead {
    pub at: Timestamp,
    pub machines: u32,
}

/// The sources that are read, and the lists of sources that machines refer to by number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Sources {
    read: BTreeMap<SourceName, LastRead>,
    /// A fleet has a handful of them: which sources hold a machine, in which order of strength.
    lists: Vec<Vec<SourceName>>,
}

impl Sources {
    pub(super) fn last_read(&self, source: &SourceName) -> Option<LastRead> {
        self.read.get(source).copied()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&SourceName, LastRead)> {
        self.read.iter().map(|(name, last)| (name, *last))
    }

    pub(super) fn was_read(&mut self, source: &SourceName, last: LastRead) {
        self.read.insert(source.clone(), last);
    }

    pub(super) fn drop(&mut self, source: &SourceName) {
        self.read.remove(source);
    }

    pub(super) fn list(&self, number: u16) -> &[SourceName] {
        self.lists.get(usize::from(number)).map_or(&[], Vec::as_slice)
    }

    /// The number of a list; the last possible number stands for all lists beyond the 65,535th.
    pub(super) fn intern(&mut self, list: &[SourceName]) -> u16 {
        let known = self.lists.iter().position(|known| known == list);
        let number = known.unwrap_or(self.lists.len());
        match u16::try_from(number) {
            Ok(number) => {
                if known.is_none() {
                    self.lists.push(list.to_vec());
                }
                number
            }
            Err(_) => u16::MAX,
        }
    }
}
