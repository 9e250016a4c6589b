//! `smith fleet lookup`: which machines a selector means.

use clap::Args;
use serde::Serialize;
use smith_domain::fleet::{CrossRegion, Fleet, Selector, WellKnown};
use smith_domain::id::MachineId;
use smith_domain::time::Timestamp;

use crate::failure::{Exit, Failure};
use crate::input::{self, FleetArgs};
use crate::output::{self, Align, Table};

/// Look machines up by name, address, list, pattern or attribute.
///
/// What is named must exist, and a list that crosses regions is refused unless it is said that it may.
#[derive(Debug, Args)]
pub(super) struct Lookup {
    /// For example `prod-dal10-carrier3-worker-*`, `10.0.0.1`, `environment=prod not role=haproxy`
    #[arg(required = true, value_name = "SELECTOR")]
    selector: Vec<String>,
    #[command(flatten)]
    fleet: FleetArgs,
    /// Machines of several regions may be named
    #[arg(long)]
    cross_region: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct One {
    machine: String,
    addresses: Vec<String>,
    attributes: std::collections::BTreeMap<String, String>,
}

pub(super) fn run(args: &Lookup) -> Result<Exit, Failure> {
    let text = args.selector.join(" ");
    let selector = Selector::parse(&text).map_err(|error| Failure::new(Exit::Usage, error))?;
    let fleet = input::known(args.fleet.machines()?, Timestamp(0));
    let cross_region = if args.cross_region { CrossRegion::Allow } else { CrossRegion::Refuse };
    let found = fleet.lookup(&selector, cross_region).map_err(|rejection| {
        let failure = Failure::from(rejection);
        match failure.hint {
            Some(_) => failure,
            None => failure.with_hint("docs/reference/selectors.md has the forms"),
        }
    })?;
    if args.json {
        output::json(&found.iter().map(|id| one(&fleet, *id)).collect::<Vec<_>>())?;
        return Ok(Exit::Good);
    }
    let left = Align::Left;
    let mut table = Table::new(&[
        ("machine", left),
        ("address", left),
        ("environment", left),
        ("region", left),
        ("zone", left),
        ("cluster", left),
        ("role", left),
    ]);
    for id in &found {
        let attr = |known: WellKnown| {
            fleet.attr(*id, known.id()).map_or_else(String::new, |symbol| fleet.text(symbol).to_owned())
        };
        let machine = fleet.machine(*id);
        table.row([
            machine.name().to_owned(),
            machine.addresses().first().map(ToString::to_string).unwrap_or_default(),
            attr(WellKnown::Environment),
            attr(WellKnown::Region),
            attr(WellKnown::Zone),
            attr(WellKnown::Cluster),
            attr(WellKnown::Role),
        ]);
    }
    // Names are what this is asked for: they are never shortened.
    output::data(&table.render(usize::MAX))?;
    output::note(&output::counted(found.len() as u64, "machine"));
    Ok(Exit::Good)
}

fn one(fleet: &Fleet, id: MachineId) -> One {
    let machine = fleet.machine(id);
    let attributes = machine
        .attrs()
        .filter_map(|(attr, value)| Some((fleet.attr_name(attr)?.to_string(), fleet.text(value).to_owned())));
    One {
        machine: machine.name().to_owned(),
        addresses: machine.addresses().iter().map(ToString::to_string).collect(),
        attributes: attributes.collect(),
    }
}
