//! Tickets: the epic of a build and a child for each step.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ticket {
    /// The tracker's number, or the journal's name for it.
    pub number: String,
    pub title: String,
    pub state: String,
    pub raised: String,
    /// The epic's number.
    pub parent: Option<String>,
    pub build: u32,
    pub project: Option<u32>,
    pub step: Option<String>,
    /// Why it is closed.
    pub reason: Option<String>,
    pub replaced_by: Option<String>,
    pub comments: Vec<Comment>,
    /// Of an epic: what is done and what is not; it ticks itself.
    pub checklist: Vec<CheckItem>,
    /// Of an epic.
    pub children: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Comment {
    pub at: String,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckItem {
    /// When it was done; nothing as long as it is not.
    pub done: Option<String>,
    pub text: String,
}
