//! A world in memory that drives decide, evolve and plan to rest, with a clock of its own.
//!
//! Every action takes a fixed time (check 1 minute, drain 1, patch 7, reboot 5, health check 2, undrain 1) and goes
//! well unless the script says otherwise, so that a machine with the builders' plain bag takes ten minutes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::actor::Actor;
use crate::decide::{BuildCommand, Command, decide};
use crate::errand::{ErrandEvent, ErrandId, ErrandKind, ErrandOutcome};
use crate::event::Event;
use crate::fleet::text::seen_machines;
use crate::fleet::{FleetCommand, Naming, ObservePolicy, SourceName, SourceReading, merge};
use crate::id::{BuildNumber, MachineId, RolloutId};
use crate::pipeline::Pipeline;
use crate::plan::{Plan, plan};
use crate::rollout::tests::audit::{Audit, Moved};
use crate::rollout::{
    Action, Call, How, JobState, Outcome, RebootNeed, RolloutCommand, RolloutEnd, RolloutEvent, StepEnd, Work,
};
use crate::state::State;
use crate::time::{Now, Span, Timestamp};

/// Friday, 2026-11-20T00:00:00Z: where every story begins.
pub(super) const START: Timestamp = Timestamp(1_795_132_800_000);

/// A story that plans more often than this without time passing goes round in circles.
const ROUNDS_MAX: usize = 300;

/// Wake-ups in one stretch of a story. The longest looks once a minute whether a window has opened, for some days.
const WAKES_MAX: usize = 20_000;

/// What the outside services do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Desk {
    Prompt,
    Silent,
    Refuses,
}

/// How a machine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Says(Outcome),
    Silent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    at: Timestamp,
    rollout: RolloutId,
    verb: String,
    names: Vec<String>,
}

pub(super) struct World {
    pub(super) state: State,
    pub(super) journal: Vec<(Timestamp, Event)>,
    pub(super) now: Timestamp,
    /// How far the machine's clock is ahead of the steady time, in milliseconds.
    pub(super) wall_ahead: i64,
    pub(super) desk: Desk,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) watched: BTreeSet<String>,
    fleet: Vec<String>,
    answers: BTreeMap<(String, Action), VecDeque<Answer>>,
    always: BTreeMap<(String, Action), Answer>,
    pending: BTreeMap<(Timestamp, u64), Command>,
    sent: u64,
    raised: u32,
    audit: Audit,
    lines: Vec<Line>,
}

