//! One run of a scenario: time passes, things happen, drivers die and come back, checkers look on.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use smith_domain::actor::Actor;
use smith_domain::cycle::waits;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::fleet::{FleetCommand, MachineFacts, ObservePolicy, Reading, SourceName};
use smith_domain::id::BuildNumber;
use smith_domain::state::State;
use smith_domain::time::{Span, Timestamp};
use smith_domain::why;
use smith_journal::{FaultyStore, MemoryStore, StoreLedger};
use smith_server::driver::{Driver, Input, OpenError, Stopped};

use super::act::Act;
use super::checks::Checks;
use super::hands::Hands;
use super::scenario::{People, Scenario};
use super::trace::Trace;
use crate::clock::SimClock;
use crate::world::{Happening, MADE, Say, World, command_of};

pub(super) type Store = Arc<FaultyStore<MemoryStore>>;
pub(super) type SimDriver = Driver<StoreLedger<Store>, Hands, SimClock>;

/// The build that everything is brought to.
pub(super) const BUILD: BuildNumber = MADE;

/// After the faults stop, everything must have come to its end or to a person within this time. The longest waits of a
/// scenario are a window that opens on Monday and a soak of a day.
const PATIENCE: Span = Span::hours(24 * 21);

/// Entries of the queue that belong to no script: the faults stop; helpful people make their round.
const CALM: u32 = u32::MAX;
const HELP: u32 = u32::MAX - 1;

/// How often helpful people look after everything, once the faults have stopped.
const ROUND: Span = Span::hours(6);

/// Turns of one run; more is a loop that makes no progress.
const TURNS_MAX: u64 = 400_000;

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub seed: u64,
    /// What must never be and was; empty is good.
    pub violations: Vec<String>,
    pub events: u64,
    pub turns: u64,
    /// Drivers that were killed, stopped or overtaken.
    pub deaths: u64,
    /// How each machine ended in each rollout, for the comparison with another run.
    pub ends: BTreeMap<(u32, String), String>,
    /// How often what was recorded, by the kind of event and, for answers, by what they said.
    pub kinds: BTreeMap<String, u64>,
}

/// Whether somebody has confirmed that a source may shrink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmed {
    Yes,
    No,
}

/// A run in progress.
pub(super) struct Run {
    pub(super) scenario: Scenario,
    pub(super) clock: SimClock,
    pub(super) world: Rc<RefCell<World>>,
    pub(super) store: Store,
    pub(super) driver: Option<SimDriver>,
    pub(super) hands: Hands,
    /// When the next driver begins, while there is none.
    pub(super) reopen: Option<Timestamp>,
    /// A driver that is suspended and does not know that another has taken over.
    pub(super) sleeper: Option<(Timestamp, SimDriver, Hands, u32)>,
    /// Which owner leads, or led last.
    pub(super) led_by: u32,
    pub(super) inventory: BTreeMap<String, MachineFacts>,
    pub(super) checks: Checks,
    pub(super) trace: Trace,
    pub(super) owners: u32,
    pub(super) deaths: u64,
    pub(super) wake: Option<Timestamp>,
    turns: u64,
    /// Rounds of helpful people.
    pub(super) rounds: u32,
    /// Keys of requests, counted.
    pub(super) keys: u32,
    calm: bool,
}

/// Runs a scenario to its end.
pub fn run(scenario: Scenario, trace: &mut Trace) -> Verdict {
    let mut run = Run::new(scenario, trace.wanted);
    run.follow();
    run.checks.at_the_end(&run.world.borrow(), run.calm);
    if run.calm && run.scenario.people == People::Helpful && run.checks.violations.is_empty() {
        let open: Vec<String> = run.state().rollouts.active().map(|r| r.id.to_string()).collect();
        if !open.is_empty() {
            let reasons: Vec<String> = run
                .state()
                .rollouts
                .active()
                .map(|r| format!("{:?}", why::rollout(run.state(), r.id)))
                .collect();
            let what =
                format!("projects {} did not end although everybody helped: {reasons:?}", open.join(", "));
            run.checks.violations.push(what);
        }
        let weeks = run.state().cycles.active();
        let weeks: Vec<String> = weeks.map(|cycle| format!("{:?}", waits(run.state(), cycle))).collect();
        if !weeks.is_empty() {
            let what = format!("a week did not end although everybody helped: {}", weeks.join("; "));
            run.checks.violations.push(what);
        }
    }
    *trace = std::mem::take(&mut run.trace);
    let mut violations = std::mem::take(&mut run.checks.violations);
    violations.append(&mut run.world.borrow_mut().violations);
    Verdict {
        seed: run.scenario.seed,
        violations,
        events: run.checks.events,
        turns: run.turns,
        deaths: run.deaths,
        ends: run.checks.ends(),
        kinds: std::mem::take(&mut run.checks.kinds),
    }
}

/// The journal that a scenario leads to, for tests of what is made of journals.
pub fn journal(scenario: Scenario) -> Arc<FaultyStore<MemoryStore>> {
    let mut run = Run::new(scenario, false);
    run.follow();
    run.store
}

