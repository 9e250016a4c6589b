//! What the spine costs: one event at growing fleets, a whole rollout, a refold. Prints medians; compares nothing.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use smith_domain::actor::Actor;
use smith_domain::build::BuildEvent;
use smith_domain::decide::{Command, decide};
use smith_domain::event::Event;
use smith_domain::fleet::FleetEvent;
use smith_domain::id::BuildNumber;
use smith_domain::pipeline::Pipeline;
use smith_domain::plan::plan;
use smith_domain::rollout::{JobState, RolloutCommand, RolloutEvent, Scope, Turn};
use smith_domain::state::State;
use smith_domain::time::{Now, Span, Timestamp};
use smith_journal::codec::Codec;
use smith_journal::{Entry, Head, Ledger, Reader, Seq, SqliteStore, StoreLedger, fold, verify};
use smith_server::driver::{Effect, Executor, Mode, Target};
use smith_sim::clock::{START, SimClock};
use smith_sim::model::Faults;
use smith_sim::rehearse::{Plan, Shape, generate, run};
use smith_sim::world::{Happening, Say, World};

type Failure = Box<dyn Error>;

/// One pipeline over the whole fleet: every cluster one machine at a time, as many clusters as there are.
const PIPELINE: &str = "
pipeline: everything
title: the whole fleet
owner: role:sre-oncall
steps:
  - step: all
    title: all machines
    change: none
    budget: 100%
    bags:
      - bag: all
        machines: environment=prod
        parallel: unbounded
        drain: yes
";

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<(), Failure> {
    let pipeline = pipeline()?;
    let mut medians = Vec::new();
    for machines in [1_000, 10_000, 100_000, 1_000_000] {
        let median = per_event(&pipeline, machines)?;
        println!("decide+evolve+plan, {machines:>9} machines: {median:>6.0} ns an event (median of turns)");
        medians.push(median);
    }
    if let (Some(first), Some(last)) = (medians.first(), medians.last()) {
        println!("ratio 1,000,000 to 1,000 machines: {:.2}", last / first);
    }
    whole(&pipeline)?;
    refold(&pipeline)?;
    Ok(())
}

fn pipeline() -> Result<Pipeline, Failure> {
    let mut loaded = smith_server::config::pipeline::load("bench.yaml", PIPELINE.as_bytes())?;
    loaded.pop().ok_or_else(|| "the bench's pipeline is empty".into())
}

fn state_of(pipeline: &Pipeline, machines: u32) -> State {
    let shape = Shape { machines, clusters: machines / 100, seed: 7 };
    let mut state = State::default();
    for chunk in generate(&shape, std::slice::from_ref(pipeline)).chunks(1000) {
        state.evolve(&FleetEvent::MachinesJoined { machines: chunk.to_vec() }.into(), START);
    }
    state.evolve(&BuildEvent::Verified { build: BuildNumber(2) }.into(), START);
    state
}

fn start(pipeline: &Pipeline) -> Command {
    Command::Rollout(RolloutCommand::Start {
        pipeline: Box::new(pipeline.clone()),
        build: BuildNumber(2),
        scope: Scope::Pipeline,
        reason: None,
    })
}

