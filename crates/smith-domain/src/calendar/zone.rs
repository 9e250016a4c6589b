//! Time zones by their IANA name, from the database in the program.

use std::fmt;

use jiff::tz::{Dst, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

/// A time zone that exists. Two zones are equal when their names are.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a time zone such as Europe/Berlin, found {found:?}")]
pub struct UnknownZone {
    pub found: String,
}

/// The time from one instant on during which a zone's clocks are not changed, all in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// Civil time minus instant.
    pub(super) offset: i64,
    /// The next change of the clocks.
    pub(super) until: i64,
}

impl Zone {
    /// Looks the name up without regard to case; the zone has its name in the database's spelling.
    pub fn new(name: &str) -> Result<Self, UnknownZone> {
        let unknown = || UnknownZone { found: name.to_owned() };
        let rules = TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())?;
        if rules.is_unknown() {
            return Err(unknown());
        }
        let name = rules.iana_name().unwrap_or("UTC").to_owned();
        Ok(Self { name, rules })
    }

    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every name in the database, for suggestions.
    pub fn names() -> Vec<String> {
        TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect()
    }

    /// The offset at an instant and how long it stays.
    pub(super) fn stretch(&self, at: i64) -> Stretch {
        let instant = instant(at);
        let offset = i64::from(self.rules.to_offset(instant).seconds()) * 1000;
        let until = self.rules.following(instant).next().map(|change| change.timestamp().as_millisecond());
        Stretch { offset, until: until.unwrap_or(i64::MAX) }
    }

    /// The same zone with clocks that are never changed and show standard time.
    pub(super) fn standard(&self) -> Self {
        let info = |at| self.rules.to_offset_info(instant(at));
        // Mid-January and mid-July 2026: one of them is standard time on either half of the earth.
        let (january, july) = (info(1_768_435_200_000), info(1_784_073_600_000));
        let offset = if january.dst() == Dst::Yes { july.offset() } else { january.offset() };
        Self { name: self.name.clone(), rules: TimeZone::fixed(offset) }
    }
}

fn instant(at: i64) -> jiff::Timestamp {
    let bound = if at < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_millisecond(at).unwrap_or(bound)
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;

    fn try_from(name: String) -> Result<Self, UnknownZone> {
        Self::new(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name
    }
}