/// Plays a script over a fleet and compares what happened with what is expected, line by line.
pub(super) fn check(fleet: &str, pipelines: &[Pipeline], script: &str, expected: &str) {
    let world = play(fleet, pipelines, script);
    let lines = |text: &str| -> Vec<String> {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    let (found, expected) = (lines(&world.story()), lines(expected));
    assert!(found == expected, "found\n{}\n\nexpected\n{}", found.join("\n"), expected.join("\n"));
}

/// Plays a script and checks at its end what must be so at the end of every story.
pub(super) fn play(fleet: &str, pipelines: &[Pipeline], script: &str) -> World {
    let mut world = World::new(fleet, pipelines);
    world.script(script);
    world.finish();
    world
}

impl World {
    /// The inventory says something else of the machines.
    pub(super) fn set_fleet(&mut self, lines: &[String]) {
        self.fleet = lines.to_vec();
        self.observe();
    }

    pub(super) fn new(fleet: &str, pipelines: &[Pipeline]) -> Self {
        let mut world = World {
            state: State::default(),
            journal: Vec::new(),
            now: START,
            wall_ahead: 0,
            desk: Desk::Prompt,
            pipelines: pipelines.to_vec(),
            watched: BTreeSet::new(),
            fleet: fleet.lines().map(|line| line.trim().to_owned()).collect(),
            answers: BTreeMap::new(),
            always: BTreeMap::new(),
            pending: BTreeMap::new(),
            sent: 0,
            raised: 0,
            audit: Audit::default(),
            lines: Vec::new(),
        };
        world.observe();
        for build in [725, 726] {
            world.command(
                &Actor::smith(),
                &Command::Build(BuildCommand::Verified { build: BuildNumber(build) }),
            );
        }
        world
    }

    pub(super) fn clock(&self) -> Now {
        Now { steady: self.now, wall: Timestamp(self.now.0 + self.wall_ahead) }
    }

    pub(super) fn machine(&self, name: &str) -> MachineId {
        self.state.fleet.find(name).unwrap_or_else(|| panic!("no machine {name}"))
    }

    /// The state of a machine's job.
    pub(super) fn job(&self, rollout: u32, name: &str) -> JobState {
        let rollout = self.state.rollouts.get(RolloutId(rollout)).unwrap();
        rollout.job_of(self.machine(name)).unwrap_or_else(|| panic!("no job of {name}")).state
    }

    pub(super) fn is_disturbed(&self, name: &str) -> bool {
        self.state.gauges.grip(self.machine(name)).disturbed
    }

    pub(super) fn join(&mut self, line: &str) {
        self.fleet.push(line.to_owned());
        self.observe();
    }

    /// One machine, which must have a line of its own, is no more in the inventory.
    pub(super) fn leave(&mut self, name: &str) {
        let before = self.fleet.len();
        self.fleet.retain(|line| line.split_whitespace().next() != Some(name));
        assert!(self.fleet.len() < before, "no line for {name}");
        self.observe();
    }

    /// The inventory says something else about a machine.
    pub(super) fn change(&mut self, name: &str, line: &str) {
        self.fleet.retain(|old| old.split_whitespace().next() != Some(name));
        self.fleet.push(line.to_owned());
        self.observe();
    }

    fn observe(&mut self) {
        let name = SourceName::new("text").unwrap();
        let machines = seen_machines(&self.fleet.join("\n")).unwrap();
        let source = SourceReading { name: name.clone(), precedence: 0, machines };
        let reading = merge(vec![source], &Naming::conventional()).unwrap();
        let observe =
            FleetCommand::Observe { reading, confirmed: [name].into(), policy: ObservePolicy::default() };
        self.command(&Actor::smith(), &Command::Fleet(observe));
    }

    pub(super) fn rollout(&mut self, actor: &str, command: RolloutCommand) {
        self.command(&Actor::person(actor), &Command::Rollout(command));
    }

    /// What the command leads to is recorded; a rejection becomes part of the story.
    pub(super) fn command(&mut self, actor: &Actor, command: &Command) {
        let again = decide(&self.state, actor, command.clone(), self.clock());
        let decided = decide(&self.state, actor, command.clone(), self.clock());
        assert_eq!(decided, again, "the same command gives the same events");
        match decided {
            Ok(events) => events.into_iter().for_each(|event| self.record(event)),
            Err(rejection) => self.tell(RolloutId(0), format!("rejected: {rejection}"), None),
        }
        self.settle();
    }

    pub(super) fn errand_answer(&mut self, errand: u32, outcome: ErrandOutcome) {
        self.command(&Actor::smith(), &Command::ErrandReport { errand: ErrandId(errand), outcome });
    }

    fn record(&mut self, event: Event) {
        self.state.evolve(&event, self.now);
        let moved = self.audit.follow(&self.state, &event, self.clock());
        self.tell_event(&event, &moved);
        match &event {
            Event::Rollout(RolloutEvent::Asked { rollout, machine, serial, action }) => {
                self.asked(*rollout, *machine, *serial, *action);
            }
            Event::Errand(ErrandEvent::Asked { errand, .. }) => self.errand(*errand),
            _ => {}
        }
        self.journal.push((self.now, event));
    }

    /// Plans, records and answers until nothing is left to do now, and says when to look again.
    pub(super) fn settle(&mut self) -> Option<Timestamp> {
        loop {
            let wake = self.plan();
            if self.pending.keys().next().is_none_or(|(at, _)| *at > self.now) {
                return wake;
            }
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.pending.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let command = entry.remove();
            let decided = decide(&self.state, &Actor::smith(), command.clone(), self.clock()).unwrap();
            decided.into_iter().for_each(|event| self.record(event));
        }
    }

    fn plan(&mut self) -> Option<Timestamp> {
        for _ in 0..ROUNDS_MAX {
            let Plan { events, wake } = plan(&self.state, self.clock());
            let again = plan(&self.state, self.clock());
            assert_eq!((&events, &wake), (&again.events, &again.wake), "the same state gives the same plan");
            if events.is_empty() {
                self.audit.at_rest(&self.state, self.clock());
                let wake = wake.map(|wake| wake.at);
                assert!(wake.is_none_or(|at| at > self.now), "a wake-up in the past: {wake:?}");
                return wake;
            }
            events.into_iter().for_each(|event| self.record(event));
        }
        panic!("the plan does not come to rest:\n{}", self.story());
    }

    /// Lets time pass until then.
    pub(super) fn until(&mut self, end: Timestamp) {
        let mut wake = self.settle();
        for wakes in 0.. {
            assert!(wakes < WAKES_MAX, "time does not pass:\n{}", self.story());
            let answer = self.pending.keys().next().map(|(at, _)| *at);
            let next = [answer, wake].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            self.deliver();
            wake = self.settle();
        }
        self.now = self.now.max(end);
        self.settle();
    }

    /// Lets time pass until nothing happens any more by itself, at most forty days.
    pub(super) fn run(&mut self) {
        let end = self.now + Span::hours(40 * 24);
        let mut wake = self.settle();
        let mut wakes = 0;
        while let Some(next) =
            [self.pending.keys().next().map(|(at, _)| *at), wake].into_iter().flatten().min()
        {
            if next > end || self.state.rollouts.active().next().is_none() {
                break;
            }
            wakes += 1;
            assert!(wakes < WAKES_MAX, "it does not end:\n{}", self.story());
            self.until(next.max(self.now));
            wake = self.settle();
        }
    }

    /// What holds at the end of every story.
    pub(super) fn finish(&mut self) {
        self.settle();
        let mut folded = State::default();
        for (at, event) in &self.journal {
            folded.evolve(event, *at);
        }
        assert_eq!(folded, self.state, "the fold of the journal is the live state");
        let bytes = postcard::to_allocvec(&self.state).unwrap();
        let back: State = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(back, self.state, "a snapshot brings the same state back");
        assert_eq!(plan(&back, self.clock()), plan(&self.state, self.clock()));
    }

    pub(super) fn will(&mut self, name: &str, action: Action, answer: Answer, times: usize) {
        let answers = self.answers.entry((name.to_owned(), action)).or_default();
        answers.extend(std::iter::repeat_n(answer, times));
    }

    pub(super) fn always(&mut self, name: &str, action: Action, answer: Answer) {
        self.always.insert((name.to_owned(), action), answer);
    }

    /// From now on every machine answers well, and so does the desk.
    pub(super) fn heal(&mut self) {
        self.answers.clear();
        self.always.clear();
        self.desk = Desk::Prompt;
    }

    fn asked(&mut self, rollout: RolloutId, machine: MachineId, serial: u16, action: Action) {
        let name = self.state.fleet.machine(machine).name().to_owned();
        if self.watched.contains(&name) {
            self.tell(rollout, format!("ask {action}"), Some(&name));
        }
        let mut queued = |name: &str| self.answers.get_mut(&(name.to_owned(), action))?.pop_front();
        let answer = queued(&name).or_else(|| queued("*"));
        let always = |name: &str| self.always.get(&(name.to_owned(), action)).copied();
        let answer = answer.or_else(|| always(&name)).or_else(|| always("*"));
        let Answer::Says(outcome) = answer.unwrap_or(Answer::Says(goes_well(action))) else { return };
        let took = takes(action);
        let report =
            RolloutCommand::Report { rollout, machine, serial, outcome, took, note: None, packages: None };
        self.send(self.now + took, Command::Rollout(report));
    }

    fn errand(&mut self, errand: ErrandId) {
        let open = self.state.errands.get(errand).unwrap();
        let outcome = match (self.desk, open.kind) {
            (Desk::Silent, _) => return,
            (Desk::Refuses, ErrandKind::RaiseChange(_)) => {
                ErrandOutcome::Refused { reason: "the desk is closed".to_owned() }
            }
            (Desk::Prompt, ErrandKind::RaiseChange(change)) => {
                self.raised += 1;
                let tasks = self.state.changes.get(change).unwrap().tasks.len();
                let tasks = (0..tasks).map(|at| format!("CTASK{}{at}", self.raised)).collect();
                ErrandOutcome::Raised { number: format!("CHG{}", self.raised), tasks }
            }
            (Desk::Refuses | Desk::Prompt, ErrandKind::RaiseTicket(ticket)) => {
                ErrandOutcome::Raised { number: format!("T-{}", ticket.0), tasks: Vec::new() }
            }
            (Desk::Refuses | Desk::Prompt, _) => ErrandOutcome::Done,
        };
        self.send(self.now, Command::ErrandReport { errand, outcome });
    }

    pub(super) fn send(&mut self, at: Timestamp, command: Command) {
        self.sent += 1;
        self.pending.insert((at, self.sent), command);
    }

    fn tell(&mut self, rollout: RolloutId, verb: String, name: Option<&str>) {
        let name = name.map(str::to_owned);
        if let (Some(last), Some(name)) = (self.lines.last_mut(), &name)
            && (last.at, last.rollout, &last.verb) == (self.now, rollout, &verb)
        {
            return last.names.push(name.clone());
        }
        self.lines.push(Line { at: self.now, rollout, verb, names: name.into_iter().collect() });
    }

    fn tell_event(&mut self, event: &Event, moved: &[Moved]) {
        for moved in moved {
            let name = self.state.fleet.machine(moved.machine).name().to_owned();
            if let Some(verb) = verb(moved) {
                self.tell(moved.rollout, verb, Some(&name));
            }
        }
        let Event::Rollout(event) = event else { return };
        let step_name = |rollout: &RolloutId, step: &u16| {
            let rollout = self.state.rollouts.get(*rollout).unwrap();
            (rollout.pipeline.steps.len() > 1).then(|| rollout.rule(*step).id.to_string())
        };
        let told = match event {
            RolloutEvent::StepOpened { rollout, step, .. } => {
                step_name(rollout, step).map(|name| format!("open {name}"))
            }
            RolloutEvent::StepEnded { rollout, step, end: StepEnd::Done } => {
                step_name(rollout, step).map(|name| format!("end {name}"))
            }
            RolloutEvent::WindowOpened { until: Some(_), .. } => Some("window opens".to_owned()),
            RolloutEvent::WindowClosed { .. } => Some("window closes".to_owned()),
            RolloutEvent::Halted { why, .. } => Some(format!("halted: {why}")),
            RolloutEvent::Called { why: Call::HeldUp { by }, .. } => {
                let names: Vec<&str> = by.iter().map(|m| self.state.fleet.machine(m).name()).collect();
                Some(format!("held up by {}", names.join(" ")))
            }
            RolloutEvent::Sought { machine, round, .. } => {
                Some(format!("seek {} {round}", self.state.fleet.machine(*machine).name()))
            }
            RolloutEvent::Ended { end: RolloutEnd::Succeeded, .. } => Some("succeeded".to_owned()),
            RolloutEvent::Ended { end: RolloutEnd::Aborted, .. } => Some("aborted".to_owned()),
            _ => None,
        };
        if let Some(told) = told {
            self.tell(event.rollout().unwrap(), told, None);
        }
    }

    /// What happened, a line for each time and kind: `10m start a b`.
    pub(super) fn story(&self) -> String {
        let many = self.state.rollouts.iter().count() > 1;
        let line = |line: &Line| {
            let mut words = vec![clock(line.at)];
            if many && line.rollout.0 > 0 {
                words.push(format!("#{}", line.rollout));
            }
            words.push(line.verb.clone());
            words.extend(line.names.iter().cloned());
            words.join(" ")
        };
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for World {
    /// A test that fails shows what had happened.
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.story());
        }
    }
}