/// The median cost of an event in the middle of a rollout: from the answer of a machine to a plan at rest.
fn per_event(pipeline: &Pipeline, machines: u32) -> Result<f64, Failure> {
    let mut rollout = Rollout::new(state_of(pipeline, machines));
    rollout.command(start(pipeline))?;
    let mut samples: Vec<f64> = Vec::new();
    // The first answers still find everything warm from the start; the turns after that are what a rollout is made of.
    let wanted = 60_000.min(machines as usize * 8);
    for turn in 0..wanted {
        let Some(command) = rollout.next_answer() else { break };
        let began = Instant::now();
        let events = rollout.command(command)?;
        if turn > wanted / 10 && events > 0 {
            samples.push(began.elapsed().as_nanos() as f64 / events as f64);
        }
    }
    Ok(median(&mut samples))
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The rules with a world, and without a driver.
struct Rollout {
    state: State,
    world: World,
    clock: SimClock,
    asked: Vec<Effect>,
    recorded: Vec<(Timestamp, Event)>,
    keep: bool,
}

impl Rollout {
    fn new(state: State) -> Self {
        let clock = SimClock::new();
        let mut world = World::new(clock.clone(), 7, Faults::NONE);
        world.know(state.fleet.len());
        Self { state, world, clock, asked: Vec::new(), recorded: Vec::new(), keep: false }
    }

    /// Decides, follows, and plans until nothing is left; answers how many events that made.
    fn command(&mut self, command: Command) -> Result<u64, Failure> {
        let now = Now::same(self.clock.truth());
        let mut events = decide(&self.state, &Actor::smith(), command, now)?;
        let mut count = 0;
        while !events.is_empty() {
            count += events.len() as u64;
            for event in events {
                self.state.evolve(&event, now.steady);
                self.note(&event);
                if self.keep {
                    self.recorded.push((now.steady, event));
                }
            }
            events = plan(&self.state, now).events;
        }
        Ok(count)
    }

    fn note(&mut self, event: &Event) {
        let Event::Rollout(RolloutEvent::Asked { rollout, machine, serial, action }) = event else { return };
        let target = Target::Machine {
            rollout: *rollout,
            machine: *machine,
            serial: *serial,
            action: *action,
            build: BuildNumber(2),
        };
        self.asked.push(Effect { mode: Mode::Act, tenure: 1, deadline: Timestamp(i64::MAX), target });
    }

    /// Lets the world go on until a machine answers.
    fn next_answer(&mut self) -> Option<Command> {
        for effect in std::mem::take(&mut self.asked) {
            self.world.start(&self.state, effect);
        }
        loop {
            self.clock.advance_to(self.world.queue.next_at()?);
            match self.world.queue.pop_by(self.clock.truth())? {
                Happening::Finish { machine, rollout, serial } => self.world.finish(machine, rollout, serial),
                Happening::Say(Say::Report { rollout, machine, serial, outcome, took }) => {
                    return Some(Command::Rollout(RolloutCommand::Report {
                        rollout,
                        machine,
                        serial,
                        outcome,
                        took,
                        note: None,
                        packages: None,
                    }));
                }
                Happening::Say(Say::Errand { .. }) | Happening::Scripted(_) => {}
            }
        }
    }
}

/// A whole rollout over a million machines in ten thousand uneven clusters.
fn whole(pipeline: &Pipeline) -> Result<(), Failure> {
    let began = Instant::now();
    let shape = Shape { machines: 1_000_000, clusters: 10_000, seed: 7 };
    let pipelines = vec![pipeline.clone()];
    let machines = generate(&shape, &pipelines);
    let plan = Plan {
        pipelines,
        machines: machines.into(),
        seed: 7,
        faults: Faults::NONE,
        approval: Span::mins(30),
        changes: Vec::new(),
        horizon: Span::hours(24 * 3650),
    };
    let report = run(&plan)?;
    let took = began.elapsed();
    println!(
        "rollout of 1,000,000 machines in 10,000 clusters: {:.1} s, {} events, {:.2} us each, peak {} MiB",
        took.as_secs_f64(),
        report.events,
        took.as_micros() as f64 / report.events as f64,
        peak_mib()
    );
    println!(
        "makespan {} of a bound of {}: {:.3}",
        report.makespan(),
        report.bound,
        report.of_bound_permille() as f64 / 1000.0
    );
    Ok(())
}

fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// A journal of a million events of a real rollout, in SQLite: how fast it is verified and folded.
fn refold(pipeline: &Pipeline) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("smith-bench-spine-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let result = refold_in(pipeline, &folder.join("journal.sqlite"));
    fs::remove_dir_all(&folder)?;
    result
}

fn refold_in(pipeline: &Pipeline, path: &std::path::Path) -> Result<(), Failure> {
    let mut rollout = Rollout::new(State::default());
    rollout.keep = true;
    let shape = Shape { machines: 85_000, clusters: 850, seed: 7 };
    for chunk in generate(&shape, std::slice::from_ref(pipeline)).chunks(1000) {
        let event: Event = FleetEvent::MachinesJoined { machines: chunk.to_vec() }.into();
        rollout.state.evolve(&event, START);
        rollout.recorded.push((START, event));
    }
    let event: Event = BuildEvent::Verified { build: BuildNumber(2) }.into();
    rollout.state.evolve(&event, START);
    rollout.recorded.push((START, event));
    rollout.world.know(rollout.state.fleet.len());
    rollout.command(start(pipeline))?;
    while let Some(command) = rollout.next_answer() {
        rollout.command(command)?;
    }
    let left = rollout.state.rollouts.iter().flat_map(|r| r.jobs.iter());
    let asked =
        left.filter(|job| matches!(job.state, JobState::Active(a) if matches!(a.turn, Turn::Asked { .. })));
    println!("journal: {} events recorded, {} machines still at work", rollout.recorded.len(), asked.count());
    let events = rollout.recorded.len() as f64;
    let mut ledger = StoreLedger::new(SqliteStore::open(path)?);
    ledger.take("bench", START)?;
    let began = Instant::now();
    for chunk in rollout.recorded.chunks(1000) {
        let entries =
            chunk.iter().map(|(at, event)| Entry { at: *at, actor: "smith".into(), event: event.clone() });
        ledger.append(&rollout.state, entries.collect())?;
    }
    rate("appended in batches of 1000", events, began.elapsed());
    let store = ledger.into_store();
    let mut folds = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        let opening = fold(&store, &Codec::default())?;
        folds.push(began.elapsed());
        if opening.state != rollout.state {
            return Err("the journal folds to another state".into());
        }
    }
    folds.sort();
    rate("folded (median of 5)", events, folds[2]);
    let began = Instant::now();
    let mut rows = 0_u64;
    store.read_from(Seq::GENESIS, &mut |_| {
        rows += 1;
        ControlFlow::Continue(())
    })?;
    rate("read", rows as f64, began.elapsed());
    let began = Instant::now();
    verify(&store, Head::GENESIS, &[])?;
    rate("verified", events, began.elapsed());
    Ok(())
}

fn rate(what: &str, events: f64, took: Duration) {
    println!("{what}: {:.2} s, {:.0} events/s", took.as_secs_f64(), events / took.as_secs_f64());
}
