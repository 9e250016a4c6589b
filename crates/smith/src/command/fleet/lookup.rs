//! `smith fleet lookup`: which machines a selector means.

use clap::Args;
use serde::Serialize;
use smith_api::Machine;
use smith_domain::fleet::{CrossRegion, Fleet, Selector, WellKnown};
use smith_domain::id::MachineId;
use smith_domain::time::Timestamp;

use crate::command::change::pages;
use crate::failure::{Exit, Failure};
use crate::input::{self, FleetArgs, ServerArgs, encoded};
use crate::output::{self, Align, Table};

/// Look machines up by name, address, list, pattern or attribute.
///
/// Of a running server, unless an inventory or a text is given. What is named must exist, and a list that crosses regions is refused unless it is said that it may.
#[derive(Debug, Args)]
pub(super) struct Lookup {
    /// For example `prod-dal10-carrier3-worker-*`, `10.0.0.1`, `environment=prod not role=haproxy`
    #[arg(required = true, value_name = "SELECTOR")]
    selector: Vec<String>,
    #[command(flatten)]
    fleet: FleetArgs,
    #[command(flatten)]
    server: ServerArgs,
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
    /// The build that it was last proven to be at, as far as a server knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<u32>,
}

pub(super) fn run(args: &Lookup) -> Result<Exit, Failure> {
    let text = args.selector.join(" ");
    let selector = Selector::parse(&text).map_err(|error| Failure::new(Exit::Usage, error))?;
    if args.fleet.is_of_server(&args.server) {
        return ask(args, &text);
    }
    let fleet = input::known(args.fleet.machines()?, Timestamp(0));
    let cross_region = if args.cross_region { CrossRegion::Allow } else { CrossRegion::Refuse };
    let found = fleet.lookup(&selector, cross_region).map_err(|rejection| {
        let failure = Failure::from(rejection);
        match failure.hint {
            Some(_) => failure,
            None => failure.with_hint("docs/reference/selectors.md has the forms"),
        }
    })?;
    tell(args, found.iter().map(|id| one(&fleet, *id)).collect())
}

/// The machines that the server knows now.
fn ask(args: &Lookup, text: &str) -> Result<Exit, Failure> {
    let path = format!("/v1/machines?select={}&cross_region={}", encoded(text), args.cross_region);
    let found: Vec<Machine> = args.server.ask(async |client| pages(&client, &path).await)?;
    let one = |found: Machine| One {
        machine: found.machine,
        addresses: found.addresses,
        attributes: found.attributes,
        build: found.build,
    };
    tell(args, found.into_iter().map(one).collect())
}

fn tell(args: &Lookup, found: Vec<One>) -> Result<Exit, Failure> {
    if args.json {
        output::json(&found)?;
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
    let count = found.len() as u64;
    for One { machine, addresses, attributes, .. } in found {
        let attr = |known: WellKnown| attributes.get(known.name()).cloned().unwrap_or_default();
        let row = [
            addresses.first().cloned().unwrap_or_default(),
            attr(WellKnown::Environment),
            attr(WellKnown::Region),
            attr(WellKnown::Zone),
            attr(WellKnown::Cluster),
            attr(WellKnown::Role),
        ];
        table.row([machine].into_iter().chain(row));
    }
    // Names are what this is asked for: columns behind them go before they do.
    output::data(&table.render_whole(output::width()))?;
    output::note(&output::counted(count, "machine"));
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
        build: None,
    }
}
