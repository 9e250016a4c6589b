//! Who may do what.

use serde::{Deserialize, Serialize};

/// Each may also do what a viewer may; an admin may do everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Starts, pauses, resumes, aborts, retries, skips, signs off.
    Operator,
    /// Says yes or no to changes and gates.
    Approver,
    /// Tokens, exemptions, withdrawals, the clock.
    Admin,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    pub name: String,
    pub roles: Vec<String>,
    /// Nothing for all of them.
    #[serde(default)]
    pub environments: Vec<String>,
    /// Days that it is good for.
    #[serde(default)]
    pub days: Option<u32>,
    /// Whom it is for, who then neither approves what is asked for with it nor the other way round. Only root says so at the
    /// server's socket, and where root does not it is whoever has its name; the tokens of others are their own.
    #[serde(default)]
    pub owner: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenMade {
    pub token: u32,
    /// Shown once, kept nowhere.
    pub secret: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    pub token: u32,
    pub name: String,
    pub roles: Vec<String>,
    pub environments: Vec<String>,
    pub expires: Option<String>,
    /// Who answers for what is done with it.
    #[serde(default)]
    pub owner: String,
    pub revoked: Option<String>,
}
