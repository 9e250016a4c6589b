//! One recorded event as listeners get it.

use axum::response::sse::Event;
use serde::Serialize;
use smith_domain::state::State;

use crate::core::Recorded;
use crate::words;

/// The data of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct EventLine {
    pub(super) row: u64,
    pub(super) at: String,
    pub(super) by: String,
    pub(super) kind: String,
    /// What happened, by the names that things have when it is told.
    pub(super) words: String,
    /// The project that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) project: Option<u32>,
}

/// `state` has met the event already.
pub(super) fn line(state: &State, recorded: &Recorded, kind: String) -> EventLine {
    EventLine {
        row: recorded.seq,
        at: recorded.at.to_string(),
        by: recorded.actor.to_string(),
        kind,
        words: words::of(state, &recorded.event),
        project: words::rollout_of(state, &recorded.event).map(|id| id.0),
    }
}

impl EventLine {
    pub(super) fn event(&self) -> Event {
        let data = serde_json::to_string(self).unwrap_or_default();
        Event::default().id(self.row.to_string()).event(&self.kind).data(data)
    }
}
