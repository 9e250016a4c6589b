//! The clock of the simulated machine that the driver runs on.

use std::cell::RefCell;
use std::rc::Rc;

use smith_domain::time::{Span, Timestamp};
use smith_server::driver::{Clock, Reading};

/// Simulations begin on Monday, 5 January 2026, 00:00 UTC.
pub const START: Timestamp = Timestamp(1_767_571_200_000);

#[derive(Debug, Clone)]
pub struct SimClock(Rc<RefCell<Inner>>);

#[derive(Debug)]
struct Inner {
    truth: Timestamp,
    /// What somebody has set the wall clock ahead by, in milliseconds.
    ahead: i64,
}

impl SimClock {
    pub fn new() -> Self {
        Self(Rc::new(RefCell::new(Inner { truth: START, ahead: 0 })))
    }

    /// What time it really is.
    pub fn truth(&self) -> Timestamp {
        self.0.borrow().truth
    }

    /// Time passes; it never goes back.
    pub fn advance_to(&self, truth: Timestamp) {
        let mut inner = self.0.borrow_mut();
        inner.truth = inner.truth.max(truth);
    }

    /// Somebody sets the wall clock.
    pub fn set_ahead(&self, ahead: i64) {
        self.0.borrow_mut().ahead = ahead;
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimClock {
    fn read(&self) -> Reading {
        let inner = self.0.borrow();
        let Span(uptime) = inner.truth.since(START);
        Reading {
            wall: Timestamp(inner.truth.0 + inner.ahead),
            uptime: uptime + 1,
            boot: "simulated".to_owned(),
        }
    }
}
