//! Which builds there are, and what the channels say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::build::event::BuildEvent;
use crate::id::BuildNumber;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    pub number: BuildNumber,
    pub state: BuildState,
    pub verified_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BuildState {
    Verified,
    Withdrawn { reason: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Builds {
    builds: BTreeMap<BuildNumber, Build>,
    /// By channel and region.
    channels: BTreeMap<(String, String), (BuildNumber, Timestamp)>,
}

impl Builds {
    pub fn get(&self, number: BuildNumber) -> Option<&Build> {
        self.builds.get(&number)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Build> + '_ {
        self.builds.values()
    }

    /// The build that a channel names in a region.
    pub fn in_channel(&self, channel: &str, region: &str) -> Option<BuildNumber> {
        self.pointer(channel, region).map(|(build, _)| build)
    }

    /// The build that a channel names in a region, and since when.
    pub fn pointer(&self, channel: &str, region: &str) -> Option<(BuildNumber, Timestamp)> {
        self.channels.get(&(channel.to_owned(), region.to_owned())).copied()
    }

    /// Every channel with its region and the build it names.
    pub fn channels(&self) -> impl Iterator<Item = (&str, &str, BuildNumber)> + '_ {
        self.channels
            .iter()
            .map(|((channel, region), (build, _))| (channel.as_str(), region.as_str(), *build))
    }

    /// The known build with the number that is closest.
    pub fn nearest(&self, number: BuildNumber) -> Option<BuildNumber> {
        self.builds.keys().copied().min_by_key(|other| (other.0.abs_diff(number.0), *other))
    }

    pub(crate) fn evolve(&mut self, event: &BuildEvent, at: Timestamp) {
        match event {
            BuildEvent::Verified { build } => {
                let number = *build;
                self.builds.insert(number, Build { number, state: BuildState::Verified, verified_at: at });
            }
            BuildEvent::Withdrawn { build, reason } => {
                if let Some(build) = self.builds.get_mut(build) {
                    build.state = BuildState::Withdrawn { reason: reason.clone() };
                }
            }
            BuildEvent::ChannelSet { channel, region, build, .. } => {
                self.channels.insert((channel.clone(), region.clone()), (*build, at));
            }
        }
    }
}
