//! `smith audit show`: the journal in words.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use smith_api::AuditLine;
use smith_domain::id::RolloutId;
use smith_domain::state::State;
use smith_server::answers::{AuditFilter, audit};

use crate::failure::{Exit, Failure};
use crate::input;
use crate::output::{self, Align, Table};

/// Show what happened, who did it and when, in words: of one machine, of one rollout, or of everything.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The journal file; a server may be writing it
    #[arg(long, value_name = "FILE", env = "SMITH_JOURNAL")]
    journal: PathBuf,
    /// Only what happened to this machine
    #[arg(long, value_name = "NAME")]
    machine: Option<String>,
    /// Only what belongs to this project
    #[arg(long, value_name = "ID")]
    rollout: Option<u32>,
    /// The newest so many rows; 0 for all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Show) -> Result<Exit, Failure> {
    let (lines, state) = lines(args)?;
    if let Some(name) = &args.machine {
        input::machine_of(&state, name)?;
    }
    if let Some(id) = args.rollout {
        input::rollout_of(&state, id)?;
    }
    if args.json {
        output::json(&lines)?;
        return Ok(Exit::Good);
    }
    let mut table =
        Table::new(&[("row", Align::Right), ("at", Align::Left), ("by", Align::Left), ("what", Align::Left)]);
    for line in lines {
        table.row([line.row.to_string(), line.at, line.by, line.words]);
    }
    output::data(&table.render(usize::MAX))?;
    Ok(Exit::Good)
}

/// The newest rows that are wanted, and the state at the end.
fn lines(args: &Show) -> Result<(VecDeque<AuditLine>, State), Failure> {
    let reader = input::open_verified(&args.journal)?;
    let filter = AuditFilter {
        machine: args.machine.clone(),
        project: args.rollout.map(RolloutId),
        ..AuditFilter::default()
    };
    let mut lines = VecDeque::new();
    let state = audit(&reader, &filter, 0, |line| {
        if args.limit > 0 && lines.len() == args.limit {
            lines.pop_front();
        }
        lines.push_back(line);
        ControlFlow::Continue(())
    })?;
    Ok((lines, state))
}
