//! The trace of a project: the whole, its steps, and the procedures of its machines.

use std::collections::BTreeMap;

use smith_domain::id::{MachineId, RolloutId};
use smith_domain::rollout::machine::Course;
use smith_domain::rollout::{
    Mode, Rollout, RolloutEnd, RolloutEvent, Runs, Scope, StepEnd, StepState, Tally,
};
use smith_domain::time::Timestamp;

use super::met::{Ended, Met};
use super::procedure::{Procedure, Told};
use crate::telemetry::ids::{Part, TraceId};
use crate::telemetry::span::{Attribute, Kind, Notes, Span, Status};

#[derive(Debug)]
pub(super) struct ProjectTrace {
    id: RolloutId,
    trace: TraceId,
    began: u64,
    start: Timestamp,
    course: Course,
    notes: Notes,
    steps: BTreeMap<u16, OpenStep>,
    /// Machines at work, and those that wait for another try.
    machines: BTreeMap<MachineId, Procedure>,
}

#[derive(Debug)]
struct OpenStep {
    start: Timestamp,
    notes: Notes,
}

impl ProjectTrace {
    /// The trace of a project that something happens to: at its start, or at whatever is the first that could be read of it. What
    /// came before is then taken from the state, as far as that knows it. Nothing where the project has ended before.
    pub(super) fn of(site: &str, met: &Met<'_>, id: RolloutId) -> Option<Self> {
        let rollout = met.state.rollouts.get(id)?;
        let now = met.recorded.at;
        if matches!(rollout.mode, Mode::Ended { at, .. } if at < now) {
            return None;
        }
        let open = (0_u16..).zip(&rollout.steps).filter_map(|(step, run)| {
            let reached = run.reached_at.filter(|at| *at <= now)?;
            let is_open = run.ended_at.is_none_or(|at| at >= now);
            let start = met.by_calendar(reached);
            is_open.then(|| (step, OpenStep { start, notes: Notes::default() }))
        });
        let is_first =
            matches!(met.recorded.event, smith_domain::event::Event::Rollout(RolloutEvent::Started { .. }));
        Some(Self {
            id,
            trace: TraceId::of_project(site, id, rollout.started_at),
            began: met.recorded.seq,
            start: met.by_calendar(rollout.started_at),
            course: if rollout.mode == Mode::Aborting { Course::MakeSafe } else { Course::Whole },
            notes: Notes::default(),
            steps: if is_first { BTreeMap::new() } else { open.collect() },
            machines: BTreeMap::new(),
        })
    }

    pub(super) fn began(&self) -> u64 {
        self.began
    }

    pub(super) fn fold(&mut self, met: &Met<'_>, event: &RolloutEvent, out: &mut Vec<Ended>) {
        match event {
            RolloutEvent::StepReached { step, .. } => {
                self.steps.insert(*step, OpenStep { start: met.at, notes: Notes::default() });
            }
            RolloutEvent::GateOpened { step, .. }
            | RolloutEvent::GateApproved { step, .. }
            | RolloutEvent::StepOpened { step, .. }
            | RolloutEvent::ScopeComplete { step, .. }
            | RolloutEvent::Swept { step, .. }
            | RolloutEvent::RunOpened { step, .. }
            | RolloutEvent::RunClosed { step, .. }
            | RolloutEvent::WindowOpened { step, .. }
            | RolloutEvent::WindowClosed { step, .. }
            | RolloutEvent::Halted { step, .. }
            | RolloutEvent::Called { step, .. }
            | RolloutEvent::Resumed { step, .. } => self.note_step(met, *step),
            RolloutEvent::Retried { step, machines, .. } => {
                self.note_step(met, *step);
                self.try_again(met, machines, out);
            }
            RolloutEvent::Paused { .. } | RolloutEvent::Unpaused { .. } | RolloutEvent::Skipped { .. } => {
                met.note(&mut self.notes);
            }
            RolloutEvent::Aborted { .. } => {
                met.note(&mut self.notes);
                self.course = Course::MakeSafe;
                self.look_again(met, out);
            }
            RolloutEvent::Asked { machine, serial, action, .. } => {
                let known = self.machines.get(machine);
                if known.is_some_and(|procedure| procedure.is_behind(*action)) {
                    self.end_procedure(met, *machine, out);
                }
                let Some(step) = self.step_of(met, *machine) else { return };
                let procedure = self.machines.entry(*machine);
                let begin = || Procedure::begin(step, *serial, met.at);
                procedure.or_insert_with(begin).asked(*serial, *action, met.at);
            }
            RolloutEvent::Sought { machine, .. } => {
                if let Some(procedure) = self.machines.get_mut(machine) {
                    procedure.sought(met);
                }
            }
            RolloutEvent::Reported { machine, serial, outcome, took, note, .. } => {
                let told = Told { serial: *serial, outcome: *outcome, took: *took, note: note.as_deref() };
                self.reported(met, *machine, &told, out);
            }
            RolloutEvent::StepEnded { step, end, .. } => self.end_step(met, *step, *end, out),
            RolloutEvent::Ended { end, .. } => self.end(met, *end, out),
            RolloutEvent::Started { .. } | RolloutEvent::Scoped { .. } | RolloutEvent::SignedOff { .. } => {}
        }
    }

