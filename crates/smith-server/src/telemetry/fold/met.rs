//! One event on its way through the fold, and what comes out.

use smith_domain::state::State;
use smith_domain::time::Timestamp;

use crate::core::Recorded;
use crate::telemetry::span::{Attribute, Notes, Span};
use crate::words;

/// A recorded event where the fold meets it. The state has met it already, and may have met others.
pub(super) struct Met<'a> {
    pub(super) state: &'a State,
    pub(super) recorded: &'a Recorded,
    /// When it happened, as calendars have it.
    pub(super) at: Timestamp,
}

/// A span that has come to its end.
#[derive(Debug)]
pub(in crate::telemetry) struct Ended {
    /// The row that its trace began with.
    pub(in crate::telemetry) began: u64,
    pub(in crate::telemetry) span: Span,
}

impl Met<'_> {
    /// What happened becomes an event of a span, in the words of the audit.
    pub(super) fn note(&self, notes: &mut Notes) {
        let words = words::of(self.state, &self.recorded.event);
        let by = Attribute::text("smith.by", self.recorded.actor.as_ref());
        notes.add(self.at, self.recorded.event.kind(), vec![Attribute::text("smith.words", words), by]);
    }

    /// An instant of the state, as calendars had it when this event happened.
    pub(super) fn by_calendar(&self, steady: Timestamp) -> Timestamp {
        Timestamp(steady.0.saturating_add(self.at.0.saturating_sub(self.recorded.at.0)))
    }
}
