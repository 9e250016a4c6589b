//! What people and accidents do in a scenario, and when.

use std::rc::Rc;

use smith_domain::access::Digest;
use smith_domain::actor::Actor;
use smith_domain::change::{ChangeCommand, ChangeState};
use smith_domain::decide::Command;
use smith_domain::fleet::Selector;
use smith_domain::id::{MachineId, RolloutId};
use smith_domain::rollout::{Rollout, RolloutCommand, Scope, StepRun, StepState};
use smith_domain::time::{Span, Timestamp};
use smith_domain::why::{self, Reason};
use smith_journal::faulty::{AppendFault, Fault};

use super::hands::{Death, Side};
use super::run::{BUILD, Confirmed};
use crate::clock::START;
use crate::rehearse::wanted;
use crate::rng::Rng;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    Start {
        pipeline: usize,
    },
    /// Everybody who is asked for an approval gives it.
    Approve,
    Pause {
        which: u64,
    },
    Unpause {
        which: u64,
    },
    Abort {
        which: u64,
    },
    Retry {
        which: u64,
    },
    Resume {
        which: u64,
    },
    Skip {
        which: u64,
        machine: u64,
    },
    SignOff {
        machine: u64,
    },
    Revoke {
        which: u64,
    },
    Reject {
        which: u64,
    },
    Join {
        which: u64,
    },
    Leave {
        which: u64,
    },
    /// Somebody sets the wall clock.
    SetClock {
        ahead: i64,
    },
    /// The driver's process is killed, at once or at a point of what it does next.
    Kill {
        how: Kill,
        down: Span,
    },
    /// The driver's machine is suspended; another driver takes over; then the first wakes up.
    Rival {
        asleep: Span,
    },
    Snapshot,
    /// A cycle is started.
    Week,
    /// Machines stop answering one after the other and come back in another order.
    Stall {
        first: u64,
        count: u64,
    },
    /// The inventory is read with most of it missing.
    ShrunkenReading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kill {
    Now,
    /// The next append fails, and the driver stops.
    AppendFails,
    /// The next append succeeds and its answer is lost.
    AnswerLost,
    /// The rows of the next append are lost, and so is the answer.
    RowsLost,
    AtEffect(Death),
}

/// How a change loses its approval.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    Revoke,
    Reject,
}

/// How often each kind of act comes in one scenario; most kinds do not come at all.
pub(super) fn script(root: &Rng, calm: Timestamp, pipelines: usize, spare: usize) -> Vec<(Timestamp, Act)> {
    let mut rng = root.named("script");
    let length = calm.since(START).0;
    let mut script: Vec<(Timestamp, Act)> = Vec::new();
    for pipeline in 0..pipelines {
        if pipeline < 2 || rng.happens(4_000) {
            let at = START + Span(rng.below(length / 2));
            script.push((if pipeline == 0 { START } else { at }, Act::Start { pipeline }));
        }
    }
    let often: u64 = if rng.happens(2_000) { 0 } else { rng.between(1, 4) };
    let mut add = |rng: &mut Rng, likely: u32, make: &mut dyn FnMut(&mut Rng) -> Act| {
        if rng.happens(likely) {
            for _ in 0..rng.between(1, often.max(1) * 3) {
                let at = START + Span(rng.below(length));
                let act = make(rng);
                script.push((at, act));
            }
        }
    };
    if often > 0 {
        add(&mut rng, 9_000, &mut |_| Act::Approve);
        add(&mut rng, 3_000, &mut |rng| Act::Pause { which: rng.draw() });
        add(&mut rng, 3_000, &mut |rng| Act::Unpause { which: rng.draw() });
        add(&mut rng, 1_000, &mut |rng| Act::Abort { which: rng.draw() });
        add(&mut rng, 4_000, &mut |rng| Act::Retry { which: rng.draw() });
        add(&mut rng, 4_000, &mut |rng| Act::Resume { which: rng.draw() });
        add(&mut rng, 2_000, &mut |rng| Act::Skip { which: rng.draw(), machine: rng.draw() });
        add(&mut rng, 2_000, &mut |rng| Act::SignOff { machine: rng.draw() });
        add(&mut rng, 1_500, &mut |rng| Act::Revoke { which: rng.draw() });
        add(&mut rng, 1_000, &mut |rng| Act::Reject { which: rng.draw() });
        if spare > 0 {
            add(&mut rng, 4_000, &mut |rng| Act::Join { which: rng.draw() });
        }
        add(&mut rng, 4_000, &mut |rng| Act::Leave { which: rng.draw() });
        add(&mut rng, 3_000, &mut |rng| Act::SetClock { ahead: jump(rng) });
        add(&mut rng, 5_000, &mut |rng| Act::Kill {
            how: kill(rng),
            down: Span::secs(rng.log_between(31, 20_000)),
        });
        add(&mut rng, 2_000, &mut |rng| Act::Rival { asleep: Span::secs(rng.between(1, 600)) });
        add(&mut rng, 3_000, &mut |_| Act::Snapshot);
        add(&mut rng, 2_500, &mut |rng| Act::Stall { first: rng.draw(), count: rng.between(1, 12) });
        add(&mut rng, 1_000, &mut |_| Act::ShrunkenReading);
    }
    // A week has draws of its own, so that scenarios without one stay as they were.
    let mut week = root.named("weeks");
    if week.happens(4_000) {
        script.push((START + Span(week.below(length)), Act::Week));
    }
    script.sort_by_key(|(at, _)| *at);
    script
}

