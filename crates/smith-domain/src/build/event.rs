//! What can happen to builds and channels.

use serde::{Deserialize, Serialize};

use crate::id::{BuildNumber, ChangeId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuildEvent {
    /// The build is complete, checked and signed.
    Verified { build: BuildNumber },
    /// Nothing new is started with it.
    Withdrawn { build: BuildNumber, reason: String },
    ChannelSet {
        channel: String,
        region: String,
        build: BuildNumber,
        change: Option<ChangeId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

impl BuildEvent {
    pub fn kind(&self) -> &'static str {
        match self {
            BuildEvent::Verified { .. } => "build.verified",
            BuildEvent::Withdrawn { .. } => "build.withdrawn",
            BuildEvent::ChannelSet { .. } => "build.channel-set",
        }
    }
}
