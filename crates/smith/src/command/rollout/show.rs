//! `smith rollout show`: how far a project is, phase by phase and bag by bag, and what it waits for.

use std::path::PathBuf;

use clap::Args;
use smith_server::answers::{self, Paint, Tone};

use crate::failure::{Exit, Failure};
use crate::input;
use crate::output::{self, BOLD, WAITS, styled};

/// Show how far a rollout is: totals, phases, bags with their change tasks, and what it waits for.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The project id, as `smith rollout list` shows it
    id: u32,
    /// The journal file; a server may be writing it
    #[arg(long, value_name = "FILE", env = "SMITH_JOURNAL")]
    journal: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What stands out on a terminal.
#[derive(Debug)]
struct Coloured;

impl Paint for Coloured {
    fn paint(&self, tone: Tone, text: &str) -> String {
        styled(if tone == Tone::Waits { WAITS } else { BOLD }, text)
    }
}

pub(super) fn run(args: &Show) -> Result<Exit, Failure> {
    let state = input::opening(&args.journal)?.state;
    let project = answers::project(&state, input::rollout_of(&state, args.id)?);
    if args.json {
        output::json(&project)?;
    } else {
        output::data(&answers::project_text(&project, &Coloured))?;
    }
    Ok(Exit::Good)
}