/// A jump forward or back by seconds to months, or by the hour of a mistaken zone.
fn jump(rng: &mut Rng) -> i64 {
    let size = i64::try_from(rng.log_between(1_000, 5_000_000_000)).unwrap_or(0);
    match rng.below(5) {
        0 => 3_600_000,
        1 => -3_600_000,
        2 => 0,
        3 => size,
        _ => -size,
    }
}

fn kill(rng: &mut Rng) -> Kill {
    match rng.below(6) {
        0 => Kill::AppendFails,
        1 => Kill::AnswerLost,
        2 => Kill::RowsLost,
        3 => Kill::Now,
        _ => {
            let side = if rng.happens(5_000) { Side::Before } else { Side::After };
            Kill::AtEffect(Death { after: u32::try_from(rng.below(4)).unwrap_or(0), side })
        }
    }
}

impl super::run::Run {
    /// Does what the script says now.
    pub(super) fn perform(&mut self, act: &Act) {
        let on = |rollout: fn(RolloutId) -> RolloutCommand| rollout;
        match act {
            Act::SetClock { ahead } => self.clock.set_ahead(*ahead),
            Act::Snapshot => {
                if let Some(driver) = &mut self.driver {
                    // A snapshot is an aid: one that cannot be kept now is kept another time.
                    let _kept = driver.snapshot();
                }
            }
            Act::Week => self.start_week(),
            Act::Stall { first, count } => self.stall(*first, *count),
            Act::Rival { asleep } => self.fall_asleep(*asleep),
            Act::Kill { how, down } => self.kill(*how, *down),
            Act::Join { which } => self.join(*which),
            Act::Leave { which } => self.leave(*which),
            Act::ShrunkenReading => self.shrunken_reading(),
            Act::Approve => self.approve_all(),
            Act::Start { pipeline } => self.start(*pipeline),
            Act::Pause { which } => {
                self.on_some(*which, on(|rollout| RolloutCommand::Pause { rollout, reason: None }))
            }
            Act::Unpause { which } => {
                self.on_some(*which, on(|rollout| RolloutCommand::Unpause { rollout, reason: None }))
            }
            Act::Abort { which } => self.on_some(
                *which,
                on(|rollout| RolloutCommand::Abort { rollout, reason: Some("it does harm".to_owned()) }),
            ),
            Act::Retry { which } => {
                self.on_some(
                    *which,
                    on(|rollout| RolloutCommand::Retry { rollout, machines: None, reason: None }),
                );
            }
            Act::Resume { which } => self.resume(*which),
            Act::Skip { which, machine } => self.skip(*which, *machine),
            Act::SignOff { machine } => self.sign_off(*machine),
            Act::Revoke { which } => self.take_back(*which, Refusal::Revoke),
            Act::Reject { which } => self.take_back(*which, Refusal::Reject),
        }
    }

