//! How long clients take what a channel serves.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::channel::ChannelError;
use crate::channel::standing;
use crate::name::ChannelName;
use crate::release::Release;
use crate::store::Store;

/// Time for a person to notice over a weekend, where a Release lasts so long at all.
const WARNING: SignedDuration = SignedDuration::from_hours(48);

/// Of its whole time: one that lasts a day only is near its end in the last quarter of it.
const QUARTER: i32 = 4;

/// The first of its Releases to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// The folder of its suite.
    pub suite: String,
    pub dated: Timestamp,
    pub until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Enough,
    /// It is time to date it anew.
    Little,
    /// Clients refuse it.
    Nothing,
}

impl Ends {
    pub(crate) fn of(suite: &str, release: &Release) -> Option<Self> {
        let until = release.valid_until?;
        Some(Self { suite: suite.to_owned(), dated: release.date, until })
    }

    pub fn left(&self, now: Timestamp) -> Left {
        let left = self.until.duration_since(now);
        let warning = WARNING.min(self.until.duration_since(self.dated) / QUARTER);
        if left < SignedDuration::ZERO {
            Left::Nothing
        } else if left < warning {
            Left::Little
        } else {
            Left::Enough
        }
    }

    /// What to say of it, with what is to be done; nothing while there is time. `there` is what leads the command to its
    /// place, as ` --mirror fra-01`.
    pub fn words(&self, channel: &ChannelName, there: &str, now: Timestamp) -> Option<String> {
        let (suite, until) = (&self.suite, self.until);
        let remedy = format!("`smith channel refresh {channel}{there}` dates it anew");
        match self.left(now) {
            Left::Enough => None,
            Left::Little => Some(format!("channel {channel}: {suite} ends at {until}; {remedy}")),
            Left::Nothing => Some(format!(
                "channel {channel}: {suite} has ended at {until}, and clients refuse it; {remedy}"
            )),
        }
    }
}

/// Which Release of a channel ends first; nothing if none of them ever does.
pub fn ends(store: &Store, name: &ChannelName) -> Result<Option<Ends>, ChannelError> {
    let Some(standing) = standing(store, name)? else { return Ok(None) };
    let Some(folder) = &standing.folder else { return Ok(None) };
    let ends = standing.suites.iter().filter_map(|suite| {
        let text = fs::read(folder.join(suite).join("Release")).ok()?;
        Ends::of(suite, &Release::parse(&text).ok()?)
    });
    Ok(ends.min_by_key(|ends| ends.until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_in_time() {
        let at = |hour: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
        let ends = |hours| Ends { suite: "debian/dists/stable".to_owned(), dated: at(0), until: at(hours) };
        let left = |hours, now| ends(hours).left(at(now));
        assert_eq!(
            [left(720, 671), left(720, 673), left(720, 721)],
            [Left::Enough, Left::Little, Left::Nothing]
        );
        // What lasts a day only is not always near its end.
        assert_eq!([left(24, 0), left(24, 17), left(24, 19)], [Left::Enough, Left::Enough, Left::Little]);
        let prod = ChannelName::new("prod").expect("a name");
        assert_eq!(ends(24).words(&prod, "", at(1)), None);
        assert_eq!(
            ends(24).words(&prod, " --mirror fra-01", at(25)).expect("words"),
            "channel prod: debian/dists/stable has ended at 1970-01-02T00:00:00Z, and clients refuse it; `smith channel \
             refresh prod --mirror fra-01` dates it anew"
        );
    }
}
