//! `smith audit show`: the journal in words.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use smith_domain::event::Event;
use smith_domain::id::RolloutId;
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_journal::codec::{Codec, DecodeError};
use smith_journal::{Reader as _, ReplayError, RowRef, Seq};

use crate::failure::{Exit, Failure};
use crate::output::{self, Align, Table};
use smith_server::words;

use crate::input;

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

#[derive(Debug, Serialize)]
struct Line {
    row: u64,
    at: String,
    by: String,
    kind: String,
    words: String,
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

/// Folds the whole journal on the way: what an event means is known from the state that it met.
fn lines(args: &Show) -> Result<(VecDeque<Line>, State), Failure> {
    let (reader, codec) = (input::open_verified(&args.journal)?, Codec::default());
    let mut state = State::default();
    let mut lines = VecDeque::new();
    let mut broken: Option<DecodeError> = None;
    let read = reader.read_from(Seq::GENESIS, &mut |row| match codec.decode(row) {
        Ok(event) => {
            state.evolve(&event, Timestamp(row.content.at));
            if wanted(args, &state, &event) {
                if args.limit > 0 && lines.len() == args.limit {
                    lines.pop_front();
                }
                lines.push_back(line(&state, &event, &row));
            }
            ControlFlow::Continue(())
        }
        Err(error) => {
            broken = Some(error);
            ControlFlow::Break(())
        }
    });
    if let Some(broken) = broken {
        return Err(ReplayError::from(broken).into());
    }
    read.map_err(ReplayError::from)?;
    Ok((lines, state))
}

fn wanted(args: &Show, state: &State, event: &Event) -> bool {
    let machine = args.machine.as_deref().is_none_or(|name| words::is_about_machine(state, event, name));
    machine && args.rollout.is_none_or(|id| words::rollout_of(state, event) == Some(RolloutId(id)))
}

fn line(state: &State, event: &Event, row: &RowRef<'_>) -> Line {
    Line {
        row: row.seq.0,
        at: Timestamp(row.content.at).to_string(),
        by: row.content.actor.to_owned(),
        kind: row.content.kind.to_owned(),
        words: words::of(state, event),
    }
}
