//! `smith demo`: a rollout in the terminal, with nothing but the program.

use std::path::PathBuf;

use clap::Args;

use crate::demo::{self, Options, Pace};
use crate::failure::{Exit, Failure};

/// Watch a rollout: the weekly process on a simulated fleet, with the faults that a fleet has. No machine is touched.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// As fast as it goes, without pacing
    #[arg(long)]
    fast: bool,
    /// How many machines
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u32).range(50..=100_000))]
    machines: u32,
    /// The same seed gives the same story
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Keep the journal of the story in a new file, so that `rollout show`, `why` and `audit` can be tried on it
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

pub(super) fn run(args: &Demo) -> Result<Exit, Failure> {
    let pace = if args.fast { Pace::Unpaced } else { Pace::Watched };
    demo::run(&Options { pace, machines: args.machines, seed: args.seed, journal: args.journal.clone() })
}
