//! `smith rollout why`: the one true line about a machine.

use std::path::PathBuf;

use clap::Args;
use smith_api::{Page, Why as Answer};
use smith_domain::actor::Actor;
use smith_domain::decide::Command;
use smith_domain::id::RolloutId;
use smith_domain::rollout::RolloutCommand;
use smith_domain::state::State;
use smith_domain::time::Span;
use smith_domain::why;
use smith_server::answers;
use smith_sim::rehearse::{Change, Keep, Live, People, Said};

use super::simulate::{World, change, plan};
use crate::failure::{Exit, Failure};
use crate::input::{self, Length, MadeFleet, ViewArgs};
use crate::output;

/// Say in one line why a machine is not patched, or how it was; or what a project waits for.
///
/// The state is that of a journal, or, to try it out, that of a rehearsal at a given time.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// Its name or address; or the id of a project, to hear what that waits for
    #[arg(value_name = "MACHINE|ID")]
    machine: String,
    #[command(flatten)]
    view: ViewArgs,
    /// In this project, where another one has more to say
    #[arg(long, value_name = "ID")]
    rollout: Option<u32>,
    /// Rehearse these pipelines instead of reading a journal: files, or folders of them
    #[arg(long, value_name = "FILE|FOLDER", num_args = 1.., help_heading = "Rehearsed")]
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

pub(super) fn run(args: &Why) -> Result<Exit, Failure> {
    if !args.simulated.is_empty() {
        return tell(args, rehearsed(args)?.state());
    }
    match args.view.journal() {
        Some(journal) => tell(args, &input::opening(journal)?.state),
        None => ask(args),
    }
}

/// The server's answer.
fn ask(args: &Why) -> Result<Exit, Failure> {
    if let Ok(id) = args.machine.parse::<u32>() {
        let path = format!("/v1/projects/{id}/why");
        let reasons: Page<String> = args.view.server.ask(async |client| client.get(&path).await)?;
        return show_reasons(args, &reasons.items);
    }
    let project = args.rollout.map(|id| format!("?project={id}")).unwrap_or_default();
    let path = format!("/v1/machines/{}/why{project}", args.machine);
    let answer: Answer = args.view.server.ask(async |client| client.get(&path).await)?;
    show(args, &answer)
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
    if let Ok(id) = args.machine.parse::<u32>() {
        let rollout = input::rollout_of(state, id)?.id;
        let reasons: Vec<String> =
            why::rollout(state, rollout).iter().map(|reason| reason.line(state)).collect();
        return show_reasons(args, &reasons);
    }
    let machine = input::machine_of(state, &args.machine)?;
    let why = match args.rollout {
        Some(id) => why::machine_in(state, input::rollout_of(state, id)?.id, machine),
        None => why::machine(state, machine),
    };
    show(args, &answers::why_machine(state, machine, &why))
}

fn show_reasons(args: &Why, reasons: &[String]) -> Result<Exit, Failure> {
    if args.json {
        output::json(&reasons)?;
    } else if reasons.is_empty() {
        output::data(&format!("project {} waits for nothing\n", args.machine))?;
    } else {
        let lines =
            reasons.iter().map(|reason| format!("project {}: {}\n", args.machine, output::one_line(reason)));
        output::data(&lines.collect::<String>())?;
    }
    Ok(Exit::Good)
}

fn show(args: &Why, answer: &Answer) -> Result<Exit, Failure> {
    if args.json {
        output::json(answer)?;
    } else {
        output::data(&format!("{}: {}\n", answer.machine, answer.why))?;
    }
    Ok(Exit::Good)
}
