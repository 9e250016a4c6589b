//! What can happen to a rollout. These shapes are a contract: journals are read for years.

use serde::{Deserialize, Serialize};

use crate::access::Digest;
use crate::calendar::Closing;
use crate::id::{BuildNumber, MachineId, RolloutId};
use crate::pipeline::Pipeline;
use crate::rollout::machine::{Action, Outcome};
use crate::rollout::runs::Runs;
use crate::time::{Span, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutEvent {
    /// A rollout begins with the pipeline as it was at that moment.
    Started {
        rollout: RolloutId,
        pipeline: Box<Pipeline>,
        build: BuildNumber,
        by: String,
        scope: Scope,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Everything that the step comes after has ended well: its change and its ticket are raised, its gates watched.
    StepReached {
        rollout: RolloutId,
        step: u16,
    },
    GateOpened {
        rollout: RolloutId,
        step: u16,
        gate: u16,
    },
    GateApproved {
        rollout: RolloutId,
        step: u16,
        gate: u16,
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// All gates are open: the step's phases, each `each` value on its own.
    StepOpened {
        rollout: RolloutId,
        step: u16,
        runs: Vec<RunSpec>,
    },
    /// Machines that a bag takes, in the order in which they start.
    Scoped {
        rollout: RolloutId,
        step: u16,
        run: u16,
        bag: u16,
        machines: Runs,
    },
    /// All machines of the step are known; the fleet was looked at up to this point of its log.
    ScopeComplete {
        rollout: RolloutId,
        step: u16,
        cursor: u64,
    },
    /// Machines have joined since the step was scoped: these runs take them.
    Swept {
        rollout: RolloutId,
        step: u16,
        runs: Vec<RunSpec>,
    },
    RunOpened {
        rollout: RolloutId,
        step: u16,
        run: u16,
    },
    RunClosed {
        rollout: RolloutId,
        step: u16,
        run: u16,
    },
    /// Machines may be started until then (None: for good).
    WindowOpened {
        rollout: RolloutId,
        step: u16,
        until: Option<Timestamp>,
    },
    WindowClosed {
        rollout: RolloutId,
        step: u16,
        opens: Option<Timestamp>,
        why: Closing,
    },
    /// An action is about to be asked of a machine's executor. Written before anything is done.
    Asked {
        rollout: RolloutId,
        machine: MachineId,
        serial: u16,
        action: Action,
    },
    /// No answer came in time; the executor is asked what became of it.
    Sought {
        rollout: RolloutId,
        machine: MachineId,
        serial: u16,
        round: u8,
    },
    Reported {
        rollout: RolloutId,
        machine: MachineId,
        serial: u16,
        outcome: Outcome,
        took: Span,
        #[serde(default)]
        note: Option<String>,
        /// The list of what was changed, kept beside the journal under this digest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        packages: Option<Digest>,
    },
    Halted {
        rollout: RolloutId,
        step: u16,
        why: Halt,
    },
    /// Somebody is needed: the step cannot go on by itself.
    Called {
        rollout: RolloutId,
        step: u16,
        why: Call,
    },
    /// The step goes on, with so many more failures allowed.
    Resumed {
        rollout: RolloutId,
        step: u16,
        grant: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Paused {
        rollout: RolloutId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Unpaused {
        rollout: RolloutId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Aborted {
        rollout: RolloutId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Failed or lost machines are to be tried again.
    Retried {
        rollout: RolloutId,
        step: u16,
        machines: Runs,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Skipped {
        rollout: RolloutId,
        machines: Runs,
        reason: String,
    },
    /// Somebody vouches that these machines disturb nothing any more.
    SignedOff {
        machines: Runs,
        reason: String,
    },
    StepEnded {
        rollout: RolloutId,
        step: u16,
        end: StepEnd,
    },
    Ended {
        rollout: RolloutId,
        end: RolloutEnd,
    },
}

/// What a rollout was started for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The whole pipeline.
    Pipeline,
    /// One step of it, run again.
    Step { step: u16 },
    /// A request for named machines, with the outage that its owner accepts.
    Request { outage: Span },
}

/// One run of a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSpec {
    pub phase: u16,
    /// The value of the phase's `each` attribute.
    #[serde(default)]
    pub value: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Halt {
    /// More machines failed or were lost than the budget accepts.
    BudgetSpent { environment: Option<String>, failed: u32, lost: u32, allowed: u32 },
    /// Every machine so far has failed: the build is suspected.
    EverythingFails { failed: u32 },
    /// The bag selects no machine.
    NothingSelected { bag: String },
    /// A machine is selected by two bags of the step.
    Overlap { machine: MachineId, bags: [String; 2] },
    /// The change was rejected, revoked or cancelled.
    ChangeRefused { reason: String },
    /// The build was withdrawn while the step was at it.
    BuildWithdrawn { reason: String },
    /// Every machine that the step had has left the fleet or is not selected any more, and the build was proven on none.
    NothingLeft { gone: u32 },
    /// The phase would have more runs than can be numbered.
    TooManyRuns { phase: u16, found: u32 },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// The step halted.
    Halted,
    /// Every machine that waits is held up by machines that failed or are lost.
    HeldUp { by: Runs },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepEnd {
    Done,
    /// The rollout was aborted.
    Aborted,
    /// The step was not part of this rollout.
    NotAsked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutEnd {
    Succeeded,
    Aborted,
}

impl RolloutEvent {
    pub fn kind(&self) -> &'static str {
        match self {
            RolloutEvent::Started { .. } => "rollout.started",
            RolloutEvent::StepReached { .. } => "rollout.step-reached",
            RolloutEvent::GateOpened { .. } => "rollout.gate-opened",
            RolloutEvent::GateApproved { .. } => "rollout.gate-approved",
            RolloutEvent::StepOpened { .. } => "rollout.step-opened",
            RolloutEvent::Scoped { .. } => "rollout.scoped",
            RolloutEvent::ScopeComplete { .. } => "rollout.scope-complete",
            RolloutEvent::Swept { .. } => "rollout.swept",
            RolloutEvent::RunOpened { .. } => "rollout.run-opened",
            RolloutEvent::RunClosed { .. } => "rollout.run-closed",
            RolloutEvent::WindowOpened { .. } => "rollout.window-opened",
            RolloutEvent::WindowClosed { .. } => "rollout.window-closed",
            RolloutEvent::Asked { .. } => "rollout.asked",
            RolloutEvent::Sought { .. } => "rollout.sought",
            RolloutEvent::Reported { .. } => "rollout.reported",
            RolloutEvent::Halted { .. } => "rollout.halted",
            RolloutEvent::Called { .. } => "rollout.called",
            RolloutEvent::Resumed { .. } => "rollout.resumed",
            RolloutEvent::Paused { .. } => "rollout.paused",
            RolloutEvent::Unpaused { .. } => "rollout.unpaused",
            RolloutEvent::Aborted { .. } => "rollout.aborted",
            RolloutEvent::Retried { .. } => "rollout.retried",
            RolloutEvent::Skipped { .. } => "rollout.skipped",
            RolloutEvent::SignedOff { .. } => "rollout.signed-off",
            RolloutEvent::StepEnded { .. } => "rollout.step-ended",
            RolloutEvent::Ended { .. } => "rollout.ended",
        }
    }

    /// The rollout it happened to; a sign-off belongs to no rollout.
    pub fn rollout(&self) -> Option<RolloutId> {
        match self {
            RolloutEvent::SignedOff { .. } => None,
            RolloutEvent::Started { rollout, .. }
            | RolloutEvent::StepReached { rollout, .. }
            | RolloutEvent::GateOpened { rollout, .. }
            | RolloutEvent::GateApproved { rollout, .. }
            | RolloutEvent::StepOpened { rollout, .. }
            | RolloutEvent::Scoped { rollout, .. }
            | RolloutEvent::ScopeComplete { rollout, .. }
            | RolloutEvent::Swept { rollout, .. }
            | RolloutEvent::RunOpened { rollout, .. }
            | RolloutEvent::RunClosed { rollout, .. }
            | RolloutEvent::WindowOpened { rollout, .. }
            | RolloutEvent::WindowClosed { rollout, .. }
            | RolloutEvent::Asked { rollout, .. }
            | RolloutEvent::Sought { rollout, .. }
            | RolloutEvent::Reported { rollout, .. }
            | RolloutEvent::Halted { rollout, .. }
            | RolloutEvent::Called { rollout, .. }
            | RolloutEvent::Resumed { rollout, .. }
            | RolloutEvent::Paused { rollout, .. }
            | RolloutEvent::Unpaused { rollout, .. }
            | RolloutEvent::Aborted { rollout, .. }
            | RolloutEvent::Retried { rollout, .. }
            | RolloutEvent::Skipped { rollout, .. }
            | RolloutEvent::StepEnded { rollout, .. }
            | RolloutEvent::Ended { rollout, .. } => Some(*rollout),
        }
    }

    /// The step it happened in, where it says so; what happens to a machine is in that of its job.
    pub fn step(&self) -> Option<u16> {
        match self {
            RolloutEvent::StepReached { step, .. }
            | RolloutEvent::GateOpened { step, .. }
            | RolloutEvent::GateApproved { step, .. }
            | RolloutEvent::StepOpened { step, .. }
            | RolloutEvent::Scoped { step, .. }
            | RolloutEvent::ScopeComplete { step, .. }
            | RolloutEvent::Swept { step, .. }
            | RolloutEvent::RunOpened { step, .. }
            | RolloutEvent::RunClosed { step, .. }
            | RolloutEvent::WindowOpened { step, .. }
            | RolloutEvent::WindowClosed { step, .. }
            | RolloutEvent::Halted { step, .. }
            | RolloutEvent::Called { step, .. }
            | RolloutEvent::Resumed { step, .. }
            | RolloutEvent::Retried { step, .. }
            | RolloutEvent::StepEnded { step, .. } => Some(*step),
            RolloutEvent::Started { .. }
            | RolloutEvent::Asked { .. }
            | RolloutEvent::Sought { .. }
            | RolloutEvent::Reported { .. }
            | RolloutEvent::Paused { .. }
            | RolloutEvent::Unpaused { .. }
            | RolloutEvent::Aborted { .. }
            | RolloutEvent::Skipped { .. }
            | RolloutEvent::SignedOff { .. }
            | RolloutEvent::Ended { .. } => None,
        }
    }

    /// The one machine that was asked for something or answered.
    pub fn machine(&self) -> Option<MachineId> {
        if let RolloutEvent::Asked { machine, .. }
        | RolloutEvent::Sought { machine, .. }
        | RolloutEvent::Reported { machine, .. } = self
        {
            return Some(*machine);
        }
        None
    }
}
