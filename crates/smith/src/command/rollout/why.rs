//! `smith rollout why`: the one true line about a machine.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use smith_domain::actor::Actor;
use smith_domain::decide::Command;
use smith_domain::id::{MachineId, RolloutId};
use smith_domain::rollout::RolloutCommand;
use smith_domain::state::State;
use smith_domain::time::Span;
use smith_domain::why;
use smith_sim::rehearse::{Change, Keep, Live, People, Said};

use super::simulate::{World, change, plan};
use crate::failure::{Exit, Failure};
use crate::input::{self, Length, MadeFleet};
use crate::output;

/// Say in one line why a machine is not patched, or how it was.
///
/// The state is that of a journal, or, to try it out, that of a rehearsal at a given time.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// Its name or address
    machine: String,
    /// The journal file; a server may be writing it [env: SMITH_JOURNAL, unless --simulated is given]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// In this project, where another one has more to say
    #[arg(long, value_name = "ID")]
    rollout: Option<u32>,
    /// Rehearse these pipelines instead of reading a journal: files, or folders of them
    #[arg(long, value_name = "FILE|FOLDER", num_args = 1.., conflicts_with = "journal", help_heading = "Rehearsed")]
    simulated: Vec<PathBuf>,
    /// How long after the start the question is asked
    #[arg(long, value_name = "LENGTH", default_value = "1h", value_parser = input::length, help_heading = "Rehearsed")]
    at: Length,
    /// Pause every rollout so long after the start
    #[arg(long, value_name = "LENGTH", value_parser = input::length, help_heading = "Rehearsed")]
    pause_at: Option<Length>,
    /// Nobody approves, and nobody lets a halted step go on
    #[arg(long, help_heading = "Rehearsed")]
    no_people: bool,
    /// Change the rehearsal as in `smith rollout simulate --what-if`
    #[arg(long, value_name = "CHANGE", help_heading = "Rehearsed")]
    what_if: Vec<String>,
    #[command(flatten)]
    fleet: MadeFleet,
    #[command(flatten)]
    world: World,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    machine: String,
    rollout: Option<u32>,
    why: String,
    reasons: Vec<One>,
}

#[derive(Debug, Serialize)]
struct One {
    reason: String,
    waits_for: Option<String>,
}

pub(super) fn run(args: &Why) -> Result<Exit, Failure> {
    if !args.simulated.is_empty() {
        return tell(args, rehearsed(args)?.state());
    }
    let named = args.journal.clone().or_else(|| std::env::var_os("SMITH_JOURNAL").map(PathBuf::from));
    let journal = named.ok_or_else(|| {
        let error = "expected --journal FILE or --simulated FILE, found neither";
        Failure::new(Exit::Usage, error).with_hint("SMITH_JOURNAL may name the journal, too")
    })?;
    tell(args, &input::opening(&journal)?.state)
}

/// The rehearsal at the time of the question.
fn rehearsed(args: &Why) -> Result<Live, Failure> {
    let pipelines = input::load(&args.simulated)?.all;
    let (mut plan, _) = plan(&pipelines, &args.fleet, &args.world, Span::hours(24 * 366))?;
    let changes: Vec<Change> =
        args.what_if.iter().map(|text| change(text, &plan)).collect::<Result<_, Failure>>()?;
    plan.changes = changes;
    let people = if args.no_people { People::Absent } else { People::Attentive };
    let mut live = Live::open(&plan, people, Keep::Nothing)?;
    if let Some(Length(pause_at)) = args.pause_at {
        if pause_at > args.at.0 {
            let error = "expected --pause-at to come before --at, when the question is asked";
            return Err(Failure::new(Exit::Usage, error));
        }
        live.run_until(Live::start() + pause_at)?;
        let active: Vec<RolloutId> = live.state().rollouts.active().map(|rollout| rollout.id).collect();
        for rollout in active {
            let pause = Command::Rollout(RolloutCommand::Pause { rollout, reason: None });
            if let Said::Rejected(rejection) = live.say(Actor::person("operator"), pause)? {
                return Err(Failure::new(Exit::Usage, rejection));
            }
        }
    }
    live.run_until(Live::start() + args.at.0)?;
    Ok(live)
}

fn tell(args: &Why, state: &State) -> Result<Exit, Failure> {
    let machine = input::machine_of(state, &args.machine)?;
    let why = match args.rollout {
        Some(id) => why::machine_in(state, input::rollout_of(state, id)?.id, machine),
        None => why::machine(state, machine),
    };
    if args.json {
        output::json(&answer(state, machine, &why))?;
    } else {
        output::data(&format!("{}: {}\n", state.fleet.machine(machine).name(), why.line(state)))?;
    }
    Ok(Exit::Good)
}

fn answer(state: &State, machine: MachineId, why: &why::Why) -> Answer {
    let one = |reason: &why::Reason| One {
        reason: reason.line(state),
        waits_for: reason.waits_for().map(ToString::to_string),
    };
    Answer {
        machine: state.fleet.machine(machine).name().to_owned(),
        rollout: why.rollout.map(|rollout| rollout.0),
        why: why.line(state),
        reasons: why.reasons.iter().map(one).collect(),
    }
}
