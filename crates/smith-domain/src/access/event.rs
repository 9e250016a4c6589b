//! What can happen to those who talk to smith.

use serde::{Deserialize, Serialize};

use crate::access::digest::Digest;
use crate::id::TokenId;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessEvent {
    /// Whoever knows what has this digest speaks under this name, with these roles.
    TokenIssued {
        token: TokenId,
        name: String,
        roles: Vec<String>,
        /// None named: all of them.
        environments: Vec<String>,
        expires: Option<Timestamp>,
        digest: Digest,
        /// Who answers for what is done with it; whoever has its name where nothing is written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// Who had the secret in their hands first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
    },
    TokenRevoked {
        token: TokenId,
        reason: String,
    },
    /// A request that carried a key was carried out in the same breath; the same one gets this answer from now on.
    RequestKept {
        actor: String,
        key: String,
        digest: Digest,
        /// What was made: `rollout/12 change/3`, or nothing.
        answer: String,
    },
    /// Somebody wanted what they may not do. Who it was is in the row.
    Refused {
        what: String,
        why: String,
        /// So many more of the same actor came in the minute after the first, of which this is the last.
        #[serde(default, skip_serializing_if = "is_none")]
        more: u32,
    },
}

fn is_none(more: &u32) -> bool {
    *more == 0
}

impl AccessEvent {
    pub fn kind(&self) -> &'static str {
        match self {
            AccessEvent::TokenIssued { .. } => "access.token-issued",
            AccessEvent::TokenRevoked { .. } => "access.token-revoked",
            AccessEvent::RequestKept { .. } => "access.request-kept",
            AccessEvent::Refused { .. } => "access.refused",
        }
    }
}
