//! An independent reference: who is disturbed, who is counted where, and who may start, worked out from all jobs anew
//! each time. It is slow and plain on purpose, and knows nothing of lanes, gauges and queues.

use std::collections::{BTreeMap, BTreeSet};

use crate::calendar::Opening;
use crate::change::ChangeState;
use crate::event::Event;
use crate::id::{AttrName, MachineId, RolloutId};
use crate::pipeline::{Amount, ChangeRule, Counts, Limit, Parallel};
use crate::rollout::{
    Action, CauseKind, How, Job, JobState, Left, Mode, Outcome, Rollout, RolloutEvent, RunState, Scope,
    StepState, Window,
};
use crate::state::State;
use crate::time::{Now, Timestamp};

#[derive(Debug, Default)]
pub(super) struct Audit {
    jobs: BTreeMap<(RolloutId, MachineId), JobState>,
    disturbed: BTreeSet<MachineId>,
    procedures: BTreeMap<MachineId, Procedure>,
}

/// What one machine's procedure has done to it.
#[derive(Debug, Clone, Copy, Default)]
struct Procedure {
    was_disturbed: bool,
    hurt: bool,
    /// It failed, and the failure proves that nothing was changed.
    spared: bool,
}

/// A job that came into another state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    pub(super) rollout: RolloutId,
    pub(super) machine: MachineId,
    pub(super) from: Option<JobState>,
    pub(super) to: JobState,
}

/// Whether a cause says that the action left the machine alone, as the agent promises it.
fn spares(action: Action, cause: CauseKind) -> bool {
    use CauseKind as C;
    match action {
        Action::Check => ![C::Unreachable, C::KeyRefused, C::Lost, C::Interrupted].contains(&cause),
        Action::Drain => cause == C::DrainRefused,
        Action::Patch => [
            C::Busy,
            C::AgentOld,
            C::MirrorUnreachable,
            C::BadSignature,
            C::HeldPackage,
            C::RemovalRefused,
            C::DiskFull,
        ]
        .contains(&cause),
        Action::Reboot | Action::Health | Action::Undrain => false,
    }
}

impl Audit {
    /// Follows one event that was folded, and checks what must always be so.
    pub(super) fn follow(&mut self, state: &State, event: &Event, now: Now) -> Vec<Moved> {
        self.before(event);
        let moved = self.moves(state);
        for job in &moved {
            self.moved(state, job, now);
        }
        let disturbed: BTreeSet<MachineId> = state.gauges.disturbed().collect();
        assert_eq!(disturbed, self.disturbed, "disturbed machines after {event:?}");
        for rollout in state.rollouts.iter() {
            for step in 0..rollout.steps.len() {
                tallies_are_true(rollout, u16::try_from(step).unwrap());
                budget_holds(state, rollout, u16::try_from(step).unwrap());
            }
        }
        moved
    }

    fn before(&mut self, event: &Event) {
        match event {
            Event::Rollout(RolloutEvent::Reported { rollout, machine, outcome, .. }) => {
                let Some(JobState::Active(active)) = self.jobs.get(&(*rollout, *machine)) else { return };
                let procedure = self.procedures.get_mut(machine).unwrap();
                let hurts = matches!(active.action, Action::Patch | Action::Reboot);
                match outcome {
                    Outcome::Failed(cause) if spares(active.action, *cause) => {
                        procedure.spared = !procedure.hurt;
                    }
                    Outcome::Failed(_) => {
                        procedure.hurt |= hurts;
                        procedure.spared = false;
                    }
                    Outcome::Found(_) | Outcome::Patched(_) | Outcome::Done => procedure.hurt |= hurts,
                    Outcome::NotBegun | Outcome::Lost => {}
                }
            }
            Event::Rollout(RolloutEvent::SignedOff { machines, .. }) => {
                for machine in machines.iter() {
                    self.disturbed.remove(&machine);
                }
            }
            _ => {}
        }
    }