impl Run {
    fn new(scenario: Scenario, traced: bool) -> Self {
        let clock = SimClock::new();
        let mut world = World::new(clock.clone(), scenario.seed, scenario.faults);
        [world.desk.slow, world.desk.silent, world.desk.failing, world.desk.refusing] = scenario.desk;
        for (number, (at, _)) in (0..).zip(&scenario.script) {
            world.queue.push(*at, Happening::Scripted(number));
        }
        world.queue.push(scenario.calm, Happening::Scripted(CALM));
        let world = Rc::new(RefCell::new(world));
        let inventory =
            scenario.machines.iter().map(|facts| (facts.name.to_string(), facts.clone())).collect();
        let store = Arc::new(FaultyStore::new(MemoryStore::new()));
        let mut run = Self {
            checks: Checks::new(scenario.seed),
            hands: Hands::new(Rc::clone(&world)),
            scenario,
            clock,
            world,
            store,
            driver: None,
            reopen: None,
            sleeper: None,
            led_by: 0,
            inventory,
            trace: Trace { lines: Vec::new(), wanted: traced },
            owners: 0,
            deaths: 0,
            wake: None,
            turns: 0,
            rounds: 0,
            keys: 0,
            calm: false,
        };
        run.open();
        run.read_inventory();
        run.say(&Actor::smith(), Command::Build(BuildCommand::Verified { build: BUILD }));
        run
    }

    pub(super) fn state(&self) -> &State {
        self.checks.state()
    }

    fn follow(&mut self) {
        while self.turns < TURNS_MAX && self.checks.violations.is_empty() {
            let mut times: Vec<Timestamp> = Vec::new();
            times.extend(self.world.borrow().queue.next_at());
            times.extend(self.reopen);
            times.extend(self.sleeper.as_ref().map(|(at, _, _, _)| *at));
            if self.driver.is_some() {
                times.extend(self.wake);
            }
            let over = self.calm && self.reopen.is_none() && self.sleeper.is_none();
            let open = |state: &State| {
                state.rollouts.active().next().is_some() || state.cycles.active().next().is_some()
            };
            if over && !open(self.state()) {
                return;
            }
            let Some(next) = times.into_iter().min() else {
                // Nothing happens by itself any more: whatever is open must wait for a person.
                self.checks.at_rest(&self.trace);
                return;
            };
            if self.calm && next.since(self.scenario.calm) > PATIENCE {
                return;
            }
            self.clock.advance_to(next);
            self.step();
        }
        if self.turns >= TURNS_MAX {
            self.checks.violations.push(format!("no end after {TURNS_MAX} turns"));
        }
    }

    /// Everything that happens at this moment.
    fn step(&mut self) {
        let now = self.clock.truth();
        if self.reopen.is_some_and(|at| at <= now) {
            self.reopen = None;
            self.open();
        }
        if self.sleeper.as_ref().is_some_and(|(at, _, _, _)| *at <= now) {
            self.wake_sleeper();
        }
        let mut inputs = Vec::new();
        loop {
            let happening = self.world.borrow_mut().queue.pop_by(now);
            let Some(happening) = happening else { break };
            match happening {
                Happening::Finish { machine, rollout, serial } => {
                    self.world.borrow_mut().finish(machine, rollout, serial);
                }
                Happening::Say(say) => {
                    if let Say::Errand { errand, outcome } = &say {
                        inputs.extend(self.outside(*errand, outcome));
                    }
                    inputs.push(Input { actor: Actor::smith(), command: command_of(say), tag: 0 });
                }
                Happening::Scripted(CALM) => self.calm_down(),
                Happening::Scripted(HELP) => {
                    self.perform(&Act::Approve);
                    self.help_out();
                    self.mend_weeks();
                    let next = Happening::Scripted(HELP);
                    self.world.borrow_mut().queue.push(now + ROUND, next);
                }
                Happening::Scripted(number) => {
                    let act = self.scenario.script[number as usize].1.clone();
                    self.trace.note(now, "script", &format!("{act:?}"));
                    self.perform(&act);
                }
            }
        }
        // Answers that come while nobody drives are lost; the next driver looks for them.
        if self.driver.is_some() {
            self.turn(inputs);
        }
    }

    fn calm_down(&mut self) {
        self.trace.note(self.clock.truth(), "calm", "the faults stop and everything is repaired");
        self.calm = true;
        self.world.borrow_mut().heal();
        self.hands.death.set(None);
        if self.scenario.people == People::Helpful {
            let soon = self.clock.truth() + ROUND;
            self.world.borrow_mut().queue.push(soon, Happening::Scripted(HELP));
        }
    }