/// `1d2h30m` after the start of the story.
fn clock(at: Timestamp) -> String {
    let seconds = at.since(START).0 / 1000;
    let units =
        [(seconds / 86_400, 'd'), (seconds / 3600 % 24, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let text: String = units.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn verb(moved: &Moved) -> Option<String> {
    let was_active = matches!(moved.from, Some(JobState::Active(_)));
    Some(match moved.to {
        JobState::Active(_) if was_active => return None,
        JobState::Active(_) => "start".to_owned(),
        JobState::Waiting | JobState::Aside => return None,
        JobState::Again if matches!(moved.from, Some(JobState::Failed { .. } | JobState::Lost { .. })) => {
            "again".to_owned()
        }
        JobState::Again => return None,
        JobState::Done(How::Patched) => "done".to_owned(),
        JobState::Done(How::Rebooted) => "rebooted".to_owned(),
        JobState::Done(How::AlreadySo) => "already so".to_owned(),
        JobState::Done(How::Elsewhere) => "done elsewhere".to_owned(),
        JobState::Done(How::Stopped) => "stopped".to_owned(),
        JobState::Failed { action, cause } => format!("failed at {action} ({cause})"),
        JobState::Lost { action } => format!("lost at {action}"),
        JobState::Skipped => "skipped".to_owned(),
        JobState::Gone(_) => "gone".to_owned(),
    })
}

pub(super) fn takes(action: Action) -> Span {
    Span::mins(match action {
        Action::Check | Action::Drain | Action::Undrain => 1,
        Action::Patch => 7,
        Action::Reboot => 5,
        Action::Health => 2,
    })
}

pub(super) fn goes_well(action: Action) -> Outcome {
    match action {
        Action::Check => Outcome::Found(Work::Install),
        Action::Patch => Outcome::Patched(RebootNeed::NotNeeded),
        Action::Drain | Action::Reboot | Action::Health | Action::Undrain => Outcome::Done,
    }
}
