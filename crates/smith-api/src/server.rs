//! The server itself.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Status {
    pub version: String,
    /// `driving`, `starting`, `not recording` or `ending`.
    pub state: String,
    /// Why nothing can be recorded.
    pub trouble: Option<String>,
    /// Rows of the journal.
    pub rows: u64,
    pub machines: u32,
    pub builds: u32,
    /// Projects that have not ended.
    pub open_projects: u32,
    /// Things that outside services are asked to do and have not done.
    pub open_errands: u32,
    pub addresses: Vec<String>,
    /// What a person should look at, one line each: it does not come right by itself.
    #[serde(default)]
    pub attention: Vec<String>,
}

/// A line as it is said to the bot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Chat {
    pub line: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChatAnswer {
    pub text: String,
}

/// What an outside service is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Errand {
    pub errand: u32,
    pub what: String,
    pub attempts: u32,
    /// When it is asked next, or given up on for this time.
    pub due: String,
    /// Why the last try failed.
    pub trouble: Option<String>,
}
