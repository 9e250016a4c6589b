//! Tests of the fleet as a whole, in the text language for fleets.

mod gap;
mod held;
mod lookup;
mod merge;
mod observe;
mod state;
mod text;

use std::collections::BTreeSet;

use super::text::seen_machines;
use super::*;
use crate::id::MachineId;
use crate::time::Timestamp;

fn source(name: &str, precedence: i32, text: &str) -> SourceReading {
    SourceReading {
        name: SourceName::new(name).unwrap(),
        precedence,
        machines: seen_machines(text).unwrap_or_else(|error| panic!("{error}")),
    }
}

fn reading(sources: &[SourceReading]) -> Reading {
    merge(sources.to_vec(), &Naming::conventional()).unwrap_or_else(|error| panic!("{error}"))
}

fn observe(fleet: &mut Fleet, sources: &[SourceReading], at: i64) -> Result<Vec<FleetEvent>, FleetRejection> {
    observe_confirmed(fleet, sources, &[], at)
}

fn observe_confirmed(
    fleet: &mut Fleet,
    sources: &[SourceReading],
    confirmed: &[&str],
    at: i64,
) -> Result<Vec<FleetEvent>, FleetRejection> {
    let confirmed: BTreeSet<SourceName> =
        confirmed.iter().map(|name| SourceName::new(*name).unwrap()).collect();
    let command =
        FleetCommand::Observe { reading: reading(sources), confirmed, policy: ObservePolicy::default() };
    let events = fleet.decide(command, Timestamp(at))?;
    for event in &events {
        fleet.evolve(event, Timestamp(at));
    }
    Ok(events)
}

fn names(fleet: &Fleet, ids: impl IntoIterator<Item = MachineId>) -> String {
    ids.into_iter().map(|id| fleet.machine(id).name().to_owned()).collect::<Vec<_>>().join(" ")
}

fn select(text: &str) -> Selector {
    Selector::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A short word for each event, with the names or numbers in it.
fn told(fleet: &Fleet, events: &[FleetEvent]) -> Vec<String> {
    let ids = |machines: &[KnownMachine]| names(fleet, machines.iter().map(|known| known.id));
    let tell = |event: &FleetEvent| match event {
        FleetEvent::MachinesJoined { machines } => {
            let names: Vec<&str> = machines.iter().map(|facts| facts.name.as_str()).collect();
            format!("joined {}", names.join(" "))
        }
        FleetEvent::MachinesChanged { machines } => format!("changed {}", ids(machines)),
        FleetEvent::MachinesReturned { machines } => format!("returned {}", ids(machines)),
        FleetEvent::MachinesLeft { machines } => format!("left {}", names(fleet, machines.iter().copied())),
        FleetEvent::SourceRead { source, machines } => format!("read {source} {machines}"),
        FleetEvent::SourceDropped { source } => format!("dropped {source}"),
        FleetEvent::SourcesShrank { sources } => {
            let sources = sources.iter().map(|one| format!(" {} {}", one.source, one.lost));
            format!("shrank{}", sources.collect::<String>())
        }
        FleetEvent::SourceConfirmed { source, reason, lost: _ } => format!("confirmed {source}: {reason}"),
        FleetEvent::ExemptionGranted { exemption, terms } => format!("granted {exemption} {}", terms.select),
        FleetEvent::ExemptionEnded { exemption, reason } => format!("ended {exemption} {reason}"),
    };
    events.iter().map(tell).collect()
}
