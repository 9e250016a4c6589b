//! The procedure of one machine and its actions, as spans.

use smith_domain::fleet::{AttrId, WellKnown};
use smith_domain::id::MachineId;
use smith_domain::rollout::machine::{Course, FIRST};
use smith_domain::rollout::{Action, CauseKind, How, Job, JobState, Outcome, RebootNeed, Rollout, Work};
use smith_domain::state::State;
use smith_domain::time::{Span as Length, Timestamp};

use super::met::Met;
use super::project::of_project;
use crate::telemetry::ids::{Part, TraceId};
use crate::telemetry::span::{Attribute, Kind, Notes, Span, Status};

/// Whose procedure it is.
type Of<'a> = (TraceId, &'a Rollout, MachineId);

#[derive(Debug)]
pub(super) struct Procedure {
    step: u16,
    /// The serial of its first action.
    first: u16,
    start: Timestamp,
    /// The newest action.
    asked: Option<Asked>,
    /// How the newest action ended; nothing while it is under way.
    last: Option<Last>,
    /// What failed and was not made good since.
    failed: Option<(Action, CauseKind)>,
    /// Something was changed on the machine.
    changed: bool,
    actions: u32,
    notes: Notes,
}

#[derive(Debug)]
struct Asked {
    action: Action,
    serial: u16,
    at: Timestamp,
    /// Which try it is, counted from one.
    attempt: u32,
    notes: Notes,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    outcome: Outcome,
    at: Timestamp,
}

/// What an executor said.
pub(super) struct Told<'a> {
    pub(super) serial: u16,
    pub(super) outcome: Outcome,
    pub(super) took: Length,
    pub(super) note: Option<&'a str>,
}

/// How a procedure ended.
enum End {
    AlreadySo,
    Patched,
    Failed(Action, CauseKind),
    Lost,
    /// An abort stopped it.
    Stopped,
    /// The machine has left the fleet, or its bag does not select it any more.
    Gone,
}

impl Procedure {
    pub(super) fn begin(step: u16, first: u16, start: Timestamp) -> Self {
        Self {
            step,
            first,
            start,
            asked: None,
            last: None,
            failed: None,
            changed: false,
            actions: 0,
            notes: Notes::default(),
        }
    }

    pub(super) fn step(&self) -> u16 {
        self.step
    }

    /// Nothing is asked of the machine at present.
    pub(super) fn is_resting(&self) -> bool {
        self.last.is_some()
    }

    /// Whether this action, asked next, belongs to another procedure: each begins with a look, and looks again only where the first
    /// look has failed.
    pub(super) fn is_behind(&self, next: Action) -> bool {
        let Some(asked) = &self.asked else { return false };
        let may_be_repeated = match self.last.map(|last| last.outcome) {
            None | Some(Outcome::Failed(_) | Outcome::NotBegun) => true,
            Some(Outcome::Found(_) | Outcome::Patched(_) | Outcome::Done | Outcome::Lost) => false,
        };
        next == FIRST && !(asked.action == FIRST && may_be_repeated)
    }

    /// Whether the rules are done with it. Only they know; where they have asked for more since, the next event tells.
    pub(super) fn has_ended(&self, rollout: &Rollout, machine: MachineId) -> bool {
        let is_lost = self.last.is_some_and(|last| last.outcome == Outcome::Lost);
        is_lost || self.job(rollout, machine).is_some_and(|job| !matches!(job.state, JobState::Active(_)))
    }

