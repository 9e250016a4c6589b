//! `smith rollout simulate`: what a rollout will do, before it does it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use smith_domain::fleet::Selector;
use smith_domain::pipeline::Pipeline;
use smith_domain::time::{Span, Timestamp};
use smith_server::config::nearest;
use smith_sim::model::Faults;
use smith_sim::rehearse::{Change, Plan};

use crate::failure::{Exit, Failure};
use crate::input::{self, Length, MadeFleet, Source};
use crate::output;
use crate::rehearsal::{self, Header};

/// Rehearse a rollout: the real rules on a simulated fleet, in seconds.
///
/// Prints what happens when, how long it takes beside a bound that no schedule can beat, what is on the critical path
/// and which limits bind. The same seed gives the same output, byte for byte.
#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// Pipelines that are started side by side: files, or folders of them
    #[arg(required = true, value_name = "FILE|FOLDER", env = "SMITH_PIPELINES")]
    pipelines: Vec<PathBuf>,
    #[command(flatten)]
    fleet: MadeFleet,
    #[command(flatten)]
    world: World,
    /// Rehearse it so often, with this seed and the ones after it, and give a range
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Rehearse a change beside the plan as it is: `limit cluster 2`, `limit fleet 500`, `parallel workers 20`,
    /// `windows Europe/Berlin Mon-Fri 22:00-04:00`, `windows always`, `lost zone=dal10`
    #[arg(long, value_name = "CHANGE")]
    what_if: Vec<String>,
    /// It is followed no further than this
    #[arg(long, value_name = "LENGTH", default_value = "180d", value_parser = input::length)]
    horizon: Length,
    /// Print JSON; docs/reference/simulate.md describes it
    #[arg(long)]
    json: bool,
    /// Draw it as a picture
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// How wide tables and plots may be
    #[arg(long, value_name = "COLUMNS", default_value_t = output::WIDTH as u16,
          value_parser = clap::value_parser!(u16).range(60..=400))]
    width: u16,
}

/// What the simulated world is like.
#[derive(Debug, Clone, Args)]
pub(super) struct World {
    /// What goes wrong: nothing, or what a well-kept fleet sees
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = FaultsArg::Usual)]
    faults: FaultsArg,
    /// How long people take to approve
    #[arg(long, value_name = "LENGTH", default_value = "30m", value_parser = input::length)]
    approval_delay: Length,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FaultsArg {
    None,
    Usual,
}

impl World {
    fn faults(&self) -> Faults {
        match self.faults {
            FaultsArg::None => Faults::NONE,
            FaultsArg::Usual => Faults::USUAL,
        }
    }

    fn faults_in_words(&self) -> &'static str {
        match self.faults {
            FaultsArg::None => "none",
            FaultsArg::Usual => "usual: about one machine in three hundred needs a person",
        }
    }
}

/// More columns than that stand beside each other on no screen.
const CHANGES_MAX: usize = 6;

pub(super) fn run(args: &Simulate) -> Result<Exit, Failure> {
    let pipelines = input::load(&args.pipelines)?.all;
    let (plan, source) = plan(&pipelines, &args.fleet, &args.world, args.horizon.0)?;
    if args.what_if.len() > CHANGES_MAX {
        let error = format!("expected at most {CHANGES_MAX} what-ifs, found {}", args.what_if.len());
        return Err(Failure::new(Exit::Usage, error));
    }
    let changes: Vec<(String, Change)> = args
        .what_if
        .iter()
        .map(|text| Ok((text.clone(), change(text, &plan)?)))
        .collect::<Result<_, Failure>>()?;
    let header = Header {
        pipelines: pipelines.iter().map(|pipeline| pipeline.name.to_string()).collect(),
        fleet: match &source {
            Source::Made { seed } => format!("made with seed {seed}"),
            Source::File(path) => format!("from {}", path.display()),
        },
        faults: args.world.faults_in_words().to_owned(),
        approval: args.world.approval_delay.0,
        horizon: args.horizon.0,
    };
    let tell = |done: u32, of: u32| output::progress(&format!("rehearsing {} of {of} …", (done + 1).min(of)));
    let futures = rehearsal::rehearse(&plan, &changes, args.runs, &tell);
    output::progress("");
    let futures = futures?;
    if let (Some(path), Some(picture)) = (&args.svg, rehearsal::picture(&header, &futures)) {
        let failed = |error| Failure::new(Exit::Output, input::Unwritable::new(path, error));
        std::fs::write(path, output::draw(&picture)).map_err(failed)?;
    }
    if args.json {
        output::json(&rehearsal::document(&header, &futures))?;
    } else {
        let width = usize::from(args.width);
        let mut text = String::new();
        if let [only] = futures.as_slice() {
            text.push_str(&rehearsal::shown(&header, only, width));
        } else if let [first, ..] = futures.as_slice() {
            text.push_str(&rehearsal::shown(&header, first, width));
            text.push_str(&rehearsal::side_by_side(&futures, width));
        }
        output::data(&text)?;
    }
    Ok(if futures.iter().all(rehearsal::Future::finishes) { Exit::Good } else { Exit::Finding })
}

/// What is rehearsed; the machines are moved into it.
pub(super) fn plan(
    pipelines: &[Pipeline],
    fleet: &MadeFleet,
    world: &World,
    horizon: Span,
) -> Result<(Plan, Source), Failure> {
    let (machines, source) = fleet.machines(pipelines)?;
    let plan = Plan {
        pipelines: pipelines.to_vec(),
        machines: Arc::new(machines),
        seed: fleet.seed,
        faults: world.faults(),
        approval: world.approval_delay.0,
        changes: Vec::new(),
        horizon,
    };
    Ok((plan, source))
}

/// Reads a change, and refuses one that would change nothing: it is nearly always a typing error.
pub(super) fn change(text: &str, plan: &Plan) -> Result<Change, Failure> {
    let change = Change::parse(text).map_err(|error| Failure::new(Exit::Usage, error))?;
    match &change {
        Change::Parallel { bag, .. } => {
            let bags = plan.pipelines.iter().flat_map(|pipeline| &pipeline.steps);
            let bags: Vec<&str> = bags
                .flat_map(|step| &step.phases)
                .flat_map(|phase| &phase.bags)
                .map(|bag| bag.name.as_str())
                .collect();
            if !bags.contains(&bag.as_str()) {
                let hint = nearest(bag, bags.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                let error = format!("expected a bag of these pipelines in {text:?}, found {bag:?}");
                return Err(Failure::new(Exit::Usage, error).maybe_hint(hint));
            }
        }
        Change::Lost(selector) => lost(selector, plan)?,
        Change::Limit { .. } | Change::Windows(_) => {}
    }
    Ok(change)
}

fn lost(selector: &Selector, plan: &Plan) -> Result<(), Failure> {
    let fleet = input::known(plan.machines.to_vec(), Timestamp(0));
    fleet.lookup(selector, smith_domain::fleet::CrossRegion::Allow)?;
    Ok(())
}
