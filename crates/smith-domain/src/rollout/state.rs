//! What a rollout is at a moment: its steps, their runs and bags, and one job for each machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::access::Digest;
use crate::calendar::Closing;
use crate::fleet::Symbol;
use crate::id::{BuildNumber, ChangeId, MachineId, RolloutId, TicketId};
use crate::pipeline::{Bag, Pipeline, Step};
use crate::rollout::CauseKind;
use crate::rollout::budget::BudgetLine;
use crate::rollout::event::{Call, Halt, RolloutEnd, Scope, StepEnd};
use crate::rollout::jobs::Jobs;
use crate::rollout::limit::GaugeId;
use crate::rollout::machine::{Action, Progress};
use crate::rollout::schedule::{LaneId, StepKey};
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    pub id: RolloutId,
    pub pipeline: Arc<Pipeline>,
    pub build: BuildNumber,
    pub by: String,
    /// Why, in the words of whoever started it.
    pub reason: Option<String>,
    pub scope: Scope,
    pub started_at: Timestamp,
    pub mode: Mode,
    pub steps: Vec<StepRun>,
    pub jobs: Jobs,
    /// What executors said about machines that failed, by job.
    pub notes: BTreeMap<u32, String>,
    /// The lists of what was changed on machines, by job: of each the newest.
    pub packages: BTreeMap<u32, Digest>,
    /// When machines were proven to be at the build, by job.
    pub proven: BTreeMap<u32, Timestamp>,
    pub epic: Option<TicketId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    Running,
    Paused,
    /// Only what makes machines safe is still done.
    Aborting,
    Ended {
        end: RolloutEnd,
        at: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRun {
    pub state: StepState,
    pub reached_at: Option<Timestamp>,
    pub opened_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub gates: Vec<GateRun>,
    pub window: Window,
    pub change: Option<ChangeId>,
    pub ticket: Option<TicketId>,
    pub runs: Vec<Run>,
    /// The run that is open, or the next to open.
    pub current: u16,
    pub budgets: Vec<BudgetLine>,
    pub grants: u32,
    pub tally: Tally,
    /// Machines on which the build was put and proven healthy: what speaks for it.
    pub proven: u32,
    /// Jobs of machines that are disturbed already: they wait for their turn beside the lanes.
    pub again: BTreeSet<u32>,
    pub cursor: u64,
    pub scope: ScopeState,
    pub called: Option<Call>,
    /// Whether the lanes of the open run take part.
    pub live: bool,
    /// What the slowest lane of the open run is expected to take, in milliseconds.
    pub longest: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepState {
    /// Something that it comes after has not ended.
    Waiting,
    /// It waits for its gates and its change.
    Reached,
    Open,
    Halted(Halt),
    Ended(StepEnd),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScopeState {
    Unknown,
    Complete,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GateRun {
    pub open: bool,
    /// When a soak is over, once the step that it counts from is known to have got there.
    pub opens_at: Option<Timestamp>,
    /// The other pipeline has succeeded.
    pub met: bool,
    pub approvals: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// The calendar has not been looked at.
    Unknown,
    Open {
        until: Option<Timestamp>,
    },
    Closed {
        opens: Option<Timestamp>,
        why: Closing,
    },
}

/// One run of a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub phase: u16,
    pub value: Option<String>,
    pub state: RunState,
    pub bags: Vec<BagRun>,
    pub lanes: Vec<LaneId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunState {
    Waiting,
    Open,
    Closed,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BagRun {
    pub jobs: Vec<u32>,
    pub tally: Tally,
    pub gauge: Option<GaugeId>,
}

/// How many machines are where. Every machine of a scope is counted in exactly one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    pub waiting: u32,
    pub running: u32,
    pub done: u32,
    pub failed: u32,
    pub lost: u32,
    pub skipped: u32,
    pub gone: u32,
}

/// One machine in one rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub machine: MachineId,
    pub step: u16,
    pub run: u16,
    pub bag: u16,
    pub budget: u16,
    pub lane: LaneId,
    /// The machine's role when it was taken: what it is expected to take is learnt by role.
    pub role: Option<Symbol>,
    /// The last serial that was asked; each asked action has its own.
    pub serial: u16,
    pub state: JobState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// In a lane.
    Waiting,
    /// The machine is at work in another rollout.
    Aside,
    /// The machine is disturbed already; see [`StepRun::again`].
    Again,
    Active(Active),
    Done(How),
    Failed {
        action: Action,
        cause: CauseKind,
    },
    Lost {
        action: Action,
    },
    Skipped,
    /// It left the fleet, or is not what its bag selects any more.
    Gone(Left),
}

/// What a machine was when it left, or why it is counted as if it had. That it is gone does not undo a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Left {
    /// Nothing had gone wrong with it.
    Well,
    Failed,
    /// It was lost, or at work: what became of it is not known.
    Unknown,
    /// It did not leave the fleet: the bag that took it does not select it any more.
    Unselected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    AlreadySo,
    Patched,
    /// Everything was installed already, or nothing was to be; what runs on it is what was installed.
    Rebooted,
    /// Another rollout brought it to the same build.
    Elsewhere,
    /// An abort stopped it before anything was done, or after what was done was proven healthy.
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Active {
    pub action: Action,
    pub progress: Progress,
    pub turn: Turn,
    /// The machine left the fleet while it was at work.
    pub leaving: bool,
    /// Its bag ceased to select it while it was at work: only what makes it safe is still done.
    pub unselected: bool,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Turn {
    /// The action is to be asked at this time.
    Due(Timestamp),
    /// It was asked, and an answer is expected until `deadline`; so often it was looked for after that.
    Asked { at: Timestamp, deadline: Timestamp, sought: u8 },
}

/// Which count of a budget a job stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    Failed,
    Lost,
}

/// Which count of a [`Tally`] a job stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Waiting,
    Running,
    Done,
    Failed,
    Lost,
    Skipped,
    Gone,
}

/// There are as many as machines.
const _: () = assert!(size_of::<Job>() <= 64);

impl JobState {
    pub fn standing(&self) -> Standing {
        match self {
            JobState::Waiting | JobState::Aside | JobState::Again => Standing::Waiting,
            JobState::Active(_) => Standing::Running,
            JobState::Done(How::Stopped) | JobState::Skipped => Standing::Skipped,
            JobState::Done(_) => Standing::Done,
            JobState::Failed { .. } => Standing::Failed,
            JobState::Lost { .. } => Standing::Lost,
            JobState::Gone(_) => Standing::Gone,
        }
    }

    /// What it counts as against its budget.
    pub(crate) fn blame(&self) -> Option<Blame> {
        match self {
            JobState::Failed { .. } | JobState::Gone(Left::Failed) => Some(Blame::Failed),
            JobState::Lost { .. } | JobState::Gone(Left::Unknown) => Some(Blame::Lost),
            JobState::Waiting
            | JobState::Aside
            | JobState::Again
            | JobState::Active(_)
            | JobState::Done(_)
            | JobState::Skipped
            | JobState::Gone(Left::Well | Left::Unselected) => None,
        }
    }

    /// Nothing more will happen to it unless a person or the inventory says so.
    pub fn has_ended(&self) -> bool {
        !matches!(self.standing(), Standing::Waiting | Standing::Running)
    }
}

impl Tally {
    pub fn total(&self) -> u32 {
        self.waiting + self.running + self.done + self.failed + self.lost + self.skipped + self.gone
    }

    pub fn all_ended(&self) -> bool {
        self.waiting == 0 && self.running == 0
    }

    fn count(&mut self, standing: Standing) -> &mut u32 {
        match standing {
            Standing::Waiting => &mut self.waiting,
            Standing::Running => &mut self.running,
            Standing::Done => &mut self.done,
            Standing::Failed => &mut self.failed,
            Standing::Lost => &mut self.lost,
            Standing::Skipped => &mut self.skipped,
            Standing::Gone => &mut self.gone,
        }
    }

    pub(crate) fn add(&mut self, standing: Standing) {
        *self.count(standing) += 1;
    }

    pub(crate) fn take(&mut self, standing: Standing) {
        *self.count(standing) -= 1;
    }

    pub(crate) fn shift(&mut self, from: Standing, to: Standing) {
        self.take(from);
        self.add(to);
    }
}

impl StepRun {
    pub(crate) fn new(gates: usize) -> Self {
        Self {
            state: StepState::Waiting,
            reached_at: None,
            opened_at: None,
            ended_at: None,
            gates: vec![GateRun::default(); gates],
            window: Window::Unknown,
            change: None,
            ticket: None,
            runs: Vec::new(),
            current: 0,
            budgets: Vec::new(),
            grants: 0,
            tally: Tally::default(),
            proven: 0,
            again: BTreeSet::new(),
            cursor: 0,
            scope: ScopeState::Unknown,
            called: None,
            live: false,
            longest: 0,
        }
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.state, StepState::Ended(_))
    }

    pub fn open_run(&self) -> Option<&Run> {
        self.runs.get(usize::from(self.current)).filter(|run| run.state == RunState::Open)
    }
}

impl Rollout {
    pub(crate) fn new(
        id: RolloutId,
        pipeline: &Pipeline,
        build: BuildNumber,
        by: &str,
        scope: &Scope,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            pipeline: Arc::new(pipeline.clone()),
            build,
            by: by.to_owned(),
            reason: None,
            scope: scope.clone(),
            started_at: at,
            mode: Mode::Running,
            steps: pipeline.steps.iter().map(|step| StepRun::new(step.gates.len())).collect(),
            jobs: Jobs::default(),
            notes: BTreeMap::new(),
            packages: BTreeMap::new(),
            proven: BTreeMap::new(),
            epic: None,
        }
    }

    pub fn key(&self, step: u16) -> StepKey {
        StepKey { rollout: self.id, step }
    }

    pub fn step(&self, step: u16) -> &StepRun {
        &self.steps[usize::from(step)]
    }

    pub fn rule(&self, step: u16) -> &Step {
        &self.pipeline.steps[usize::from(step)]
    }

    pub fn job(&self, job: u32) -> &Job {
        self.jobs.at(job)
    }

    pub fn job_of(&self, machine: MachineId) -> Option<&Job> {
        self.jobs.of(machine)
    }

    /// The bag that a job was taken by.
    pub fn bag(&self, job: &Job) -> &Bag {
        let phase = self.step(job.step).runs[usize::from(job.run)].phase;
        &self.rule(job.step).phases[usize::from(phase)].bags[usize::from(job.bag)]
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.mode, Mode::Ended { .. })
    }

    /// All machines of all steps.
    pub fn tally(&self) -> Tally {
        self.steps.iter().fold(Tally::default(), |sum, step| Tally {
            waiting: sum.waiting + step.tally.waiting,
            running: sum.running + step.tally.running,
            done: sum.done + step.tally.done,
            failed: sum.failed + step.tally.failed,
            lost: sum.lost + step.tally.lost,
            skipped: sum.skipped + step.tally.skipped,
            gone: sum.gone + step.tally.gone,
        })
    }
}
