//! Doing on machines what a driver asks.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smith_agent::protocol::{Body, DeadMan, Fence, Job, Name, Reply};
use smith_domain::access::Digest;
use smith_domain::actor::Actor;
use smith_domain::decide::Command;
use smith_domain::rollout::{Action, CauseKind, Outcome, RolloutCommand};
use smith_domain::state::State;
use smith_domain::time::Span;
use smith_journal::BlobFolder;
use smith_repo::fetch::chain;
use tokio::runtime::Handle;

use super::address::address_of;
use super::job::{Asked, BuildAccess, NoBuild, Wanted, job_for, seek_for};
use super::link::Links;
use super::operation::{Ending, Patience, perform};
use super::packages::patch_record;
use super::shelf::{PATIENCE, Shelf};
use super::upkeep::Upkeep;
use super::verdict::{found_of, outcome_of, words_of};
use crate::driver::{Effect, Executor, Input, Mode, Target, wall};

/// No action takes longer. A machine whose clock is set meanwhile may say that one did.
const LONGEST: Duration = Duration::from_secs(86_400);

/// What is the same for all machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name of this controller on the machines: of the journal, not of the host that drives it today.
    pub controller: Name,
    pub dead_man: Option<DeadMan>,
    /// How many seconds a machine's clock may differ from ours.
    pub skew_max_s: u32,
    /// How long a health check waits for units that are still starting.
    pub settle_s: u32,
    /// How long a machine is tried to be reached before an action counts as not begun.
    pub reach: Duration,
    pub silence: Duration,
    /// A machine that was asked for nothing for so long is asked to forget what it did long ago.
    pub quiet: Duration,
    /// Where lists of changed packages are kept; nowhere unless said.
    pub packages: Option<BlobFolder>,
}

impl Settings {
    pub fn new(controller: Name) -> Self {
        Self {
            controller,
            dead_man: None,
            skew_max_s: 30,
            settle_s: 60,
            reach: Duration::from_secs(60),
            // Three of the agent's signs of life, and then some.
            silence: Duration::from_secs(45),
            // The next action of a procedure follows at once. Shorter than a connection is kept: none is made for this.
            quiet: Duration::from_secs(30),
            packages: None,
        }
    }
}

/// Takes answers back to the driver, and what machines say meanwhile to whoever watches.
pub trait Answers: Send + Sync {
    fn answer(&self, input: Input);
    fn heard(&self, _asked: &Asked, _reply: &Reply) {}
}

/// Performs the actions on machines; errands are somebody else's.
pub struct MachineExecutor<E> {
    runtime: Handle,
    links: Links,
    shelf: Arc<Shelf>,
    settings: Arc<Settings>,
    answers: Arc<dyn Answers>,
    upkeep: Arc<Upkeep>,
    errands: E,
}

impl<E: fmt::Debug> fmt::Debug for MachineExecutor<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { links, settings, errands, .. } = self;
        let mut text = f.debug_struct("MachineExecutor");
        text.field("links", links)
            .field("settings", settings)
            .field("errands", errands)
            .finish_non_exhaustive()
    }
}

impl<E> MachineExecutor<E> {
    pub fn new(
        runtime: Handle,
        links: Links,
        builds: Arc<dyn BuildAccess>,
        settings: Settings,
        answers: Arc<dyn Answers>,
        errands: E,
    ) -> Self {
        let (settings, upkeep) = (Arc::new(settings), Arc::new(Upkeep::default()));
        let shelf = Arc::new(Shelf::new(builds, PATIENCE));
        Self { runtime, links, shelf, settings, answers, upkeep, errands }
    }

    pub fn errands_mut(&mut self) -> &mut E {
        &mut self.errands
    }

    /// What needs the state is looked up here; everything that may wait is done beside the driver.
    fn begin(&self, state: &State, mode: Mode, asked: Asked, left: Duration) {
        let answers = Arc::clone(&self.answers);
        let address = match address_of(&state.fleet, asked.machine) {
            Ok(address) => address,
            Err(error) => {
                let outcome = failed(mode, CauseKind::Unreachable);
                let said = Said { outcome, took: Duration::ZERO, why: error.to_string(), packages: None };
                return report(answers.as_ref(), &asked, said);
            }
        };
        let wanted = Wanted::of(&state.fleet, asked.machine);
        let (shelf, links, settings) =
            (Arc::clone(&self.shelf), self.links.clone(), Arc::clone(&self.settings));
        let (upkeep, turn) = (Arc::clone(&self.upkeep), self.upkeep.begin(asked.machine));
        let machine = state.fleet.machine(asked.machine).name().to_owned();
        self.runtime.spawn(async move {
            let begun = Instant::now();
            let job = match job(&shelf, &settings, (mode, &asked, left), wanted).await {
                Ok(job) => job,
                Err(error) => {
                    let outcome = failed(mode, CauseKind::MirrorUnreachable);
                    let (took, why) = (begun.elapsed(), error.to_string());
                    return report(answers.as_ref(), &asked, Said { outcome, took, why, packages: None });
                }
            };
            let left = left.saturating_sub(begun.elapsed());
            let patience = Patience {
                reach: if mode == Mode::Seek { left } else { settings.reach.min(left) },
                whole: left,
                silence: settings.silence,
            };
            let mut lasted = Lasted::default();
            let ending = perform(&links, &address, &job, patience, |reply| {
                lasted.hear(reply);
                answers.heard(&asked, reply);
            });
            let ending = ending.await;
            let outcome = match mode {
                Mode::Act => outcome_of(&ending),
                Mode::Seek => found_of(&ending),
            };
            let took = begun.elapsed().max(lasted.span());
            let (packages, why) = kept(&settings, &machine, &asked, &ending).await;
            report(answers.as_ref(), &asked, Said { outcome, took, why, packages });
            if matches!(ending, Ending::Ended(_)) {
                let fence = Fence { controller: settings.controller.clone(), tenure: asked.tenure };
                upkeep.clean(turn, settings.quiet, &links, &address, fence).await;
            }
        });
    }
}