    fn moves(&mut self, state: &State) -> Vec<Moved> {
        let mut moved = Vec::new();
        for rollout in state.rollouts.iter() {
            for job in rollout.jobs.iter() {
                let from = self.jobs.insert((rollout.id, job.machine), job.state);
                if from != Some(job.state) {
                    moved.push(Moved { rollout: rollout.id, machine: job.machine, from, to: job.state });
                }
            }
        }
        moved
    }

    fn moved(&mut self, state: &State, moved: &Moved, now: Now) {
        let was_active = matches!(moved.from, Some(JobState::Active(_)));
        let machine = moved.machine;
        if let JobState::Active(_) = moved.to {
            if !was_active {
                self.started(state, moved, now);
            }
            return;
        }
        if !was_active {
            return;
        }
        let procedure = self.procedures.remove(&machine).unwrap();
        let still = match moved.to {
            JobState::Done(How::Stopped) => procedure.was_disturbed,
            JobState::Done(_) => false,
            // It left while something was done to it: should it come back, nobody knows how it is.
            // What was done was safe, as after an abort.
            JobState::Gone(Left::Unselected) => procedure.was_disturbed,
            JobState::Gone(_) => match moved.from {
                Some(JobState::Active(active)) if active.action == Action::Check => procedure.was_disturbed,
                _ => true,
            },
            JobState::Failed { .. } => !procedure.spared || procedure.was_disturbed,
            JobState::Lost { .. } => true,
            other => panic!("a procedure ended as {other:?}"),
        };
        if !still {
            self.disturbed.remove(&machine);
        }
    }

    fn started(&mut self, state: &State, moved: &Moved, now: Now) {
        let machine = moved.machine;
        let rollout = state.rollouts.get(moved.rollout).unwrap();
        let job = rollout.job_of(machine).unwrap();
        let was_disturbed = !self.disturbed.insert(machine);
        let taken = self.procedures.insert(machine, Procedure { was_disturbed, ..Procedure::default() });
        assert!(taken.is_none(), "{machine} was started twice");
        assert!(startable(state, rollout, job.step, now), "{machine} was started, which its step forbids");
        let selected = state.fleet.select(&rollout.bag(job).select).contains(&machine);
        assert!(selected, "{machine} was started, and its bag does not select it");
        for limit in limits(rollout, job) {
            let counted_before = was_disturbed && limit.counts == Counts::Disturbed;
            if let Some((held, allowed)) = self.count(state, limit, machine)
                && !counted_before
            {
                assert!(held <= allowed, "{machine} is one too many for {limit:?}: {held} of {allowed}");
            }
        }
        if let Parallel::AtMost(most) = rollout.bag(job).parallel {
            let running = running_of_bag(rollout, job);
            assert!(running <= most as usize, "{machine} is one too many for its bag: {running} of {most}");
        }
        let spent = spent(state, rollout, job);
        assert!(spent.in_use() <= spent.allowed + 1, "{machine} may fail as the second too many: {spent:?}");
    }

    /// How many machines of the machine's group are held, itself included if it is, and how many may be.
    fn count(&self, state: &State, limit: &Limit, machine: MachineId) -> Option<(usize, usize)> {
        let group = group_of(state, limit, machine)?;
        let all = (0..state.fleet.len()).map(|number| MachineId(u32::try_from(number).unwrap()));
        let members: Vec<MachineId> =
            all.filter(|other| group_of(state, limit, *other).as_ref() == Some(&group)).collect();
        let held = members.iter().filter(|member| match limit.counts {
            Counts::Disturbed => self.disturbed.contains(member),
            Counts::Running => self.procedures.contains_key(member),
        });
        let allowed = match limit.max {
            Amount::Count(count) => count as usize,
            Amount::Percent(percent) => members.len() * usize::from(percent) / 100,
        };
        Some((held.count(), allowed.max(1)))
    }