    /// One turn of the driver, if there is one, and what became of it.
    pub(super) fn turn(&mut self, inputs: Vec<Input>) {
        let Some(mut driver) = self.driver.take() else { return };
        self.turns += 1;
        let result = driver.turn(inputs);
        let now = self.clock.truth();
        match result {
            Ok(turn) => {
                for answer in &turn.answers {
                    if let Err(rejection) = &answer.result {
                        self.trace.note(now, "rejected", &rejection.to_string());
                    }
                }
                self.wake = turn.wake.map(|wake| wake.at);
            }
            Err(stopped) => return self.died(&format!("{stopped}"), &stopped),
        }
        if self.hands.dead.get() {
            self.trace.note(now, "killed", "at an effect");
            self.deaths += 1;
            self.after_death(Span::secs(40));
            return;
        }
        self.checks.look(&self.store, &self.world.borrow(), &mut self.trace, now);
        self.checks.compare(&driver, now);
        self.driver = Some(driver);
    }

    fn died(&mut self, what: &str, why: &Stopped) {
        let now = self.clock.truth();
        self.trace.note(now, "stopped", what);
        if matches!(why, Stopped::Restless { .. } | Stopped::Before) {
            self.checks.violations.push(format!("{now} {what}"));
        }
        self.deaths += 1;
        self.after_death(Span::secs(40));
    }

    pub(super) fn after_death(&mut self, down: Span) {
        self.driver = None;
        self.store.reopen();
        let now = self.clock.truth();
        self.checks.look(&self.store, &self.world.borrow(), &mut self.trace, now);
        // A lease outlives its holder by half a minute.
        self.reopen = Some(now + down.max(Span::secs(31)));
        self.hands = Hands::new(Rc::clone(&self.world));
    }

    pub(super) fn open(&mut self) {
        self.owners += 1;
        let owner = format!("driver-{}", self.owners);
        let now = self.clock.truth();
        self.trace.note(now, "open", &owner);
        let ledger = StoreLedger::new(Arc::clone(&self.store));
        let opened = SimDriver::open(ledger, self.hands.clone(), self.clock.clone(), &owner);
        match opened {
            Ok(driver) => {
                self.led_by = self.owners;
                self.checks.look(&self.store, &self.world.borrow(), &mut self.trace, now);
                self.checks.compare(&driver, now);
                self.driver = Some(driver);
                self.wake = Some(now);
            }
            Err(error) => {
                self.trace.note(now, "closed", &format!("{error:?}"));
                if !may_fail(&error) {
                    self.checks.violations.push(format!("{now} {owner} could not begin: {error:?}"));
                }
                self.after_death(Span::secs(40));
            }
        }
        if self.hands.dead.get() {
            self.deaths += 1;
            self.after_death(Span::secs(40));
        }
    }

    /// The suspended driver wakes up and goes on as if nothing had happened. It must not get far.
    fn wake_sleeper(&mut self) {
        let Some((_, mut driver, hands, before_sleep)) = self.sleeper.take() else { return };
        let now = self.clock.truth();
        let before = hands.started.get();
        let result = driver.turn(vec![Input {
            actor: Actor::person("late"),
            command: Command::Build(BuildCommand::Verified { build: BuildNumber(99) }),
            tag: 0,
        }]);
        self.trace.note(now, "sleeper", &format!("{:?}", result.as_ref().err().map(ToString::to_string)));
        if self.led_by != before_sleep {
            if result.is_ok() {
                self.checks.violations.push(format!("{now} a driver that was overtaken went on"));
            }
        } else if result.is_ok() && self.driver.is_none() {
            // Nobody took over: it is still the one.
            self.checks.look(&self.store, &self.world.borrow(), &mut self.trace, now);
            (self.driver, self.hands, self.reopen, self.wake) = (Some(driver), hands, None, Some(now));
            return;
        }
        if hands.started.get() != before {
            self.checks.violations.push(format!("{now} a driver that was overtaken started effects"));
        }
    }

    pub(super) fn say(&mut self, actor: &Actor, command: Command) {
        self.turn(vec![Input { actor: actor.clone(), command, tag: 0 }]);
    }

    /// The inventory as it is now reaches the driver.
    pub(super) fn read_inventory(&mut self) {
        let machines: Vec<MachineFacts> = self.inventory.values().cloned().collect();
        self.observe(machines, Confirmed::Yes);
    }

    pub(super) fn observe(&mut self, machines: Vec<MachineFacts>, confirmed: Confirmed) {
        let Ok(source) = SourceName::new("inventory") else { return };
        let count = u32::try_from(machines.len()).unwrap_or(u32::MAX);
        let Ok(reading) = Reading::new(BTreeMap::from([(source.clone(), count)]), machines) else { return };
        let confirmed = match confirmed {
            Confirmed::Yes => BTreeSet::from([source]),
            Confirmed::No => BTreeSet::new(),
        };
        let policy = ObservePolicy::default();
        self.say(&Actor::smith(), Command::Fleet(FleetCommand::Observe { reading, confirmed, policy }));
    }
}

/// A lease that is still held, and a store that fails because it was told to, are no violations.
fn may_fail(error: &OpenError) -> bool {
    use smith_journal::LedgerError;
    matches!(
        error,
        OpenError::Journal(LedgerError::Lease(_))
            | OpenError::Stopped(Stopped::Journal(LedgerError::Append(_) | LedgerError::Lease(_)))
    )
}
