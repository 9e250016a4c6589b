//! Jobs: one machine from its first action to its end, and what that does to gauges, tallies and lanes.

use std::collections::BTreeMap;

use crate::access::Digest;
use crate::fleet::Symbol;
use crate::id::{MachineId, RolloutId};
use crate::rollout::CauseKind;
use crate::rollout::event::Call;
use crate::rollout::evolve::{bounds_of, lanes, step};
use crate::rollout::limit::{GaugeId, Held};
use crate::rollout::machine::{self, Action, Course, Ending, Mark, Next, Outcome, Progress};
use crate::rollout::runs::Runs;
use crate::rollout::schedule::{LaneId, StepKey};
use crate::rollout::selected::{self, Matchers};
use crate::rollout::state::{Active, Blame, How, Job, JobState, Left, Mode, Rollout, Standing, Turn};
use crate::state::State;
use crate::time::{Span, Timestamp};

/// How long after a deadline, or after the last look, an unanswered action is looked for once more.
pub(crate) const SEEK_AGAIN: Span = Span::mins(2);

/// What an executor said.
pub(super) struct Report<'a> {
    pub(super) serial: u16,
    pub(super) outcome: Outcome,
    pub(super) took: Span,
    pub(super) note: Option<&'a str>,
    pub(super) packages: Option<&'a Digest>,
}

pub(super) fn asked(
    state: &mut State,
    rollout: RolloutId,
    machine: MachineId,
    serial: u16,
    action: Action,
    at: Timestamp,
) {
    let Some((number, &job)) = state.rollouts.one(rollout).jobs.find(machine) else { return };
    let active = match job.state {
        JobState::Active(active) => {
            if let Turn::Due(due) = active.turn {
                state.rollouts.forget_due(due, rollout, job.machine);
            }
            active
        }
        JobState::Waiting | JobState::Again | JobState::Aside => start(state, rollout, number, &job),
        JobState::Done(_)
        | JobState::Failed { .. }
        | JobState::Lost { .. }
        | JobState::Skipped
        | JobState::Gone(_) => {
            return;
        }
    };
    if action == Action::Drain {
        state.gauges.set_drained(machine, Held::Yes);
    }
    let one = state.rollouts.one_mut(rollout);
    let deadline = at + action.timeout(&one.bag(&job).timeouts);
    let turn = Turn::Asked { at, deadline, sought: 0 };
    one.jobs.put(number, Job { serial, state: JobState::Active(Active { action, turn, ..active }), ..job });
    state.rollouts.add_due(deadline, rollout, machine);
}

/// The machine's procedure begins: it counts as running, disturbed and against its budget from here on.
fn start(state: &mut State, rollout: RolloutId, number: u32, job: &Job) -> Active {
    let key = StepKey { rollout, step: job.step };
    let grip = state.gauges.grip(job.machine);
    // Freed gauges are of no interest: a start takes room and gives none.
    let mut none = Vec::new();
    state.gauges.set_disturbed(job.machine, Held::Yes, &mut none);
    state.gauges.set_running(job.machine, Held::Yes, &mut none);
    step::count_budget(state, rollout, job, Held::Yes, &mut none);
    count_bag(state, rollout, job, Held::Yes, &mut none);
    if job.state == JobState::Waiting && job.lane != LaneId::NONE {
        state.schedule.start(&mut state.gauges, job.lane, number);
    } else {
        state.rollouts.one_mut(rollout).steps[usize::from(key.step)].again.remove(&number);
    }
    let active = Active {
        action: machine::FIRST,
        progress: Progress {
            was_disturbed: Mark::of(grip.disturbed),
            drained: Mark::of(grip.drained),
            ..Progress::default()
        },
        turn: Turn::Due(Timestamp::default()),
        leaving: false,
        unselected: false,
    };
    shift(state, rollout, job, JobState::Active(active));
    stand_aside(state, rollout, job.machine);
    let called = &mut state.rollouts.one_mut(rollout).steps[usize::from(key.step)].called;
    if matches!(called, Some(Call::HeldUp { .. })) {
        *called = None;
    }
    active
}

fn count_bag(state: &mut State, rollout: RolloutId, job: &Job, held: Held, freed: &mut Vec<GaugeId>) {
    let run = &state.rollouts.one(rollout).step(job.step).runs[usize::from(job.run)];
    if let Some(gauge) = run.bags[usize::from(job.bag)].gauge {
        state.gauges.count_own(gauge, held, freed);
    }
}