fn failed(mode: Mode, cause: CauseKind) -> Outcome {
    match mode {
        Mode::Act => Outcome::Failed(cause),
        Mode::Seek => Outcome::Lost,
    }
}

/// What is said to the machine. Only what brings a build to it needs to know where that is.
async fn job(
    shelf: &Shelf,
    settings: &Settings,
    (mode, asked, left): (Mode, &Asked, Duration),
    wanted: Wanted,
) -> Result<Job, NoBuild> {
    let limit = |left: Duration| u32::try_from(left.as_secs()).unwrap_or(u32::MAX).max(1);
    if mode == Mode::Seek {
        return seek_for(settings, asked, limit(left));
    }
    let begun = Instant::now();
    let machine = wanted.machine.clone();
    let patch = match asked.action {
        Action::Check | Action::Patch => Some(shelf.patch_for(wanted, asked.build).await?),
        Action::Drain | Action::Undrain | Action::Reboot | Action::Health => None,
    };
    let patch = || {
        let why = "it was not looked up".to_owned();
        patch.ok_or(NoBuild { build: asked.build, machine, why })
    };
    let now = u64::try_from(wall().0 / 1000).unwrap_or(0);
    job_for(settings, asked, patch, limit(left.saturating_sub(begun.elapsed())), now)
}

impl<E: Executor> Executor for MachineExecutor<E> {
    fn start(&mut self, state: &State, effect: Effect) {
        match effect.target {
            Target::Machine { rollout, machine, serial, action, build } => {
                let of = state.rollouts.get(rollout).map(|rollout| rollout.started_at).unwrap_or_default();
                let asked = Asked { rollout, of, machine, serial, action, build, tenure: effect.tenure };
                let left = Duration::from_millis(effect.deadline.since(state.at).0);
                self.begin(state, effect.mode, asked, left);
            }
            Target::Errand { .. } => self.errands.start(state, effect),
        }
    }
}

/// The digest of the list of what was changed, once that is on the disk; and what is said of the ending. A list that cannot be kept
/// keeps no machine from going on: the note has its beginning, and why it has no more.
async fn kept(
    settings: &Settings,
    machine: &str,
    asked: &Asked,
    ending: &Ending,
) -> (Option<Digest>, String) {
    let why = words_of(ending);
    let record = settings.packages.clone().zip(patch_record(machine, asked, ending));
    let Some((folder, record)) = record else { return (None, why) };
    let put = tokio::task::spawn_blocking(move || folder.put(&record).map_err(|error| chain(&error)));
    match put.await.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(hash) => (Digest::new(hash.to_string()).ok(), why),
        Err(trouble) => (None, format!("{why}; the list of packages could not be kept: {trouble}")),
    }
}

/// From an operation's beginning to its end by the machine's own clock. A server that was started again has seen only the rest.
#[derive(Debug, Default)]
struct Lasted {
    began: Option<u64>,
    ended: Option<u64>,
}

impl Lasted {
    fn hear(&mut self, reply: &Reply) {
        if let Body::Began { .. } = reply.body {
            self.began.get_or_insert(reply.at_ms);
        }
        if let Body::Ended(_) = reply.body {
            self.ended = Some(reply.at_ms);
        }
    }

    fn span(&self) -> Duration {
        let span = self.began.zip(self.ended).map(|(began, ended)| ended.saturating_sub(began));
        span.map(Duration::from_millis).filter(|span| *span <= LONGEST).unwrap_or_default()
    }
}

/// What an action came to.
struct Said {
    outcome: Outcome,
    took: Duration,
    why: String,
    packages: Option<Digest>,
}

fn report(answers: &dyn Answers, asked: &Asked, said: Said) {
    let Said { outcome, took, why, packages } = said;
    let command = RolloutCommand::Report {
        rollout: asked.rollout,
        machine: asked.machine,
        serial: asked.serial,
        outcome,
        took: Span(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        note: (!why.is_empty()).then_some(why),
        packages,
    };
    answers.answer(Input { actor: Actor::smith(), command: Command::Rollout(command), tag: 0 });
}