    /// When nothing is left to plan, nothing that could start waits, and nothing that must halt runs on.
    pub(super) fn at_rest(&self, state: &State, now: Now) {
        for rollout in state.rollouts.active() {
            for (number, step) in (0..).zip(&rollout.steps) {
                if let (StepState::Open, Some(job)) =
                    (&step.state, rollout.jobs.iter().find(|j| j.step == number))
                {
                    let spent = spent(state, rollout, job);
                    assert!(spent.bad <= spent.allowed, "the step goes on with {spent:?}");
                }
                if !startable(state, rollout, number, now) {
                    continue;
                }
                for job in rollout.jobs.iter().filter(|job| job.step == number) {
                    self.waits_for_something(state, rollout, job);
                }
            }
        }
    }

    fn waits_for_something(&self, state: &State, rollout: &Rollout, job: &Job) {
        let run = &rollout.step(job.step).runs[usize::from(job.run)];
        let waits = match job.state {
            JobState::Waiting | JobState::Aside => run.state == RunState::Open,
            JobState::Again => true,
            _ => false,
        };
        if !waits || self.procedures.contains_key(&job.machine) {
            return;
        }
        let full = |limit: &Limit| {
            let counted = limit.counts == Counts::Disturbed && self.disturbed.contains(&job.machine);
            !counted && self.count(state, limit, job.machine).is_some_and(|(held, allowed)| held >= allowed)
        };
        let bag_full = match rollout.bag(job).parallel {
            Parallel::AtMost(most) => running_of_bag(rollout, job) >= most as usize,
            Parallel::Unbounded => false,
        };
        let spent = spent(state, rollout, job);
        let held_up = limits(rollout, job).any(full) || bag_full || spent.in_use() > spent.allowed;
        let name = state.fleet.machine(job.machine).name();
        assert!(held_up, "{name} waits as {:?} in rollout {} for nothing", job.state, rollout.id);
    }
}

/// Whether machines of the step may be started, from the rules alone.
fn startable(state: &State, rollout: &Rollout, step: u16, now: Now) -> bool {
    let (run, rule) = (rollout.step(step), rollout.rule(step));
    let permitted = match rule.change {
        ChangeRule::None => true,
        ChangeRule::Record | ChangeRule::Approve { .. } => run
            .change
            .and_then(|id| state.changes.get(id))
            .is_some_and(|change| matches!(change.state, ChangeState::Approved | ChangeState::Begun)),
    };
    let open = |at: Timestamp| matches!(rule.calendar.at(at), Opening::Open { .. });
    let offset = state.clock_offset;
    let window = open(Timestamp(now.steady.0 + offset)) && open(now.wall);
    rollout.mode == Mode::Running
        && run.state == StepState::Open
        && permitted
        && window
        && matches!(run.window, Window::Open { .. })
        && run.runs.iter().any(|run| run.state != RunState::Waiting)
        && !matches!(rollout.scope, Scope::Step { step: only } if only != step)
}

fn limits<'a>(rollout: &'a Rollout, job: &Job) -> impl Iterator<Item = &'a Limit> {
    let step = rollout.rule(job.step);
    rollout.pipeline.limits.iter().chain(&step.limits).chain(&rollout.bag(job).limits)
}

/// The values that make the machine's group; nothing where the limit is not about the machine.
fn group_of(state: &State, limit: &Limit, machine: MachineId) -> Option<Vec<Option<String>>> {
    let fleet = &state.fleet;
    let within = |select: &crate::fleet::Selector| select.compile(fleet).matches(fleet, machine);
    // Who left while at work is still a reason to wait.
    let at_work = || state.gauges.grip(machine).running;
    if !(fleet.is_present(machine) || at_work()) || !limit.within.as_ref().is_none_or(within) {
        return None;
    }
    let value = |name: &AttrName| fleet.attr_text(machine, name).map(str::to_owned);
    Some(limit.per.iter().map(value).collect())
}