/// Counts the job under another heading, in its bag and in its step.
fn shift(state: &mut State, rollout: RolloutId, job: &Job, to: JobState) {
    let step = &mut state.rollouts.one_mut(rollout).steps[usize::from(job.step)];
    let (from, to_standing) = (job.state.standing(), to.standing());
    step.tally.shift(from, to_standing);
    step.runs[usize::from(job.run)].bags[usize::from(job.bag)].tally.shift(from, to_standing);
    let line = &mut step.budgets[usize::from(job.budget)];
    match job.state.blame() {
        Some(Blame::Failed) => line.failed -= 1,
        Some(Blame::Lost) => line.lost -= 1,
        None => {}
    }
    match to.blame() {
        Some(Blame::Failed) => line.failed += 1,
        Some(Blame::Lost) => line.lost += 1,
        None => {}
    }
    if let JobState::Done(How::Patched | How::Rebooted) = to {
        step.proven += 1;
    }
}

pub(super) fn reported(
    state: &mut State,
    rollout: RolloutId,
    machine: MachineId,
    report: &Report<'_>,
    at: Timestamp,
    freed: &mut Vec<GaugeId>,
) {
    let Some((number, &job)) = state.rollouts.one(rollout).jobs.find(machine) else { return };
    if job.serial != report.serial {
        return;
    }
    match job.state {
        JobState::Active(active) => {
            if let Turn::Asked { deadline, .. } = active.turn {
                state.rollouts.forget_due(deadline, rollout, machine);
            }
            keep_note(state, rollout, number, report);
            if let Turn::Asked { at: asked_at, .. } = active.turn {
                // It cannot have taken longer than since it was asked, whatever the executor says.
                learn(state, job.role, active.action, report.outcome, report.took.min(at.since(asked_at)));
            }
            Work { state, rollout, number, job, active, freed }.answered(report.outcome, at);
            keep_proof(state, rollout, number, at);
        }
        JobState::Lost { .. } => {
            keep_note(state, rollout, number, report);
            // It is known again. What is to be done now is found out by starting over with a look, if it is to be looked at.
            if selected::is_selected(state, state.rollouts.one(rollout), &job) {
                wait_again(state, rollout, number, freed);
            }
        }
        JobState::Waiting
        | JobState::Aside
        | JobState::Again
        | JobState::Done(_)
        | JobState::Failed { .. }
        | JobState::Skipped
        | JobState::Gone(_) => {}
    }
}

/// What is said of a failure stands until something else is said of the machine.
fn keep_note(state: &mut State, rollout: RolloutId, number: u32, report: &Report<'_>) {
    let rollout = state.rollouts.one_mut(rollout);
    if let Some(digest) = report.packages {
        rollout.packages.insert(number, digest.clone());
    }
    let notes = &mut rollout.notes;
    match report.note {
        Some(note) => {
            notes.insert(number, note.to_owned());
        }
        None => {
            notes.remove(&number);
        }
    }
}

/// When the machine was proven to be at the build, if that is what the answer led to.
fn keep_proof(state: &mut State, rollout: RolloutId, number: u32, at: Timestamp) {
    let rollout = state.rollouts.one_mut(rollout);
    if let JobState::Done(How::AlreadySo | How::Patched | How::Rebooted) = rollout.jobs.at(number).state {
        rollout.proven.insert(number, at);
    }
}

fn learn(state: &mut State, role: Option<Symbol>, action: Action, outcome: Outcome, took: Span) {
    match outcome {
        Outcome::Found(_) | Outcome::Patched(_) | Outcome::Done => state.learned.saw(role, action, took),
        Outcome::Failed(_) | Outcome::NotBegun | Outcome::Lost => {}
    }
}

/// One job on its way from one action to the next, or to its end.
struct Work<'a> {
    state: &'a mut State,
    rollout: RolloutId,
    number: u32,
    job: Job,
    active: Active,
    freed: &'a mut Vec<GaugeId>,
}

