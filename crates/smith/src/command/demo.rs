//! `smith demo`: the whole process, on real machines of a lab, or simulated where there can be none.

use std::path::PathBuf;

use clap::Args;
use smith_lab::LabName;

use crate::demo::real::{self, Afterwards, Size};
use crate::demo::{self, Options, Pace};
use crate::failure::{Exit, Failure};
use crate::input::{self, Length};
use crate::output;

/// Watch the weekly patch of a fleet, from upstream to evidence.
///
/// As root, on a computer that can have a lab, it is real: twelve machines, builds of what the computer's own apt is configured
/// for, mirrors, a server, approvals, reboots, a machine that fails. It takes some minutes, says how many, and leaves nothing
/// running. Elsewhere the same rules are rehearsed on a simulated fleet in half a minute, and no machine is touched.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Rehearse on simulated machines, also where there could be real ones
    #[arg(long)]
    simulated: bool,
    /// As fast as it goes, without pacing
    #[arg(long, help_heading = "Simulated")]
    fast: bool,
    /// How many machines [default: 600]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(50..=100_000), help_heading = "Simulated")]
    machines: Option<u32>,
    /// The same seed gives the same story [default: 1]
    #[arg(long, value_name = "N", help_heading = "Simulated")]
    seed: Option<u64>,
    /// Keep the journal of the story in a new file, so that `rollout show`, `why` and `audit` can be tried on it
    #[arg(long, value_name = "FILE", help_heading = "Simulated")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    real: Real,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Real")]
struct Real {
    /// The folder of everything that it makes and downloads; what was downloaded is used again
    #[arg(long, value_name = "DIR", env = "SMITH_DEMO_DIR", default_value = "/var/lib/smith-demo")]
    dir: PathBuf,
    /// The package of the agent [default: the one that `cargo xtask dist` left beside this program]
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    /// How long a build soaks in stage, where a day is usual
    #[arg(long, value_name = "LENGTH", default_value = "1m", value_parser = input::length)]
    soak: Length,
    /// Leave machines, mirrors and server running at the end
    #[arg(long)]
    keep: bool,
    /// Only end what an earlier demo left running
    #[arg(long, conflicts_with = "keep")]
    down: bool,
    /// Four machines, one of each environment and region
    #[arg(long)]
    small: bool,
    #[arg(long, env = "SMITH_LAB_CACHE", hide = true)]
    base: Option<PathBuf>,
    #[arg(long, env = "SMITH_LAB", default_value = "demo", hide = true)]
    lab: LabName,
}

/// Machines of a simulated fleet: more than anybody would watch one by one.
const MACHINES: u32 = 600;

pub(super) fn run(args: &Demo) -> Result<Exit, Failure> {
    let options = real::Options {
        dir: args.real.dir.clone(),
        base: args.real.base.clone(),
        lab: args.real.lab.clone(),
        agent: args.real.agent.clone(),
        afterwards: if args.real.keep { Afterwards::Keep } else { Afterwards::Remove },
        soak: args.real.soak,
        size: if args.real.small { Size::Small } else { Size::Whole },
    };
    if args.real.down {
        return real::remove(&options);
    }
    // Whoever says something that only a simulated fleet can be told wants one.
    let wants_simulated = args.simulated
        || args.fast
        || args.machines.is_some()
        || args.seed.is_some()
        || args.journal.is_some();
    if wants_simulated {
        return simulate(args);
    }
    match real::hindrance(&options) {
        None => real::run(&options),
        Some(why) => {
            output::note(&format!(
                "rehearsed on simulated machines, because real ones cannot be made here: {why}\n"
            ));
            simulate(args)
        }
    }
}

fn simulate(args: &Demo) -> Result<Exit, Failure> {
    let pace = if args.fast { Pace::Unpaced } else { Pace::Watched };
    let (machines, seed) = (args.machines.unwrap_or(MACHINES), args.seed.unwrap_or(1));
    demo::run(&Options { pace, machines, seed, journal: args.journal.clone() })
}