    pub(super) fn note_step(&mut self, met: &Met<'_>, step: u16) {
        if let Some(step) = self.steps.get_mut(&step) {
            met.note(&mut step.notes);
        }
    }

    /// Something has happened that may end procedures of machines that are between two actions.
    pub(super) fn look_again(&mut self, met: &Met<'_>, out: &mut Vec<Ended>) {
        let rollout = met.state.rollouts.get(self.id);
        let ended = self.machines.iter().filter(|(machine, procedure)| {
            procedure.is_resting() && rollout.is_some_and(|rollout| procedure.has_ended(rollout, **machine))
        });
        let ended: Vec<MachineId> = ended.map(|(machine, _)| *machine).collect();
        for machine in ended {
            self.end_procedure(met, machine, out);
        }
    }

    /// Machines are tried again from the start: what they did before has ended, whoever noticed.
    fn try_again(&mut self, met: &Met<'_>, machines: &Runs, out: &mut Vec<Ended>) {
        for machine in machines.iter() {
            if self.machines.get(&machine).is_some_and(Procedure::is_resting) {
                self.end_procedure(met, machine, out);
            }
        }
    }

    fn reported(&mut self, met: &Met<'_>, machine: MachineId, told: &Told<'_>, out: &mut Vec<Ended>) {
        let Some(rollout) = met.state.rollouts.get(self.id) else { return };
        let Some(procedure) = self.machines.get_mut(&machine) else { return };
        let Some(span) = procedure.reported(met, (self.trace, rollout, machine), told) else { return };
        out.push(Ended { began: self.began, span });
        if procedure.has_ended(rollout, machine) {
            self.end_procedure(met, machine, out);
        }
    }

    fn step_of(&self, met: &Met<'_>, machine: MachineId) -> Option<u16> {
        Some(met.state.rollouts.get(self.id)?.job_of(machine)?.step)
    }

    fn end_procedure(&mut self, met: &Met<'_>, machine: MachineId, out: &mut Vec<Ended>) {
        let Some(rollout) = met.state.rollouts.get(self.id) else { return };
        if let Some(procedure) = self.machines.remove(&machine) {
            let span = procedure.end(met, (self.trace, rollout, machine), self.course);
            out.push(Ended { began: self.began, span });
        }
    }