impl Work<'_> {
    fn answered(self, outcome: Outcome, at: Timestamp) {
        let in_service = match (self.active.action, outcome) {
            (Action::Undrain, Outcome::Done) => true,
            // It refused, so what was so before the drain is so again.
            (Action::Drain, Outcome::Failed(CauseKind::DrainRefused) | Outcome::NotBegun) => {
                !self.active.progress.drained.is_set()
            }
            (_, _) => false,
        };
        if in_service {
            self.state.gauges.set_drained(self.job.machine, Held::No);
        }
        if self.active.leaving {
            return self.leave();
        }
        let one = self.state.rollouts.one(self.rollout);
        let stops = one.mode == Mode::Aborting || self.active.unselected;
        let course = if stops { Course::MakeSafe } else { Course::Whole };
        self.go_on(course, outcome, at);
    }

    /// It left the fleet. Should it come back, it is what it was left as, and nobody has proven that it is healthy.
    fn leave(self) {
        let untouched = self.active.action == machine::FIRST && !self.active.progress.drained.is_set();
        if untouched {
            self.end(JobState::Gone(Left::Well), Proof::Unchanged);
        } else {
            self.end(JobState::Gone(Left::Unknown), Proof::None);
        }
    }

    /// The next action, a wait, or the end.
    fn go_on(self, course: Course, outcome: Outcome, at: Timestamp) {
        let bag = self.state.rollouts.one(self.rollout).bag(&self.job);
        let Active { progress, action, .. } = self.active;
        let (action, progress, due) =
            match machine::next(&bag.actions, &bag.retry, course, progress, action, outcome) {
                Next::Do(action, progress) => (action, progress, at),
                Next::Again(action, progress, wait) => (action, progress, at + wait),
                Next::End(ending) => {
                    let put = self.put();
                    let (to, proof) = ended_as(ending, self.active, put);
                    return self.end(to, proof);
                }
            };
        let active = Active { action, progress, turn: Turn::Due(due), ..self.active };
        let job = Job { state: JobState::Active(active), ..self.job };
        self.state.rollouts.one_mut(self.rollout).jobs.put(self.number, job);
        if due == at {
            self.state.rollouts.due_now.insert((self.rollout, job.machine));
        } else {
            self.state.rollouts.add_due(due, self.rollout, job.machine);
        }
    }

    /// What was put on the machine in this rollout. A retry finds installed what a try before it has put there.
    fn put(&self) -> How {
        let is_listed = self.state.rollouts.one(self.rollout).packages.contains_key(&self.number);
        if is_listed || self.active.progress.install.is_set() { How::Patched } else { How::Rebooted }
    }

    /// The procedure of the machine is over.
    fn end(self, to: JobState, proof: Proof) {
        let Work { state, rollout, number, job, active, freed } = self;
        let was_disturbed = active.progress.was_disturbed.is_set();
        let still_disturbed = match proof {
            Proof::Healthy => Held::No,
            Proof::Unchanged if was_disturbed => Held::Yes,
            Proof::Unchanged => Held::No,
            Proof::None => Held::Yes,
        };
        state.gauges.set_running(job.machine, Held::No, freed);
        state.gauges.set_disturbed(job.machine, still_disturbed, freed);
        if !state.fleet.is_present(job.machine) {
            state.gauges.machines_changed(&state.fleet, &[job.machine], freed);
        }
        count_bag(state, rollout, &job, Held::No, freed);
        if to.blame().is_none() {
            step::count_budget(state, rollout, &job, Held::No, freed);
        }
        shift(state, rollout, &job, to);
        state.rollouts.one_mut(rollout).jobs.put(number, Job { state: to, ..job });
        if proof == Proof::Healthy && was_disturbed {
            healed_elsewhere(state, rollout, job.machine, freed);
        }
        call_back(state, job.machine);
    }
}

/// What the end of a procedure says about the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// It is healthy.
    Healthy,
    /// It is as it was before the procedure.
    Unchanged,
    /// Nobody knows.
    None,
}

fn ended_as(ending: Ending, active: Active, put: How) -> (JobState, Proof) {
    let action = active.action;
    match ending {
        Ending::AlreadySo => (JobState::Done(How::AlreadySo), Proof::Healthy),
        Ending::Done => (JobState::Done(put), Proof::Healthy),
        Ending::FailedUntouched(action, cause) => (JobState::Failed { action, cause }, Proof::Unchanged),
        Ending::FailedDisturbed(action, cause) => (JobState::Failed { action, cause }, Proof::None),
        Ending::Lost => (JobState::Lost { action }, Proof::None),
        Ending::Stopped(Mark::Yes) if active.unselected => (JobState::Done(put), Proof::Healthy),
        Ending::Stopped(Mark::No) if active.unselected => {
            (JobState::Gone(Left::Unselected), Proof::Unchanged)
        }
        Ending::Stopped(_) => (JobState::Done(How::Stopped), Proof::Unchanged),
    }
}

