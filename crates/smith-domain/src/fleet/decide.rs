//! Commands about the fleet, and what becomes of them.

use std::collections::BTreeSet;

use crate::plain;
use crate::time::Timestamp;

use super::event::{Exemption, ExemptionId, FleetEvent};
use super::facts::SourceName;
use super::observe::{ObservePolicy, Shrunk};
use super::reading::Reading;
use super::selector::Selector;
use super::state::Fleet;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetCommand {
    /// All sources were read. Sources in `confirmed` may have lost as many machines as they like.
    Observe {
        reading: Reading,
        confirmed: BTreeSet<SourceName>,
        policy: ObservePolicy,
    },
    /// A reading was not taken because these sources lost too much; none where all of it was taken.
    NoteShrunk {
        shrunk: Vec<Shrunk>,
    },
    /// The machines that a source lost are really gone.
    ConfirmSource {
        source: SourceName,
        reason: String,
        /// The fingerprint of the machines that were seen to be lost.
        lost: String,
    },
    /// Machines need not be in a bag until then.
    Exempt(Exemption),
    EndExemption {
        exemption: ExemptionId,
        reason: String,
    },
}

/// Bytes of a reason or an owner: a paragraph.
pub const MAX_TEXT: usize = 1000;
/// Exemptions at one time, with those past their end that still stand in the list. Each is evaluated against the whole fleet, and hundreds would mean that nobody reads them.
pub const MAX_EXEMPTIONS: usize = 1000;
/// Machines that one fleet may number: four times the largest fleet planned for, which still fits one computer.
pub const MAX_MACHINES: usize = 4_000_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetRejection {
    #[error("expected every source to keep its machines, found that {}", list(.shrunk))]
    SourcesShrank { shrunk: Vec<Shrunk> },
    #[error("expected at most {max} machines, found {found}")]
    TooManyMachines { found: usize, max: usize },
    #[error("expected at most {max} attribute names, found {found}")]
    TooManyAttributes { found: usize, max: usize },
    #[error("expected {what}, found nothing")]
    Missing { what: &'static str },
    #[error("expected {what} of at most {max} bytes, found {found}")]
    TooLong { what: &'static str, found: usize, max: usize },
    #[error("expected {what} of letters and blanks, found the character {}", plain::name(*.found))]
    Hidden { what: &'static str, found: char },
    #[error("expected an end in the future, found {until}, and it is {now}")]
    EndsInThePast { until: Timestamp, now: Timestamp },
    #[error("expected a selector that matches a machine, found {select:?}, which matches none")]
    SelectsNothing { select: String },
    #[error("expected at most {max} exemptions at one time, found one more")]
    TooManyExemptions { max: usize },
    #[error("expected a source whose readings are not taken{}, found {name}", waiting(.held))]
    NotHeldBack { name: SourceName, held: Vec<SourceName> },
    #[error(
        "source {name} lacks other machines than were seen, expected those of {found}, found those of {seen}"
    )]
    LostOthers { name: SourceName, seen: String, found: String },
    #[error("expected an exemption that holds, found {exemption}, which does not exist or has ended")]
    NoSuchExemption { exemption: ExemptionId },
}

impl FleetRejection {
    pub fn code(&self) -> &'static str {
        match self {
            FleetRejection::SourcesShrank { .. } => "S0101",
            FleetRejection::TooManyMachines { .. } | FleetRejection::TooManyAttributes { .. } => "S0102",
            FleetRejection::NotHeldBack { .. } => "S0104",
            FleetRejection::LostOthers { .. } => "S0105",
            FleetRejection::Missing { .. }
            | FleetRejection::TooLong { .. }
            | FleetRejection::Hidden { .. }
            | FleetRejection::EndsInThePast { .. }
            | FleetRejection::SelectsNothing { .. }
            | FleetRejection::TooManyExemptions { .. }
            | FleetRejection::NoSuchExemption { .. } => "S0103",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            FleetRejection::SourcesShrank { shrunk } => {
                let names: Vec<&str> = shrunk.iter().map(|source| source.source.as_str()).collect();
                let names = names.join(", ");
                Some(format!(
                    "if these machines are really gone, an admin says so (`smith fleet confirm`, in chat `confirm source`): {names}; until \
                     then the fleet stays as it was"
                ))
            }
            FleetRejection::NotHeldBack { .. } => {
                Some("`smith fleet sources` shows them all, and which are held back".into())
            }
            FleetRejection::LostOthers { .. } => Some(
                "`smith fleet sources` shows which machines are lost now; look at them, and confirm these"
                    .into(),
            ),
            FleetRejection::SelectsNothing { .. } => {
                Some("an exemption is for machines that are present; look them up first".into())
            }
            FleetRejection::TooManyAttributes { .. } => {
                Some("values that differ from machine to machine belong behind the `=`, not before it".into())
            }
            FleetRejection::TooManyMachines { .. }
            | FleetRejection::Missing { .. }
            | FleetRejection::TooLong { .. }
            | FleetRejection::Hidden { .. }
            | FleetRejection::EndsInThePast { .. }
            | FleetRejection::TooManyExemptions { .. }
            | FleetRejection::NoSuchExemption { .. } => None,
        }
    }
}