    /// The machine's job, as long as nothing was asked after what is known here.
    fn job<'r>(&self, rollout: &'r Rollout, machine: MachineId) -> Option<&'r Job> {
        let serial = self.asked.as_ref()?.serial;
        rollout.job_of(machine).filter(|job| job.serial == serial)
    }

    pub(super) fn asked(&mut self, serial: u16, action: Action, at: Timestamp) {
        let before = self.asked.take().filter(|before| before.action == action);
        let attempt = match (before, self.last.take()) {
            (Some(before), Some(Last { outcome: Outcome::Failed(cause), at: since })) => {
                let waited = i64::try_from(at.since(since).0).unwrap_or(i64::MAX);
                let attributes = vec![
                    Attribute::text("smith.action", action.word()),
                    Attribute::text("smith.cause", cause.word()),
                    Attribute::number("smith.waited.ms", waited),
                ];
                self.notes.add(since, "smith.wait", attributes);
                before.attempt.saturating_add(1)
            }
            (Some(before), _) => before.attempt,
            (None, _) => 1,
        };
        self.actions = self.actions.saturating_add(1);
        self.asked = Some(Asked { action, serial, at, attempt, notes: Notes::default() });
    }

    /// No answer came in time, and it is looked for.
    pub(super) fn sought(&mut self, met: &Met<'_>) {
        if let Some(asked) = &mut self.asked {
            met.note(&mut asked.notes);
        }
    }

    /// The span of the action that was answered; nothing where the answer is to no open one.
    pub(super) fn reported(&mut self, met: &Met<'_>, of: Of<'_>, told: &Told<'_>) -> Option<Span> {
        if self.is_resting() {
            return None;
        }
        let asked = self.asked.as_mut().filter(|asked| asked.serial == told.serial)?;
        let notes = std::mem::take(&mut asked.notes);
        let asked = Asked { notes, ..*asked };
        self.last = Some(Last { outcome: told.outcome, at: met.at });
        self.learn(asked.action, told.outcome);
        Some(self.action(met, of, asked, told))
    }

    fn learn(&mut self, action: Action, outcome: Outcome) {
        match outcome {
            Outcome::Failed(cause) => self.failed = Some((action, cause)),
            Outcome::Found(_) | Outcome::Patched(_) | Outcome::Done => {
                // A machine that is healthy, or that did it at the next try, has not failed.
                self.failed = self.failed.filter(|(failed, _)| *failed != action && action != Action::Health);
                self.changed |= matches!(action, Action::Patch);
            }
            Outcome::NotBegun | Outcome::Lost => {}
        }
    }

    fn action(&self, met: &Met<'_>, of: Of<'_>, asked: Asked, told: &Told<'_>) -> Span {
        let (trace, rollout, machine) = of;
        let took = i64::try_from(told.took.0).unwrap_or(i64::MAX);
        let mut attributes = of_project(rollout);
        attributes.extend(of_machine(met.state, machine));
        attributes.push(Attribute::text("smith.step", rollout.rule(self.step).id.as_str()));
        attributes.push(Attribute::text("smith.action", asked.action.word()));
        attributes.push(Attribute::number("smith.serial", asked.serial));
        attributes.push(Attribute::number("smith.attempt", asked.attempt));
        attributes.push(Attribute::text("smith.outcome", word(told.outcome)));
        attributes.push(Attribute::number("smith.took.ms", took));
        if let Outcome::Failed(cause) = told.outcome {
            attributes.push(Attribute::text("smith.cause", cause.word()));
        }
        let said = told.note.map(|note| format!(": {note}")).unwrap_or_default();
        let status = match told.outcome {
            Outcome::Found(_) | Outcome::Patched(_) | Outcome::Done => Status::good(),
            Outcome::Failed(cause) => Status::error(format!("{cause}{said}")),
            Outcome::Lost => Status::error(format!("nobody knows how it ended{said}")),
            Outcome::NotBegun => Status::unset(),
        };
        Span {
            trace_id: trace,
            span_id: trace.span(Part::Action(machine, asked.serial)),
            parent_span_id: Some(trace.span(Part::Procedure(machine, self.first))),
            name: asked.action.word().to_owned(),
            kind: Kind::Client,
            start_time_unix_nano: asked.at.into(),
            end_time_unix_nano: met.at.into(),
            attributes,
            notes: asked.notes,
            links: Vec::new(),
            status,
        }
    }

    /// The procedure's own span. It ended with its last answer, whenever that is noticed.
    pub(super) fn end(self, met: &Met<'_>, of: Of<'_>, course: Course) -> Span {
        let (trace, rollout, machine) = of;
        let end = self.ended_as(rollout, machine, course);
        let mut attributes = of_project(rollout);
        attributes.extend(of_machine(met.state, machine));
        attributes.push(Attribute::text("smith.step", rollout.rule(self.step).id.as_str()));
        attributes.push(Attribute::text("smith.outcome", end.word()));
        attributes.push(Attribute::number("smith.actions", self.actions));
        if let End::Failed(action, cause) = end {
            attributes.push(Attribute::text("smith.action", action.word()));
            attributes.push(Attribute::text("smith.cause", cause.word()));
        }
        let status = match end {
            End::AlreadySo | End::Patched => Status::good(),
            End::Failed(action, cause) => Status::error(format!("{action}: {cause}")),
            End::Lost => Status::error("lost: nobody knows what became of the machine"),
            End::Stopped | End::Gone => Status::unset(),
        };
        Span {
            trace_id: trace,
            span_id: trace.span(Part::Procedure(machine, self.first)),
            parent_span_id: Some(trace.span(Part::Step(self.step))),
            name: "machine".to_owned(),
            kind: Kind::Internal,
            start_time_unix_nano: self.start.into(),
            end_time_unix_nano: self.last.map_or(met.at, |last| last.at).into(),
            attributes,
            notes: self.notes,
            links: Vec::new(),
            status,
        }
    }

    /// As the rules have it, where they still remember; else as the answers were.
    fn ended_as(&self, rollout: &Rollout, machine: MachineId, course: Course) -> End {
        match self.job(rollout, machine).map(|job| job.state) {
            Some(JobState::Done(How::AlreadySo | How::Rebooted)) => return End::AlreadySo,
            Some(JobState::Done(How::Patched)) => return End::Patched,
            Some(JobState::Done(How::Stopped)) => return End::Stopped,
            Some(JobState::Failed { action, cause }) => return End::Failed(action, cause),
            Some(JobState::Lost { .. }) => return End::Lost,
            Some(JobState::Gone(_)) => return End::Gone,
            Some(
                JobState::Done(How::Elsewhere)
                | JobState::Waiting
                | JobState::Aside
                | JobState::Again
                | JobState::Active(_)
                | JobState::Skipped,
            )
            | None => {}
        }
        match (self.last.map(|last| last.outcome), self.failed) {
            (Some(Outcome::Lost) | None, _) => End::Lost,
            (Some(_), Some((action, cause))) => End::Failed(action, cause),
            (Some(_), None) if course == Course::MakeSafe => End::Stopped,
            (Some(_), None) if self.changed => End::Patched,
            (Some(_), None) => End::AlreadySo,
        }
    }
}