    fn kill(&mut self, how: Kill, down: Span) {
        match how {
            Kill::Now => {
                if self.driver.is_some() {
                    self.deaths += 1;
                    self.after_death(down);
                }
            }
            Kill::AppendFails => self.store.next(Fault::Append(AppendFault::Refuse)),
            Kill::AnswerLost => self.store.next(Fault::Append(AppendFault::LoseAnswer)),
            Kill::RowsLost => self.store.next(Fault::Append(AppendFault::LoseRows)),
            Kill::AtEffect(death) => self.hands.death.set(Some(death)),
        }
    }

    /// A part of the fleet stops answering, one machine after the other, and comes back in another order.
    fn stall(&mut self, first: u64, count: u64) {
        let now = self.clock.truth();
        let mut world = self.world.borrow_mut();
        let all = world.machines.len() as u64;
        for at in 0..count.min(all) {
            let machine = usize::try_from((first + at) % all).unwrap_or(0);
            let back = (at * 7 + 3) % count.max(1);
            world.machines[machine].stalled_until = now + Span::mins(5 + at + back * 11);
        }
    }

    /// The driver's machine is suspended until the lease has run out and another driver has taken over.
    fn fall_asleep(&mut self, asleep: Span) {
        if self.sleeper.is_some() {
            return;
        }
        if let Some(driver) = self.driver.take() {
            let now = self.clock.truth();
            let hands = std::mem::replace(&mut self.hands, super::hands::Hands::new(Rc::clone(&self.world)));
            self.deaths += 1;
            self.reopen = Some(now + Span::secs(35));
            self.sleeper = Some((now + Span::secs(36) + asleep, driver, hands, self.led_by));
        }
    }

    fn join(&mut self, which: u64) {
        if let Some(facts) = pick(&self.scenario.spare, which) {
            self.inventory.insert(facts.name.to_string(), facts);
            self.read_inventory();
        }
    }

    fn leave(&mut self, which: u64) {
        let names: Vec<String> = self.inventory.keys().cloned().collect();
        if names.len() < 2 {
            return;
        }
        if let Some(facts) = pick(&names, which).and_then(|name| self.inventory.remove(&name)) {
            self.scenario.spare.push(facts);
            self.read_inventory();
        }
    }

    fn shrunken_reading(&mut self) {
        let before = self.state().fleet.present_count();
        self.observe(Vec::new(), Confirmed::No);
        if self.state().fleet.present_count() != before {
            self.checks.violations.push("an empty reading was believed".to_owned());
        }
    }

    /// Everybody whose word is asked for gives it.
    pub(super) fn approve_all(&mut self) {
        for (_, actor, command) in wanted(self.state()) {
            self.say(&actor, command);
        }
        self.approve_weeks();
    }

    /// The operator's requests carry keys, and each is sent twice: what was done is not done again.
    fn operate(&mut self, command: RolloutCommand) {
        let operator = Actor::person("operator").with_role("oncall");
        self.keys += 1;
        let (key, command) = (self.keys.to_string(), Box::new(Command::Rollout(command)));
        let request = Command::Keyed { key, digest: digest(), command };
        self.say(&operator, request.clone());
        let (before, alive) = (self.checks.events, self.driver.is_some());
        self.say(&operator, request);
        if alive && self.driver.is_some() && self.checks.events != before {
            self.checks.violations.push("a request that was sent twice was done twice".to_owned());
        }
    }

    fn start(&mut self, pipeline: usize) {
        let pipeline = Box::new(self.scenario.pipelines[pipeline].clone());
        self.operate(RolloutCommand::Start { pipeline, build: BUILD, scope: Scope::Pipeline, reason: None });
    }

    fn take_back(&mut self, which: u64, how: Refusal) {
        let numbers: Vec<String> =
            self.state().changes.iter().filter_map(|change| change.number.clone()).collect();
        let Some(number) = pick(&numbers, which) else { return };
        let reason = "somebody had second thoughts".to_owned();
        let command = match how {
            Refusal::Revoke => ChangeCommand::Revoke { number, reason },
            Refusal::Reject => ChangeCommand::Reject { number, reason },
        };
        self.say(&Actor::person("lead").with_role("lead"), Command::Change(command));
    }

    fn sign_off(&mut self, which: u64) {
        let disturbed: Vec<MachineId> = self.state().gauges.disturbed().collect();
        if let Some(machine) = pick(&disturbed, which) {
            let reason = "it is being replaced".to_owned();
            let machines = self.named(machine);
            self.operate(RolloutCommand::SignOff { machines, reason });
        }
    }

