//! What happens to the fleet, in words.

use smith_domain::fleet::FleetEvent;
use smith_domain::id::MachineId;
use smith_domain::state::State;

use super::number::counted;

/// Names in one line; the rest is counted.
const NAMED: usize = 3;

pub(super) fn words(state: &State, event: &FleetEvent) -> String {
    match event {
        FleetEvent::MachinesJoined { machines } => {
            let names: Vec<&str> = machines.iter().map(|facts| facts.name.as_str()).collect();
            format!("{} joined: {}", counted(names.len() as u64, "machine"), some(&names))
        }
        FleetEvent::MachinesChanged { machines } => {
            let names: Vec<&str> = machines.iter().map(|known| known.facts.name.as_str()).collect();
            format!("{} changed: {}", counted(names.len() as u64, "machine"), some(&names))
        }
        FleetEvent::MachinesReturned { machines } => {
            let names: Vec<&str> = machines.iter().map(|known| known.facts.name.as_str()).collect();
            format!("{} returned: {}", counted(names.len() as u64, "machine"), some(&names))
        }
        FleetEvent::MachinesLeft { machines } => {
            format!(
                "{} left: {}",
                counted(machines.len() as u64, "machine"),
                named(state, machines.iter().copied())
            )
        }
        FleetEvent::SourceRead { source, machines } => {
            format!("source {source} was read: {}", counted(*machines, "machine"))
        }
        FleetEvent::SourceDropped { source } => format!("source {source} is read no more"),
        FleetEvent::SourcesShrank { sources } if sources.is_empty() => {
            "all sources are whole again".to_owned()
        }
        FleetEvent::SourcesShrank { sources } => {
            let lost = sources.iter().map(|one| {
                let names = match one.machines.as_slice() {
                    [] => String::new(),
                    some => format!(" ({})", named(state, some.iter().copied())),
                };
                format!("{} lost {} of {}{names}", one.source, one.lost, one.was)
            });
            let lost = lost.collect::<Vec<_>>().join(", ");
            format!("the inventory is not taken: source {lost}; the fleet stays as it was")
        }
        FleetEvent::SourceConfirmed { source, reason, lost: _ } => {
            format!("the machines that source {source} lost are really gone: {reason}")
        }
        FleetEvent::ExemptionGranted { exemption, terms } => {
            let (until, owner) = (terms.until, &terms.owner);
            format!(
                "{exemption}: {} need not be in a bag until {until}: {} ({owner})",
                terms.select, terms.reason
            )
        }
        FleetEvent::ExemptionEnded { exemption, reason } => format!("{exemption} ended: {reason}"),
    }
}

/// The names of machines, the first few of them.
pub(super) fn named(state: &State, machines: impl Iterator<Item = MachineId>) -> String {
    let names: Vec<&str> =
        machines.filter_map(|id| state.fleet.get(id)).map(|machine| machine.name()).collect();
    some(&names)
}

fn some(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
