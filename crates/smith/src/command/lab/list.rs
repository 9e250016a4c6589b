//! `smith lab list`: machines as they are now.

use clap::Args;
use serde::Serialize;
use smith_lab::{Condition, Lab, LabName, Seen, labs};
use smith_repo::fetch::Size;

use crate::failure::{Exit, Failure};
use crate::input::{self, LabPlaceArgs};
use crate::output::{self, Align, Table, WAITS};

/// The machines of all labs, or of one: state, address, faults, boot id, memory.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only this lab
    #[arg(long, value_name = "LAB")]
    name: Option<LabName>,
    #[command(flatten)]
    place: LabPlaceArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    lab: String,
    gateway: String,
    inventory: String,
    controller_key: String,
    known_hosts: String,
    machines: Vec<Seen>,
}

pub(super) fn run(args: &List) -> Result<Exit, Failure> {
    let place = args.place.place()?;
    let names = match &args.name {
        Some(name) => vec![name.clone()],
        None => labs(&place).map_err(input::lab_failed)?,
    };
    let mut all = Vec::new();
    for name in names {
        let lab = Lab::open(&place, &name).map_err(input::lab_failed)?;
        all.push(Shown {
            lab: lab.name().to_string(),
            gateway: lab.subnet().gateway().to_string(),
            inventory: lab.inventory().display().to_string(),
            controller_key: lab.controller_key().display().to_string(),
            known_hosts: lab.known_hosts().display().to_string(),
            machines: lab.machines().map_err(input::lab_failed)?,
        });
    }
    if args.json {
        output::json(&all)?;
        return Ok(Exit::Good);
    }
    let is_half = |seen: &Seen| seen.condition == Condition::Planned;
    let half: Vec<String> = all
        .iter()
        .filter(|shown| shown.machines.iter().any(is_half))
        .map(|shown| format!("lab {} is half made: `smith lab up --name {0}` goes on with it", shown.lab))
        .collect();
    output::data(&table(all).render(usize::MAX))?;
    for line in half {
        output::note(&line);
    }
    Ok(Exit::Good)
}

fn table(all: Vec<Shown>) -> Table {
    let mut table = Table::new(&[
        ("lab", Align::Left),
        ("machine", Align::Left),
        ("state", Align::Left),
        ("address", Align::Left),
        ("memory", Align::Right),
        ("boot id", Align::Left),
        ("faults", Align::Left),
    ]);
    for Shown { lab, machines, .. } in all {
        for seen in machines {
            let faults: Vec<&str> = seen.faults.iter().map(|fault| fault.word()).collect();
            let cells = [
                lab.clone(),
                seen.name.to_string(),
                seen.condition.to_string(),
                seen.address.to_string(),
                Size(seen.memory).to_string(),
                seen.boot_id.unwrap_or_else(|| "none".to_owned()),
                faults.join(" "),
            ];
            if seen.condition == Condition::Running && seen.faults.is_empty() {
                table.row(cells);
            } else {
                table.styled_row(WAITS, cells);
            }
        }
    }
    table
}