impl End {
    fn word(&self) -> &'static str {
        match self {
            End::AlreadySo => "already-so",
            End::Patched => "patched",
            End::Failed(..) => "failed",
            End::Lost => "lost",
            End::Stopped => "stopped",
            End::Gone => "gone",
        }
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Found(Work::Nothing) => "nothing-to-do",
        Outcome::Found(Work::RebootOnly) => "reboot-only",
        Outcome::Found(Work::Install) => "to-install",
        Outcome::Patched(RebootNeed::Needed) => "reboot-needed",
        Outcome::Patched(RebootNeed::NotNeeded) => "patched",
        Outcome::Done => "done",
        Outcome::Failed(_) => "failed",
        Outcome::NotBegun => "not-begun",
        Outcome::Lost => "lost",
    }
}

/// The machine, and the attributes that people look for machines by.
fn of_machine(state: &State, machine: MachineId) -> Vec<Attribute> {
    const SHOWN: [(&str, WellKnown); 5] = [
        ("smith.environment", WellKnown::Environment),
        ("smith.region", WellKnown::Region),
        ("smith.zone", WellKnown::Zone),
        ("smith.cluster", WellKnown::Cluster),
        ("smith.role", WellKnown::Role),
    ];
    let Some(known) = state.fleet.get(machine) else { return Vec::new() };
    let text = |id: AttrId| known.attr(id).map(|symbol| state.fleet.text(symbol));
    let name = Attribute::text("host.name", known.name());
    let shown = SHOWN.iter().filter_map(|(key, attr)| Some(Attribute::text(key, text(attr.id())?)));
    [name].into_iter().chain(shown).collect()
}
