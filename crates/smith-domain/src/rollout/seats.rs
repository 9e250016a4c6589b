//! A number for each of a few machines, found in one look.
//!
//! A sorted map of ten thousand machines is a handful of lines in no cache; this is one. It is never walked through, so
//! that the order in which it holds machines can decide nothing.

use crate::id::MachineId;

/// Slots at first, a power of two.
const SLOTS_MIN: usize = 64;

/// A slot that holds nobody. The highest machine number is never given.
const FREE: (u32, u32) = (u32::MAX, 0);

/// Open addressing: a machine stands in the slot that its number is mixed to, or in the next that was free.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats {
    slots: Vec<(u32, u32)>,
    taken: usize,
}

impl Seats {
    pub(super) fn get(&self, machine: MachineId) -> Option<u32> {
        self.slot_of(machine).map(|slot| self.slots[slot].1)
    }

    pub(super) fn insert(&mut self, machine: MachineId, seat: u32) {
        if let Some(slot) = self.slot_of(machine) {
            self.slots[slot].1 = seat;
            return;
        }
        // At most three of four are taken, so that a search ends soon.
        if (self.taken + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        self.place((machine.0, seat));
        self.taken += 1;
    }

    pub(super) fn remove(&mut self, machine: MachineId) {
        let Some(mut hole) = self.slot_of(machine) else { return };
        self.taken -= 1;
        // Whoever stands behind the hole because a slot further in front was taken moves up: a search stops at a hole.
        let mask = self.slots.len() - 1;
        let mut next = (hole + 1) & mask;
        while self.slots[next] != FREE {
            let home = self.home(self.slots[next].0);
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(hole) & mask) {
                self.slots[hole] = self.slots[next];
                hole = next;
            }
            next = (next + 1) & mask;
        }
        self.slots[hole] = FREE;
    }

    fn slot_of(&self, machine: MachineId) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = self.home(machine.0);
        while self.slots[slot] != FREE {
            if self.slots[slot].0 == machine.0 {
                return Some(slot);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    fn place(&mut self, entry: (u32, u32)) {
        let mask = self.slots.len() - 1;
        let mut slot = self.home(entry.0);
        while self.slots[slot] != FREE {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = entry;
    }

    fn grow(&mut self) {
        let wanted = (self.slots.len() * 2).max(SLOTS_MIN);
        let old = std::mem::replace(&mut self.slots, vec![FREE; wanted]);
        for entry in old.into_iter().filter(|entry| *entry != FREE) {
            self.place(entry);
        }
    }

    /// Machines of neighbouring numbers go far apart.
    fn home(&self, machine: u32) -> usize {
        let mixed = u64::from(machine).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (64 - self.slots.len().trailing_zeros())) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few machines and many deeds, so that slots are shared, holes closed and the table grown.
        #[test]
        fn it_holds_what_a_sorted_map_holds(deeds in prop::collection::vec((0u32..300, 0u8..3), 0..2000)) {
            let (mut seats, mut model) = (Seats::default(), BTreeMap::new());
            for (number, (machine, deed)) in (0u32..).zip(deeds) {
                if deed == 0 {
                    seats.remove(MachineId(machine));
                    model.remove(&machine);
                } else {
                    seats.insert(MachineId(machine), number);
                    model.insert(machine, number);
                }
            }
            for machine in 0..300 {
                prop_assert_eq!(seats.get(MachineId(machine)), model.get(&machine).copied());
            }
            prop_assert_eq!(seats.taken, model.len());
        }
    }

    #[test]
    fn an_empty_one_finds_nobody() {
        assert_eq!(Seats::default().get(MachineId(7)), None);
        Seats::default().remove(MachineId(7));
    }
}