/// Other rollouts with the same build in which the machine failed need not deal with it any more.
fn healed_elsewhere(state: &mut State, by: RolloutId, machine: MachineId, freed: &mut Vec<GaugeId>) {
    let build = state.rollouts.one(by).build;
    let others: Vec<RolloutId> = state.rollouts.active.iter().copied().filter(|id| *id != by).collect();
    for other in others {
        let rollout = state.rollouts.one(other);
        let found = rollout.jobs.find(machine).filter(|_| rollout.build == build);
        let Some((number, &job)) = found else { continue };
        if matches!(job.state, JobState::Failed { .. } | JobState::Lost { .. })
            && !rollout.step(job.step).has_ended()
        {
            step::count_budget(state, other, &job, Held::No, freed);
            shift(state, other, &job, JobState::Done(How::Elsewhere));
            let job = Job { state: JobState::Done(How::Elsewhere), ..job };
            state.rollouts.one_mut(other).jobs.put(number, job);
        }
    }
}

/// Jobs of other rollouts that wait for this machine in a lane leave it while the machine is at work here.
fn stand_aside(state: &mut State, here: RolloutId, machine: MachineId) {
    if state.rollouts.active.len() < 2 {
        return;
    }
    let others: Vec<RolloutId> =
        state.rollouts.active.iter().copied().filter(|other| *other != here).collect();
    for other in others {
        let Some((number, &job)) = state.rollouts.one(other).jobs.find(machine) else { continue };
        if job.state == JobState::Waiting && job.lane != LaneId::NONE {
            state.rollouts.one_mut(other).jobs.put(number, Job { state: JobState::Aside, ..job });
            state.rollouts.aside.entry(machine).or_default().push((other, number));
            state.schedule.forget(&mut state.gauges, job.lane);
        }
    }
}

/// The machine is free: jobs of other rollouts that waited for it stand in front of their lanes again, or beside them
/// where the machine is disturbed or stands on other gauges now.
fn call_back(state: &mut State, machine: MachineId) {
    let disturbed = state.gauges.grip(machine).disturbed;
    for (rollout, number) in state.rollouts.aside.remove(&machine).unwrap_or_default() {
        let job = *state.rollouts.one(rollout).job(number);
        let to_lane = !disturbed && is_bounded_like_its_lane(state, rollout, &job);
        if to_lane {
            let one = state.rollouts.one_mut(rollout);
            one.jobs.put(number, Job { state: JobState::Waiting, ..job });
            let waits = |other: u32| is_waiting_in(one, other, job.lane);
            state.schedule.put_front(&mut state.gauges, job.lane, number, waits);
        } else {
            wait_beside(state, rollout, number);
        }
    }
}

/// A machine that takes no new room, or stands on other gauges than its lane, waits beside the lanes.
pub(super) fn wait_beside(state: &mut State, rollout: RolloutId, number: u32) {
    let one = state.rollouts.one_mut(rollout);
    let job = Job { state: JobState::Again, ..*one.job(number) };
    one.jobs.put(number, job);
    one.steps[usize::from(job.step)].again.insert(number);
}

fn is_waiting_in(rollout: &Rollout, number: u32, lane: LaneId) -> bool {
    let job = rollout.job(number);
    job.state == JobState::Waiting && job.lane == lane
}

fn is_bounded_like_its_lane(state: &State, rollout: RolloutId, job: &Job) -> bool {
    bounds_of(state, rollout, job)[..] == state.schedule.lane(job.lane).bounds[..]
}

/// A failed or lost machine waits for another turn.
fn wait_again(state: &mut State, rollout: RolloutId, number: u32, freed: &mut Vec<GaugeId>) {
    let job = *state.rollouts.one(rollout).job(number);
    if state.rollouts.one(rollout).step(job.step).has_ended() {
        return;
    }
    step::count_budget(state, rollout, &job, Held::No, freed);
    shift(state, rollout, &job, JobState::Again);
    wait_beside(state, rollout, number);
}

pub(super) fn sought(state: &mut State, rollout: RolloutId, machine: MachineId, round: u8, at: Timestamp) {
    let Some((number, &job)) = state.rollouts.one(rollout).jobs.find(machine) else { return };
    let JobState::Active(active) = job.state else { return };
    let Turn::Asked { at: asked_at, deadline, .. } = active.turn else { return };
    state.rollouts.forget_due(deadline, rollout, machine);
    let turn = Turn::Asked { at: asked_at, deadline: at + SEEK_AGAIN, sought: round };
    let job = Job { state: JobState::Active(Active { turn, ..active }), ..job };
    state.rollouts.one_mut(rollout).jobs.put(number, job);
    state.rollouts.add_due(at + SEEK_AGAIN, rollout, machine);
}

