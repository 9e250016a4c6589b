//! When a week is started: a pattern of times in a zone, and what becomes of a time that was missed.

use std::str::FromStr as _;

use croner::Cron;
use jiff::tz::TimeZone;
use smith_domain::calendar::Zone;
use smith_domain::time::{Span, Timestamp};

use super::read::LONGEST;
use crate::config::fields::Fields;
use crate::config::pipeline::zone;
use crate::config::report::{Report, shown};
use crate::config::tree::Node;
use crate::config::value::{span, text, word};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    cron: Cron,
    zone: Zone,
    rules: TimeZone,
    pub if_missed: IfMissed,
    /// How late it may still be started.
    pub within: Span,
}

/// What becomes of a time at which nobody drove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissed {
    Start,
    Skip,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    #[error("expected a minute, an hour, a day of the month, a month and a day of the week, found {found:?}")]
    Pattern { found: String },
    #[error("expected a pattern that matches some time, found {found:?}")]
    Never { found: String },
    #[error("expected the name of a time zone, found {found:?}")]
    Zone { found: String },
}

/// Half a day: a build that begins at night may begin at noon, and is tested the same day.
const WITHIN: Span = Span::hours(12);

/// Any Monday will do to see whether a pattern matches at all.
const SOME_DAY: Timestamp = Timestamp(1_767_571_200_000);

impl Schedule {
    pub fn new(cron: &str, zone: Zone, if_missed: IfMissed, within: Span) -> Result<Self, BadSchedule> {
        let found = || cron.to_owned();
        // Six fields would begin with seconds, and mean something else than what is read.
        if cron.split_whitespace().count() != 5 {
            return Err(BadSchedule::Pattern { found: found() });
        }
        let parsed = Cron::from_str(cron).map_err(|_| BadSchedule::Pattern { found: found() })?;
        let rules = jiff::tz::TimeZoneDatabase::bundled().get(zone.name());
        let rules = rules.map_err(|_| BadSchedule::Zone { found: zone.name().to_owned() })?;
        let schedule = Self { cron: parsed, zone, rules, if_missed, within };
        if schedule.after(SOME_DAY).is_none() {
            return Err(BadSchedule::Never { found: found() });
        }
        Ok(schedule)
    }

    pub(super) fn read(node: &Node, report: &mut Report) -> Option<Self> {
        const EXPECTED: &str = "when, as `0 3 * * SUN`: minute, hour, day, month, day of the week";
        const MISSED: [(&str, IfMissed); 2] = [("start", IfMissed::Start), ("skip", IfMissed::Skip)];
        let mut fields = Fields::open(node, "a schedule", report)?;
        let cron = fields.need("cron").and_then(|node| Some((node.place, text(node, EXPECTED, report)?)));
        let zone = match fields.take("zone") {
            Some(node) => zone(node, report),
            None => Some(Zone::utc()),
        };
        let if_missed = match fields.take("if-missed") {
            Some(node) => word(node, &MISSED, report),
            None => Some(IfMissed::Start),
        };
        let within = match fields.take("within") {
            Some(node) => span(node, LONGEST, report),
            None => Some(WITHIN),
        };
        fields.close(report);
        let (place, cron) = cron?;
        match Self::new(cron, zone?, if_missed?, within?) {
            Ok(schedule) => Some(schedule),
            Err(BadSchedule::Never { .. }) => {
                report.add(place, "S0207", "a pattern that matches some time", shown(cron));
                None
            }
            Err(BadSchedule::Pattern { .. } | BadSchedule::Zone { .. }) => {
                report.add(place, "S0207", EXPECTED, shown(cron));
                None
            }
        }
    }

    /// The first time after this one; nothing where the pattern has no more.
    pub fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let at = jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(self.rules.clone());
        let next = self.cron.find_next_occurrence(&at, false).ok()?;
        Some(Timestamp(next.timestamp().as_millisecond()))
    }

    /// The last time that is not after this one.
    pub fn before(&self, at: Timestamp) -> Option<Timestamp> {
        let at = jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(self.rules.clone());
        let last = self.cron.find_previous_occurrence(&at, true).ok()?;
        Some(Timestamp(last.timestamp().as_millisecond()))
    }

    /// What it says, to tell whether it was edited.
    pub fn words(&self) -> String {
        format!("{} {}", self.cron.as_str(), self.zone.name())
    }
}