    /// Some rollout that has not ended.
    fn some(&self, which: u64) -> Option<&Rollout> {
        let active: Vec<&Rollout> = self.state().rollouts.active().collect();
        pick(&active, which)
    }

    fn on_some(&mut self, which: u64, command: fn(RolloutId) -> RolloutCommand) {
        if let Some(rollout) = self.some(which).map(|rollout| rollout.id) {
            self.operate(command(rollout));
        }
    }

    fn skip(&mut self, which: u64, machine: u64) {
        let Some(one) = self.some(which) else { return };
        let rollout = one.id;
        let machines: Vec<MachineId> = one.jobs.iter().map(|job| job.machine).collect();
        if let Some(machine) = pick(&machines, machine) {
            let machines = self.named(machine);
            self.operate(RolloutCommand::Skip { rollout, machines, reason: "not this week".to_owned() });
        }
    }

    fn resume(&mut self, which: u64) {
        let Some(one) = self.some(which) else { return };
        let halted = |step: &StepRun| matches!(step.state, StepState::Halted(_));
        let Some(at) = one.steps.iter().position(halted) else { return };
        let (rollout, step) = (one.id, one.pipeline.steps[at].id.clone());
        let grant = u32::try_from(which % 3).unwrap_or(0);
        self.operate(RolloutCommand::Resume { rollout, step, grant, reason: None });
    }

    fn named(&self, machine: MachineId) -> Selector {
        let name = self.state().fleet.machine(machine).name();
        Selector::parse(name).unwrap_or_else(|error| unreachable!("a machine's name is a selector: {error}"))
    }

    /// People repair what halted and what is held up, so that everything can come to its end.
    pub(super) fn help_out(&mut self) {
        let operator = Actor::person("operator").with_role("oncall");
        let lead = Actor::person("lead").with_role("lead");
        self.world.borrow_mut().heal();
        let mut commands = Vec::new();
        for change in self.state().changes.iter() {
            if let (ChangeState::Revoked { .. }, Some(number)) = (&change.state, &change.number) {
                let approve = ChangeCommand::Approve { number: number.clone(), reason: None };
                commands.push((lead.clone(), Command::Change(approve.clone())));
                let other = Actor::person("other lead").with_role("lead");
                commands.push((other, Command::Change(approve)));
            }
        }
        for rollout in self.state().rollouts.active() {
            let id = rollout.id;
            let mut say = |command| commands.push((operator.clone(), Command::Rollout(command)));
            say(RolloutCommand::Unpause { rollout: id, reason: None });
            say(RolloutCommand::Retry { rollout: id, machines: None, reason: None });
            for (step, rule) in rollout.steps.iter().zip(&rollout.pipeline.steps) {
                if matches!(step.state, StepState::Halted(_)) {
                    let step = rule.id.clone();
                    say(RolloutCommand::Resume { rollout: id, step, grant: 1, reason: None });
                }
            }
            if self.waits_for_what_will_not_come(rollout) {
                say(RolloutCommand::Abort { rollout: id, reason: None });
            }
        }
        let reason = "looked at and found to be well".to_owned();
        commands.push((
            operator,
            Command::Rollout(RolloutCommand::SignOff { machines: Selector::all(), reason }),
        ));
        for (actor, command) in commands {
            self.say(&actor, command);
        }
    }

    /// A gate that waits for another pipeline which has ended without success, or was never started.
    fn waits_for_what_will_not_come(&self, rollout: &Rollout) -> bool {
        why::rollout(self.state(), rollout.id).iter().any(|reason| {
            let (Reason::Pipeline { pipeline } | Reason::SoakNotBegun { pipeline: Some(pipeline), .. }) =
                reason
            else {
                return false;
            };
            self.state().rollouts.of(pipeline, BUILD).all(Rollout::has_ended)
        })
    }
}

/// Requests differ by their keys here, so one digest does for all.
fn digest() -> Digest {
    Digest::new("5".repeat(64)).unwrap_or_else(|error| unreachable!("64 digits are a digest: {error}"))
}

fn pick<T: Clone>(choices: &[T], which: u64) -> Option<T> {
    let at = which.checked_rem(choices.len() as u64)?;
    choices.get(usize::try_from(at).ok()?).cloned()
}
