//! The evidence of a step: what was done, who approved it, under which change, and what became of each machine.

use serde::Serialize;
use smith_api::{Change, Step};
use smith_domain::access::Digest;
use smith_domain::id::MachineId;
use smith_domain::pipeline::{ChangeRule, Gate, Step as Rule};
use smith_domain::plain::one_line;
use smith_domain::rollout::{Job, JobState, Rollout, StepEnd, StepRun, StepState};
use smith_domain::state::State;
use smith_domain::why;

use super::change::change;
use super::project::step;
use crate::words::counted;

/// What an auditor asks of a step that has ended. The same state gives the same evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepEvidence {
    pub project: u32,
    pub pipeline: String,
    pub build: u32,
    /// Who started the project, and why.
    pub by: String,
    pub reason: Option<String>,
    pub step: Step,
    /// From its opening to its end.
    pub took: Option<String>,
    pub approvals: Vec<GateApproval>,
    pub change: Option<Change>,
    /// Why there is no change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_change: Option<String>,
    pub machines: Vec<MachineEvidence>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateApproval {
    pub gate: String,
    pub by: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MachineEvidence {
    pub machine: String,
    /// `pass`, `failed`, `lost`, `skipped`, `gone` or `not done`.
    pub outcome: String,
    /// The outcome in words, with what the machine said.
    pub note: String,
    /// The SHA-256 of the list of what was changed, which is kept beside the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<String>,
}

/// Nothing where the step has not ended.
pub fn step_evidence(state: &State, rollout: &Rollout, number: u16) -> Option<StepEvidence> {
    let run = rollout.steps.get(usize::from(number)).filter(|run| run.has_ended())?;
    let took = run.opened_at.zip(run.ended_at).map(|(from, to)| to.since(from).to_string());
    let jobs = rollout.jobs.iter().filter(|job| job.step == number);
    let mut machines: Vec<MachineEvidence> = jobs.map(|job| machine(state, rollout, job)).collect();
    machines.sort_by(|a, b| a.machine.cmp(&b.machine));
    Some(StepEvidence {
        project: rollout.id.0,
        pipeline: rollout.pipeline.name.to_string(),
        build: rollout.build.0,
        by: rollout.by.clone(),
        reason: rollout.reason.clone(),
        step: step(state, rollout, number),
        took,
        approvals: approvals(rollout, run, number),
        change: run.change.and_then(|id| state.changes.get(id)).map(|one| change(state, one)),
        no_change: no_change(rollout.rule(number), run),
        machines,
    })
}

/// What is true of a step that has no change: whether it needed one, and what became of it.
fn no_change(rule: &Rule, run: &StepRun) -> Option<String> {
    if run.change.is_some() {
        return None;
    }
    let end = match run.state {
        StepState::Ended(StepEnd::NotAsked) => "the step was not asked for",
        StepState::Ended(StepEnd::Aborted) => "the rollout was aborted before one was raised",
        StepState::Ended(StepEnd::Done) => "the step ended without one",
        StepState::Waiting | StepState::Reached | StepState::Open | StepState::Halted(_) => {
            "the step has not ended"
        }
    };
    Some(match &rule.change {
        ChangeRule::None => "The policy demands no change for this step.".to_owned(),
        ChangeRule::Record => format!("No change was raised: {end}. The policy demands a recorded change."),
        ChangeRule::Approve { who, count } => {
            format!("No change was raised: {end}. The policy demands a change approved by {count} of {who}.")
        }
    })
}

fn approvals(rollout: &Rollout, run: &StepRun, number: u16) -> Vec<GateApproval> {
    let gates = rollout.rule(number).gates.iter().zip(&run.gates);
    gates
        .filter_map(|(rule, gate)| match rule {
            Gate::Approval { name, .. } => {
                Some(GateApproval { gate: name.clone(), by: gate.approvals.clone() })
            }
            Gate::Soak { .. } | Gate::Succeeded { .. } => None,
        })
        .collect()
}

fn machine(state: &State, rollout: &Rollout, job: &Job) -> MachineEvidence {
    let outcome = match job.state {
        JobState::Done(_) => "pass",
        JobState::Failed { .. } => "failed",
        JobState::Lost { .. } => "lost",
        JobState::Skipped => "skipped",
        JobState::Gone(_) => "gone",
        JobState::Waiting | JobState::Aside | JobState::Again | JobState::Active(_) => "not done",
    };
    MachineEvidence {
        machine: state.fleet.machine(job.machine).name().to_owned(),
        outcome: outcome.to_owned(),
        note: why::job(state, rollout, job).line(state),
        packages: packages(rollout, job.machine).map(ToString::to_string),
    }
}

/// The list of what the newest patch in this project changed on a machine.
pub fn packages(rollout: &Rollout, machine: MachineId) -> Option<&Digest> {
    rollout.packages.get(&rollout.jobs.find(machine)?.0)
}

impl StepEvidence {
    /// The names of its documents, without their endings.
    pub fn file_stem(&self) -> String {
        format!("{}-{}", self.project, self.step.step)
    }

    /// Its documents, with their endings.
    pub fn documents(&self) -> [(&'static str, Vec<u8>); 2] {
        // A struct of texts and numbers is always JSON.
        let json = serde_json::to_vec_pretty(self).unwrap_or_default();
        [("md", self.to_markdown().into_bytes()), ("json", json)]
    }

    pub fn to_markdown(&self) -> String {
        let step = &self.step;
        let mut text = format!("# Project {} step {}: {}\n\n", self.project, step.step, cell(&step.title));
        let mut line = |name: &str, value: &str| {
            text.push_str(&format!("- **{name}**: {}\n", cell(value)));
        };
        line("Pipeline", &self.pipeline);
        line("Build", &self.build.to_string());
        line("Started by", &self.by);
        if let Some(reason) = &self.reason {
            line("Reason", reason);
        }
        line("State", &step.state);
        for (name, at) in [("Reached", &step.reached), ("Opened", &step.opened), ("Ended", &step.ended)] {
            if let Some(at) = at {
                line(name, at);
            }
        }
        if let Some(took) = &self.took {
            line("Took", took);
        }
        if let Some(ticket) = &step.ticket {
            line("Ticket", ticket);
        }
        for gate in &self.approvals {
            let by = if gate.by.is_empty() { "nobody".to_owned() } else { gate.by.join(", ") };
            line(&format!("Approval \"{}\"", cell(&gate.gate)), &by);
        }
        text.push_str(&self.change_text());
        text.push_str(&self.machines_text());
        text
    }

    fn change_text(&self) -> String {
        let Some(change) = &self.change else {
            let why = self.no_change.as_deref().unwrap_or("There is no change.");
            return format!("\n## Change\n\n{}\n", cell(why));
        };
        let mut text = format!("\n## Change {}\n\n{}, {}", change.number, cell(&change.title), change.state);
        match change.approvals.as_slice() {
            [] => text.push_str("; no approval was given.\n"),
            people => text.push_str(&format!("; approved by {}.\n", cell(&people.join(", ")))),
        }
        if let Some(evidence) = &change.evidence {
            text.push_str(&format!("\n{}\n", cell(evidence)));
        }
        if !change.tasks.is_empty() {
            text.push_str("\n| task | title | state |\n|---|---|---|\n");
        }
        for task in &change.tasks {
            let row = format!("| {} | {} | {} |\n", cell(&task.number), cell(&task.title), cell(&task.state));
            text.push_str(&row);
        }
        text
    }

    fn machines_text(&self) -> String {
        let totals = &self.step.totals;
        let mut text = format!(
            "\n## Machines\n\n{}: pass {}, failed {}, lost {}, skipped {}, gone {}.\n",
            counted(u64::from(totals.machines), "machine"),
            totals.pass,
            totals.failed,
            totals.lost,
            totals.skipped,
            totals.gone
        );
        if !self.machines.is_empty() {
            text.push_str("\n| machine | outcome | note | packages (SHA-256) |\n|---|---|---|---|\n");
        }
        for one in &self.machines {
            let (machine, note) = (cell(&one.machine), cell(&one.note));
            let packages = one.packages.as_deref().unwrap_or("");
            text.push_str(&format!("| {machine} | {} | {note} | {packages} |\n", one.outcome));
        }
        text
    }
}

/// What others wrote stays in its cell and its line.
fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}
