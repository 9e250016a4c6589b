//! Whether anybody still wants what a link works at: a cycle that was stopped needs no build on its mirrors.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use smith_domain::errand::ErrandId;
use smith_repo::fetch::Progress;

use super::witness::Ending;
use crate::core::Core;

/// How often the journal is asked, at most: many threads look after each piece that came.
const LOOK: Duration = Duration::from_millis(200);

/// Raised once the server ends or nobody waits for the errand any more, and never lowered.
pub(super) struct Off {
    ending: Ending,
    is_over: Box<dyn Fn() -> bool + Send + Sync>,
    was_over: AtomicBool,
    looked: Mutex<Option<Instant>>,
}

impl Off {
    pub(super) fn new(ending: &Ending, is_over: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let (was_over, looked) = (AtomicBool::new(false), Mutex::new(None));
        Self { ending: ending.clone(), is_over: Box::new(is_over), was_over, looked }
    }

    /// Of an errand: the end of its cycle, and whatever else ends its link, drops it.
    pub(super) fn of(ending: &Ending, core: &Core, errand: ErrandId) -> Self {
        let core = core.clone();
        Self::new(ending, move || core.read(|state| state.errands.get(errand).is_none()))
    }

    pub(super) fn is_raised(&self) -> bool {
        if self.ending.is_raised() || self.was_over.load(Ordering::Acquire) {
            return true;
        }
        let is_due = {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = looked.is_none_or(|at| at.elapsed() >= LOOK);
            if is_due {
                *looked = Some(Instant::now());
            }
            is_due
        };
        if is_due && (self.is_over)() {
            self.was_over.store(true, Ordering::Release);
        }
        self.was_over.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Off {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Off").field("was_over", &self.was_over).finish_non_exhaustive()
    }
}

/// Nobody looks how far it is; it only ends.
impl Progress for Off {
    fn begin(&self, _: u64, _: u64) {}
    fn received(&self, _: u64) {}
    fn present(&self, _: u64) {}
    fn lost(&self, _: u64) {}
    fn finished(&self) {}
    fn retried(&self) {}
    fn failed(&self) {}

    fn is_called_off(&self) -> bool {
        self.is_raised()
    }
}
