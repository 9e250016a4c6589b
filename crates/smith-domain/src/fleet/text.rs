//! A small language for fleets, for tests and for `smith rollout simulate`: one line a machine.
//!
//! ```text
//! # comment
//! prod-dal10-carrier3-worker-1001 10.0.0.1 rack=r12 owner="team a"
//! prod-dal10-carrier3-worker-[1002-1010]
//! bastion env=prod region=us-south host-key="ssh-ed25519 AAAA"
//! ```
//!
//! What a name says is read out of it by the conventional patterns, unless the line says otherwise.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::id::{AttrName, MachineName};
use crate::time::Timestamp;

use super::attribute::unabbreviated;
use super::decide::FleetCommand;
use super::facts::{MachineFacts, SourceName};
use super::merge::{SeenMachine, SourceReading, merge};
use super::naming::Naming;
use super::observe::ObservePolicy;
use super::selector::{Expr, NameTerm, Selector};
use super::state::Fleet;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: expected {expected}, found {found}")]
pub struct FleetTextError {
    pub line: u32,
    pub column: u32,
    pub expected: String,
    pub found: String,
}

/// The machines that a text describes, in natural order.
pub fn parse_fleet(text: &str) -> Result<Vec<MachineFacts>, FleetTextError> {
    parse_fleet_with(text, &Naming::conventional())
}

pub fn parse_fleet_with(text: &str, naming: &Naming) -> Result<Vec<MachineFacts>, FleetTextError> {
    let seen = seen_machines(text)?;
    let whole = |found: String| FleetTextError { line: 1, column: 1, expected: "a fleet".into(), found };
    let name = SourceName::new("text").map_err(|error| whole(error.to_string()))?;
    let source = SourceReading { name, precedence: 0, machines: seen };
    match merge(vec![source], naming) {
        Ok(reading) => Ok(reading.into_machines()),
        Err(error) => Err(whole(error.to_string())),
    }
}

/// A fleet of these machines, all of them present and first seen at `at`.
pub fn fleet_from_text(text: &str, at: Timestamp) -> Result<Fleet, FleetTextError> {
    let mut fleet = Fleet::default();
    fleet.observe_text(text, at)?;
    Ok(fleet)
}

impl Fleet {
    /// Makes the fleet what the text says: others leave. For tests and simulations.
    pub fn observe_text(&mut self, text: &str, at: Timestamp) -> Result<(), FleetTextError> {
        let whole = |found: String| FleetTextError { line: 1, column: 1, expected: "a fleet".into(), found };
        let machines = parse_fleet(text)?;
        let name = SourceName::new("text").map_err(|error| whole(error.to_string()))?;
        let counts = [(name.clone(), u32::try_from(machines.len()).unwrap_or(u32::MAX))].into();
        let reading =
            super::reading::Reading::new(counts, machines).map_err(|error| whole(error.to_string()))?;
        let command =
            FleetCommand::Observe { reading, confirmed: [name].into(), policy: ObservePolicy::default() };
        let events = self.decide(command, at).map_err(|error| whole(error.to_string()))?;
        events.iter().for_each(|event| self.evolve(event, at));
        Ok(())
    }
}

/// What the text says about each machine, in the order of the lines, before names are read.
pub fn seen_machines(text: &str) -> Result<Vec<SeenMachine>, FleetTextError> {
    let mut machines = Vec::new();
    let mut known: BTreeSet<MachineName> = BTreeSet::new();
    for (number, line) in (1u32..).zip(text.lines()) {
        let words = words(line).map_err(|(at, expected)| error(number, line, at, expected, "the end"))?;
        let Some(((at, first), rest)) = words.split_first() else { continue };
        let names =
            machine_names(first).map_err(|found| error(number, line, *at, "machine names", &found))?;
        let Some(name) = names.first() else { continue };
        let mut seen = SeenMachine::named(name.clone());
        for (at, word) in rest {
            attribute(&mut seen, word)
                .map_err(|(expected, found)| error(number, line, *at, expected, &found))?;
        }
        if names.len() > 1 && !(seen.addresses.is_empty() && seen.host_key.is_none()) {
            return Err(error(number, line, *at, "one machine for an address or a host key", first));
        }
        for name in names {
            if !known.insert(name.clone()) {
                return Err(error(number, line, *at, "each machine once", &format!("{name} twice")));
            }
            machines.push(SeenMachine { name, ..seen.clone() });
        }
    }
    Ok(machines)
}

fn error(line: u32, text: &str, at: usize, expected: &str, found: &str) -> FleetTextError {
    let column = text.get(..at).unwrap_or(text).chars().count() + 1;
    FleetTextError {
        line,
        column: u32::try_from(column).unwrap_or(u32::MAX),
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}

/// The words of a line with their places; spaces between quotation marks separate nothing, `#` ends the line.
fn words(line: &str) -> Result<Vec<(usize, String)>, (usize, &'static str)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    let (mut quoted, mut in_word) = (false, false);
    for (at, c) in line.char_indices() {
        match c {
            '#' if !in_word => break,
            '"' => quoted = !quoted,
            _ => {}
        }
        in_word = quoted || !c.is_whitespace();
        match words.last_mut() {
            _ if !in_word => words.push((at, String::new())),
            Some((_, word)) if !word.is_empty() => word.push(c),
            Some((start, word)) => {
                *start = at;
                word.push(c);
            }
            None => words.push((at, c.into())),
        }
    }
    words.retain(|(_, word)| !word.is_empty());
    if quoted { Err((line.len(), "`\"`")) } else { Ok(words) }
}

/// One name, or several by ranges: `web-[01-03]`.
pub fn machine_names(word: &str) -> Result<Vec<MachineName>, String> {
    let selector = Selector::parse(word).map_err(|error| error.to_string())?;
    let Expr::Names(terms) = selector.expr() else { return Err(format!("{word:?}")) };
    let mut names = Vec::new();
    for term in terms {
        let texts = match term {
            NameTerm::Exact(name) => vec![name.clone()],
            NameTerm::Glob(glob) if glob.count().is_some() => glob.expand(),
            NameTerm::Glob(_) | NameTerm::Regex(_) | NameTerm::Address(_) => return Err(format!("{word:?}")),
        };
        for text in texts {
            names.push(MachineName::new(text).map_err(|bad| bad.to_string())?);
        }
    }
    Ok(names)
}

/// An address, or `name=value`.
fn attribute(machine: &mut SeenMachine, word: &str) -> Result<(), (&'static str, String)> {
    if let Ok(address) = word.parse::<IpAddr>() {
        machine.addresses.push(address);
        return Ok(());
    }
    let Some((name, value)) = word.split_once('=') else {
        return Err(("an address or name=value", format!("{word:?}")));
    };
    let value = value.replace('"', "");
    match name {
        "host-key" => machine.host_key = Some(value),
        "address" => match value.parse() {
            Ok(address) => machine.addresses.push(address),
            Err(_) => return Err(("an address", format!("{value:?}"))),
        },
        _ => {
            let attr = AttrName::new(unabbreviated(name))
                .map_err(|bad| ("the name of an attribute", bad.to_string()))?;
            if machine.attrs.insert(attr, value).is_some() {
                return Err(("each attribute once", format!("{name:?} once more")));
            }
        }
    }
    Ok(())
}