    fn end_step(&mut self, met: &Met<'_>, step: u16, end: StepEnd, out: &mut Vec<Ended>) {
        let left: Vec<MachineId> =
            self.machines.iter().filter(|(_, one)| one.step() == step).map(|(machine, _)| *machine).collect();
        for machine in left {
            self.end_procedure(met, machine, out);
        }
        let Some(rollout) = met.state.rollouts.get(self.id) else { return };
        // A step that was never reached has nothing to show.
        let Some(open) = self.steps.remove(&step) else { return };
        let run = rollout.step(step);
        let rule = &rollout.rule(step).id;
        let mut attributes = of_project(rollout);
        attributes.push(Attribute::text("smith.step", rule.as_str()));
        attributes.push(Attribute::text("smith.outcome", ended_as(end)));
        let change = run.change.and_then(|change| met.state.changes.get(change)?.number.clone());
        attributes.extend(change.map(|number| Attribute::text("smith.change", number)));
        attributes.extend(counted(run.tally));
        let status = match (&run.state, end) {
            (_, StepEnd::Done) => Status::good(),
            (StepState::Halted(why), StepEnd::Aborted) => Status::error(format!("aborted, halted: {why}")),
            (_, StepEnd::Aborted) => Status::error("aborted"),
            (_, StepEnd::NotAsked) => Status::unset(),
        };
        out.push(Ended {
            began: self.began,
            span: Span {
                trace_id: self.trace,
                span_id: self.trace.span(Part::Step(step)),
                parent_span_id: Some(self.trace.span(Part::Whole)),
                name: format!("step {rule}"),
                kind: Kind::Internal,
                start_time_unix_nano: open.start.into(),
                end_time_unix_nano: met.at.into(),
                attributes,
                notes: open.notes,
                links: Vec::new(),
                status,
            },
        });
    }

    fn end(&mut self, met: &Met<'_>, end: RolloutEnd, out: &mut Vec<Ended>) {
        let (left, how) = match end {
            RolloutEnd::Succeeded => (StepEnd::Done, "succeeded"),
            RolloutEnd::Aborted => (StepEnd::Aborted, "aborted"),
        };
        let steps: Vec<u16> = self.steps.keys().copied().collect();
        for step in steps {
            self.end_step(met, step, left, out);
        }
        let Some(rollout) = met.state.rollouts.get(self.id) else { return };
        let scope = match rollout.scope {
            Scope::Pipeline => "pipeline",
            Scope::Step { .. } => "step",
            Scope::Request { .. } => "request",
        };
        let mut attributes = of_project(rollout);
        attributes.push(Attribute::text("smith.by", rollout.by.as_str()));
        attributes.push(Attribute::text("smith.scope", scope));
        attributes.push(Attribute::text("smith.outcome", how));
        attributes.extend(rollout.reason.as_deref().map(|why| Attribute::text("smith.reason", why)));
        attributes.extend(counted(rollout.tally()));
        out.push(Ended {
            began: self.began,
            span: Span {
                trace_id: self.trace,
                span_id: self.trace.span(Part::Whole),
                parent_span_id: None,
                name: format!("project {}", rollout.pipeline.name),
                kind: Kind::Internal,
                start_time_unix_nano: self.start.into(),
                end_time_unix_nano: met.at.into(),
                attributes,
                notes: std::mem::take(&mut self.notes),
                links: Vec::new(),
                status: match end {
                    RolloutEnd::Succeeded => Status::good(),
                    RolloutEnd::Aborted => Status::error("aborted"),
                },
            },
        });
    }
}

/// What all spans of a project say.
pub(super) fn of_project(rollout: &Rollout) -> Vec<Attribute> {
    vec![
        Attribute::number("smith.project", rollout.id.0),
        Attribute::text("smith.pipeline", rollout.pipeline.name.as_str()),
        Attribute::number("smith.build", rollout.build.0),
    ]
}

fn ended_as(end: StepEnd) -> &'static str {
    match end {
        StepEnd::Done => "done",
        StepEnd::Aborted => "aborted",
        StepEnd::NotAsked => "not-asked",
    }
}

fn counted(tally: Tally) -> [Attribute; 5] {
    [
        Attribute::number("smith.machines.pass", tally.done),
        Attribute::number("smith.machines.failed", tally.failed),
        Attribute::number("smith.machines.lost", tally.lost),
        Attribute::number("smith.machines.skipped", tally.skipped),
        Attribute::number("smith.machines.gone", tally.gone),
    ]
}
