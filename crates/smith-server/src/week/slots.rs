//! What only one may work at, at one time: a mirror, a channel. Whoever hangs there holds up nobody who works elsewhere.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use smith_domain::time::Span;

/// How often somebody who waits looks whether anybody still wants it.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Slots {
    taken: Mutex<BTreeSet<String>>,
    freed: Condvar,
    /// How long a slot is waited for.
    wait: Duration,
}

/// It is free again when this is dropped, also by a panic.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    name: String,
}

impl Slots {
    pub(super) fn new(wait: Duration) -> Self {
        Self { taken: Mutex::default(), freed: Condvar::new(), wait }
    }

    /// The slot, if nobody has it.
    pub(super) fn take_now(&self, name: &str) -> Option<Slot<'_>> {
        let is_new = self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        is_new.then(|| Slot { slots: self, name: name.to_owned() })
    }

    /// The slot, once it is free; nothing where that takes too long or nobody wants it any more.
    pub(super) fn take(&self, name: &str, is_over: &dyn Fn() -> bool) -> Option<Slot<'_>> {
        let until = Instant::now() + self.wait;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.contains(name) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || is_over() {
                return None;
            }
            let waited = self.freed.wait_timeout(taken, left.min(LOOK));
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        taken.insert(name.to_owned());
        Some(Slot { slots: self, name: name.to_owned() })
    }

    /// What is said of a slot that was not free in time.
    pub(super) fn busy(&self, name: &str) -> String {
        let wait = Span(u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX));
        format!("another link has been at work on {name} for more than {wait}")
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
        self.slots.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::week::witness::Ending;

    #[test]
    fn one_that_hangs_holds_up_nobody_elsewhere_and_nobody_for_ever() {
        let (slots, ending) = (Slots::new(Duration::from_millis(30)), Ending::default());
        let hangs = slots.take_now("syd-01").unwrap();
        assert!(slots.take_now("syd-01").is_none());
        assert!(slots.take("dal-01", &|| ending.is_raised()).is_some());
        assert!(slots.take("syd-01", &|| ending.is_raised()).is_none());
        drop(hangs);
        assert!(slots.take("syd-01", &|| ending.is_raised()).is_some());
    }

    #[test]
    fn whoever_waits_gets_the_slot_when_it_is_free_and_leaves_when_the_server_ends() {
        let (slots, ending) = (Slots::new(Duration::from_secs(60)), Ending::default());
        std::thread::scope(|scope| {
            let first = slots.take_now("syd-01").unwrap();
            let second = scope.spawn(|| slots.take("syd-01", &|| ending.is_raised()).is_some());
            drop(first);
            assert!(second.join().unwrap());
            let _held = slots.take_now("syd-01").unwrap();
            let third = scope.spawn(|| slots.take("syd-01", &|| ending.is_raised()).is_none());
            ending.raise();
            assert!(third.join().unwrap());
        });
    }
}