pub(super) fn retried(state: &mut State, rollout: RolloutId, machines: &Runs, freed: &mut Vec<GaugeId>) {
    for machine in machines.iter() {
        let Some((number, job)) = state.rollouts.one(rollout).jobs.find(machine) else { continue };
        if matches!(job.state, JobState::Failed { .. } | JobState::Lost { .. }) {
            wait_again(state, rollout, number, freed);
        }
    }
}

pub(super) fn skipped(
    state: &mut State,
    rollout: RolloutId,
    machines: &Runs,
    reason: &str,
    freed: &mut Vec<GaugeId>,
) {
    for machine in machines.iter() {
        let is_out =
            state.rollouts.one(rollout).job_of(machine).is_none_or(|job| job.state == JobState::Skipped);
        if !is_out {
            leave_out(state, rollout, machine, JobState::Skipped, freed);
            keep_reason(state, rollout, machine, reason);
        }
    }
}

/// Of a reason that is kept with each of the machines it was given for, as much as stands in a row; all of it is in the journal.
const KEPT_REASON: usize = 200;

fn keep_reason(state: &mut State, rollout: RolloutId, machine: MachineId, reason: &str) {
    let rollout = state.rollouts.one_mut(rollout);
    let Some((number, job)) = rollout.jobs.find(machine) else { return };
    if job.state == JobState::Skipped {
        rollout.notes.insert(number, reason.chars().take(KEPT_REASON).collect());
    }
}

/// A machine that is not at work leaves the rollout.
fn leave_out(
    state: &mut State,
    rollout: RolloutId,
    machine: MachineId,
    to: JobState,
    freed: &mut Vec<GaugeId>,
) {
    let Some((number, &job)) = state.rollouts.one(rollout).jobs.find(machine) else { return };
    if state.rollouts.one(rollout).step(job.step).has_ended() {
        return;
    }
    match job.state {
        JobState::Waiting => {
            if job.lane != LaneId::NONE {
                state.schedule.forget(&mut state.gauges, job.lane);
            }
        }
        JobState::Again => {
            state.rollouts.one_mut(rollout).steps[usize::from(job.step)].again.remove(&number);
        }
        JobState::Aside => {
            if let Some(jobs) = state.rollouts.aside.get_mut(&machine) {
                jobs.retain(|waiting| *waiting != (rollout, number));
            }
        }
        JobState::Failed { .. } | JobState::Lost { .. } if to.blame().is_none() => {
            step::count_budget(state, rollout, &job, Held::No, freed);
        }
        JobState::Failed { .. } | JobState::Lost { .. } => {}
        JobState::Active(_) | JobState::Done(_) | JobState::Skipped | JobState::Gone(_) => return,
    }
    shift(state, rollout, &job, to);
    state.rollouts.one_mut(rollout).jobs.put(number, Job { state: to, ..job });
}

pub(super) fn signed_off(state: &mut State, machines: &Runs, reason: &str, freed: &mut Vec<GaugeId>) {
    let active: Vec<RolloutId> = state.rollouts.active.iter().copied().collect();
    for machine in machines.iter() {
        state.gauges.set_disturbed(machine, Held::No, freed);
        for rollout in &active {
            let one = state.rollouts.one(*rollout);
            let lost = one.job_of(machine).is_some_and(|job| matches!(job.state, JobState::Lost { .. }));
            if lost {
                leave_out(state, *rollout, machine, JobState::Skipped, freed);
                keep_reason(state, *rollout, machine, &format!("signed off: {reason}"));
            }
        }
    }
}

/// After an abort: machines that are between two actions go on with what makes them safe.
pub(super) fn make_safe(state: &mut State, rollout: RolloutId, at: Timestamp, freed: &mut Vec<GaugeId>) {
    let at_work: Vec<MachineId> = state.rollouts.one(rollout).jobs.at_work().map(|job| job.machine).collect();
    for machine in at_work {
        let Some((number, &job)) = state.rollouts.one(rollout).jobs.find(machine) else { continue };
        let JobState::Active(active) = job.state else { continue };
        let Turn::Due(due) = active.turn else { continue };
        state.rollouts.forget_due(due, rollout, job.machine);
        Work { state, rollout, number, job, active, freed }.go_on(Course::MakeSafe, Outcome::NotBegun, at);
    }
}