fn running_of_bag(rollout: &Rollout, job: &Job) -> usize {
    let same = |other: &&Job| (other.step, other.run, other.bag) == (job.step, job.run, job.bag);
    let active = |other: &&Job| matches!(other.state, JobState::Active(_));
    rollout.jobs.iter().filter(same).filter(active).count()
}

/// How much of a budget is used up.
#[derive(Debug)]
struct Spent {
    bad: usize,
    running: usize,
    allowed: usize,
}

impl Spent {
    fn in_use(&self) -> usize {
        self.bad + self.running
    }
}

/// The budget that a job counts against: its environment's own, or the one of all other environments.
fn spent(state: &State, rollout: &Rollout, job: &Job) -> Spent {
    let budget = &rollout.rule(job.step).budget;
    let environment = AttrName::new("environment").unwrap();
    let line = |other: &Job| {
        let text = state.fleet.attr_text(other.machine, &environment)?;
        budget.environments.get_key_value(text)
    };
    let mine = line(job);
    let jobs: Vec<&Job> =
        rollout.jobs.iter().filter(|other| other.step == job.step && line(other) == mine).collect();
    let amount = mine.map_or(budget.failures, |(_, amount)| *amount);
    let allowed = match amount {
        Amount::Count(count) => count as usize,
        Amount::Percent(percent) => jobs.len() * usize::from(percent) / 100,
    };
    let count = |is: fn(&JobState) -> bool| jobs.iter().filter(|job| is(&job.state)).count();
    Spent {
        bad: count(|state| {
            let gone = matches!(state, JobState::Gone(Left::Failed | Left::Unknown));
            gone || matches!(state, JobState::Failed { .. } | JobState::Lost { .. })
        }),
        running: count(|state| matches!(state, JobState::Active(_))),
        allowed: allowed + rollout.step(job.step).budgets[usize::from(job.budget)].granted as usize,
    }
}

fn budget_holds(state: &State, rollout: &Rollout, step: u16) {
    for job in rollout.jobs.iter().filter(|job| job.step == step) {
        let spent = spent(state, rollout, job);
        assert!(spent.bad <= spent.allowed + 1, "overshot by more than one: {spent:?}");
    }
}

fn tallies_are_true(rollout: &Rollout, step: u16) {
    let run = rollout.step(step);
    let jobs: Vec<&Job> = rollout.jobs.iter().filter(|job| job.step == step).collect();
    let count = |is: &dyn Fn(&JobState) -> bool| {
        u32::try_from(jobs.iter().filter(|job| is(&job.state)).count()).unwrap()
    };
    let skipped = |s: &JobState| matches!(s, JobState::Skipped | JobState::Done(How::Stopped));
    let found = [
        count(&|s| matches!(s, JobState::Waiting | JobState::Again | JobState::Aside)),
        count(&|s| matches!(s, JobState::Active(_))),
        count(&|s| matches!(s, JobState::Failed { .. })),
        count(&|s| matches!(s, JobState::Lost { .. })),
        count(&skipped),
        count(&|s| matches!(s, JobState::Done(_)) && !skipped(s)),
        count(&|s| matches!(s, JobState::Gone(_))),
    ];
    let tally = &run.tally;
    let told =
        [tally.waiting, tally.running, tally.failed, tally.lost, tally.skipped, tally.done, tally.gone];
    // A step that has ended keeps its numbers when a later step takes its machines again.
    if !run.has_ended() {
        assert_eq!(told, found, "waiting, running, failed, lost, skipped, done and gone of step {step}");
        assert_eq!(tally.total() as usize, jobs.len());
        for line in &run.budgets {
            let failed = jobs
                .iter()
                .filter(|j| matches!(j.state, JobState::Failed { .. } | JobState::Gone(Left::Failed)));
            assert!(line.failed as usize <= failed.count(), "{line:?}");
            assert!(line.granted <= run.grants, "{line:?}");
        }
    }
}