impl Fleet {
    /// What happens because of a command, or why nothing does.
    pub fn decide(&self, command: FleetCommand, now: Timestamp) -> Result<Vec<FleetEvent>, FleetRejection> {
        match command {
            FleetCommand::Observe { reading, confirmed, policy } => {
                self.observe(reading, &confirmed, &policy, now)
            }
            FleetCommand::NoteShrunk { shrunk } => Ok(self.note_shrunk(&shrunk)),
            FleetCommand::ConfirmSource { source, reason, lost } => {
                check_text("a reason", &reason)?;
                self.confirm(source, reason, lost)
            }
            FleetCommand::Exempt(terms) => self.exempt(terms, now),
            FleetCommand::EndExemption { exemption, reason } => {
                check_text("a reason", &reason)?;
                if !self.exemptions.contains_key(&exemption) {
                    return Err(FleetRejection::NoSuchExemption { exemption });
                }
                Ok(vec![FleetEvent::ExemptionEnded { exemption, reason }])
            }
        }
    }

    fn exempt(&self, terms: Exemption, now: Timestamp) -> Result<Vec<FleetEvent>, FleetRejection> {
        check_text("a reason", &terms.reason)?;
        check_line("an owner", &terms.owner)?;
        if terms.until <= now {
            return Err(FleetRejection::EndsInThePast { until: terms.until, now });
        }
        if !self.any(&terms.select) {
            return Err(FleetRejection::SelectsNothing { select: terms.select.to_string() });
        }
        let mut events = self.room_for_one(now)?;
        let exemption = ExemptionId(self.next_exemption);
        events.push(FleetEvent::ExemptionGranted { exemption, terms });
        Ok(events)
    }

    /// Those past their end are shown until there are too many: then the one that ended first makes room.
    fn room_for_one(&self, now: Timestamp) -> Result<Vec<FleetEvent>, FleetRejection> {
        if self.exemptions.len() < MAX_EXEMPTIONS {
            return Ok(Vec::new());
        }
        let first = self.exemptions.iter().min_by_key(|(_, granted)| granted.terms.until);
        match first.filter(|(_, granted)| granted.terms.until <= now) {
            Some((exemption, granted)) => {
                let reason = format!("it was until {}, and makes room", granted.terms.until);
                Ok(vec![FleetEvent::ExemptionEnded { exemption: *exemption, reason }])
            }
            None => Err(FleetRejection::TooManyExemptions { max: MAX_EXEMPTIONS }),
        }
    }

    /// Whether a machine that is present matches.
    pub fn any(&self, selector: &Selector) -> bool {
        !self.select(selector).is_empty()
    }
}

fn check_text(what: &'static str, text: &str) -> Result<(), FleetRejection> {
    if text.trim().is_empty() {
        return Err(FleetRejection::Missing { what });
    }
    match text.len() {
        found if found > MAX_TEXT => Err(FleetRejection::TooLong { what, found, max: MAX_TEXT }),
        _ => plain::hidden_in_lines(text).map_or(Ok(()), |found| Err(FleetRejection::Hidden { what, found })),
    }
}

/// A name stands in a row with others.
fn check_line(what: &'static str, text: &str) -> Result<(), FleetRejection> {
    check_text(what, text)?;
    plain::hidden_in_line(text).map_or(Ok(()), |found| Err(FleetRejection::Hidden { what, found }))
}

fn waiting(held: &[SourceName]) -> String {
    if held.is_empty() {
        return ", of which there is none".to_owned();
    }
    let names: Vec<&str> = held.iter().map(SourceName::as_str).collect();
    format!(", such as {}", names.join(", "))
}

fn list(shrunk: &[Shrunk]) -> String {
    shrunk.iter().map(Shrunk::to_string).collect::<Vec<_>>().join("; ")
}