/// Machines joined, changed, left or returned.
pub(crate) fn fleet_changed(state: &mut State, machines: &[MachineId], at: Timestamp) {
    let mut news = News { at, freed: Vec::new(), regrouped: BTreeMap::new(), matchers: Matchers::default() };
    state.gauges.machines_changed(&state.fleet, machines, &mut news.freed);
    let active: Vec<RolloutId> = state.rollouts.active.iter().copied().collect();
    if !active.is_empty() {
        for machine in machines {
            for rollout in &active {
                if state.fleet.is_present(*machine) {
                    moved(state, *rollout, *machine, &mut news);
                } else {
                    left(state, *rollout, *machine, &mut news.freed);
                }
            }
        }
    }
    for ((key, run), jobs) in news.regrouped {
        lanes::regroup(state, key, run, &jobs);
    }
    super::settle(state, news.freed);
}

/// What comes of news of the fleet.
struct News {
    at: Timestamp,
    freed: Vec<GaugeId>,
    /// Jobs that have left their lanes, by step and run.
    regrouped: BTreeMap<(StepKey, u16), Vec<u32>>,
    matchers: Matchers,
}

/// Other facts hold about a machine. One that its bag does not select any more is not what people said yes to: it leaves the
/// step. Where it stands on other gauges now, the bounds of its lane are not its own. One that was thought to leave while
/// it was at work is still there.
fn moved(state: &mut State, rollout: RolloutId, machine: MachineId, news: &mut News) {
    let Some((number, &job)) = state.rollouts.one(rollout).jobs.find(machine) else { return };
    let is_open = matches!(job.state.standing(), Standing::Waiting | Standing::Running);
    let is_selected = !is_open || news.matchers.is_selected(state, state.rollouts.one(rollout), &job);
    if let JobState::Active(active) = job.state {
        let active = Active { leaving: false, ..active };
        let job = Job { state: JobState::Active(active), ..job };
        state.rollouts.one_mut(rollout).jobs.put(number, job);
        if !is_selected && !active.unselected {
            stop(state, rollout, number, news);
        }
        return;
    }
    if !is_selected {
        return leave_out(state, rollout, machine, JobState::Gone(Left::Unselected), &mut news.freed);
    }
    let in_lane = job.state == JobState::Waiting && job.lane != LaneId::NONE;
    if in_lane && !is_bounded_like_its_lane(state, rollout, &job) {
        state.schedule.forget(&mut state.gauges, job.lane);
        let place = (StepKey { rollout, step: job.step }, job.run);
        news.regrouped.entry(place).or_default().push(number);
    }
}

/// A machine that is not selected any more is at work: that comes to a safe end, whatever is said of it until then. Should it
/// be selected again, it is taken again.
fn stop(state: &mut State, rollout: RolloutId, number: u32, news: &mut News) {
    let job = *state.rollouts.one(rollout).job(number);
    let JobState::Active(active) = job.state else { return };
    let active = Active { unselected: true, ..active };
    let job = Job { state: JobState::Active(active), ..job };
    state.rollouts.one_mut(rollout).jobs.put(number, job);
    if let Turn::Due(due) = active.turn {
        state.rollouts.forget_due(due, rollout, job.machine);
        let work = Work { state, rollout, number, job, active, freed: &mut news.freed };
        work.go_on(Course::MakeSafe, Outcome::NotBegun, news.at);
    }
}

/// A machine left the fleet: it is gone, not failed. One at work is gone once its action is answered.
fn left(state: &mut State, rollout: RolloutId, machine: MachineId, freed: &mut Vec<GaugeId>) {
    let Some((number, &job)) = state.rollouts.one(rollout).jobs.find(machine) else { return };
    let JobState::Active(active) = job.state else {
        let left = match job.state.blame() {
            Some(Blame::Failed) => Left::Failed,
            Some(Blame::Lost) => Left::Unknown,
            None => Left::Well,
        };
        return leave_out(state, rollout, machine, JobState::Gone(left), freed);
    };
    match active.turn {
        Turn::Asked { .. } => {
            let active = Active { leaving: true, ..active };
            let job = Job { state: JobState::Active(active), ..job };
            state.rollouts.one_mut(rollout).jobs.put(number, job);
        }
        Turn::Due(due) => {
            state.rollouts.forget_due(due, rollout, job.machine);
            Work { state, rollout, number, job, active, freed }.leave();
        }
    }
}
