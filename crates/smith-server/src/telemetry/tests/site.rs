//! A driver whose machines answer as a test wants.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use smith_domain::actor::Actor;
use smith_domain::cycle::CycleCommand;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::fleet::{FleetCommand, ObservePolicy};
use smith_domain::id::{BuildNumber, RolloutId, StepName};
use smith_domain::rollout::{Action, Outcome, RebootNeed, RolloutCommand, Scope, Work};
use smith_domain::state::State;
use smith_domain::time::Span;
use tokio::runtime::{Builder, Runtime};

use super::collector::Collector;
use crate::config::settings::{HeaderFrom, Settings, Signal, TelemetrySettings};
use crate::core::{Core, Life, Start, start};
use crate::desk::BuiltIn;
use crate::driver::{Effect, Executor, Input, Target};
use crate::inventory::{load, load_config};
use crate::telemetry::Telemetry;

const PATIENCE: Duration = Duration::from_secs(60);

const FLEET: &str = "machines:
  - {name: a, environment: dev, region: us-south, cluster: one}
  - {name: b, environment: dev, region: us-south, cluster: two}
  - {name: c, environment: dev, region: ap-south, cluster: three}
";

const PIPELINE: &str = "pipeline: dev
title: dev
owner: ana
steps:
  - step: patch
    title: all
    change: record
    gates: [{approval: go, who: bob}]
    budget: 3
    parallel: 3
    retry: {attempts: 2, first: 1s, longest: 1s}
    bags: [{bag: all, machines: environment=dev}]
";

/// What machines answer, by their name and what is asked; the first answer leaves when it is given, but for the last. A machine
/// whose answers are none keeps silent.
#[derive(Debug, Clone, Default)]
pub(super) struct Script(Arc<Mutex<Answers>>);

type Answers = BTreeMap<(String, Action), Vec<Outcome>>;

impl Script {
    pub(super) fn on(self, machine: &str, action: Action, outcomes: &[Outcome]) -> Self {
        self.0.lock().unwrap().insert((machine.to_owned(), action), outcomes.to_vec());
        self
    }

    fn answer(&self, machine: &str, action: Action) -> Option<Outcome> {
        let mut script = self.0.lock().unwrap();
        let Some(outcomes) = script.get_mut(&(machine.to_owned(), action)) else {
            return Some(match action {
                Action::Check => Outcome::Found(Work::Install),
                Action::Patch => Outcome::Patched(RebootNeed::Needed),
                Action::Drain | Action::Reboot | Action::Health | Action::Undrain => Outcome::Done,
            });
        };
        if outcomes.len() > 1 { Some(outcomes.remove(0)) } else { outcomes.first().copied() }
    }
}

struct Machines {
    core: Core,
    desk: BuiltIn,
    script: Script,
}

impl Executor for Machines {
    fn start(&mut self, state: &State, effect: Effect) {
        let Target::Machine { rollout, machine, serial, action, .. } = effect.target else {
            return self.desk.start(state, effect);
        };
        let name = state.fleet.machine(machine).name();
        let Some(outcome) = self.script.answer(name, action) else { return };
        let note = matches!(outcome, Outcome::Failed(_)).then(|| format!("{name} said no"));
        let (took, packages) = (Span(5), None);
        let report = RolloutCommand::Report { rollout, machine, serial, outcome, took, note, packages };
        self.core.tell(Input { actor: Actor::smith(), command: Command::Rollout(report), tag: 0 });
    }
}

/// The pipeline with another wait before a second try.
pub(super) fn waiting(first: &str) -> String {
    PIPELINE.replace("first: 1s, longest: 1s", &format!("first: {first}, longest: {first}"))
}

/// A folder that servers come and go on.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("fleet.yaml"), FLEET).unwrap();
        std::fs::write(folder.path().join("sources.yaml"), "sources: [{name: all, file: fleet.yaml}]\n")
            .unwrap();
        std::fs::write(folder.path().join("token"), "Bearer from-a-file\nsecond line\n").unwrap();
        Self(folder)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn settings(&self, endpoint: &str) -> TelemetrySettings {
        TelemetrySettings {
            endpoint: endpoint.to_owned(),
            headers: [
                ("authorization".to_owned(), HeaderFrom::File(self.path("token"))),
                ("x-scope-orgid".to_owned(), HeaderFrom::Text("sre".to_owned())),
            ]
            .into(),
            service: "smith-test".to_owned(),
            interval: Span::mins(1),
            signals: [Signal::Traces].into(),
        }
    }

    /// Begins a server on what the one before has left.
    pub(super) fn serve(&self, script: Script, collector: Option<&Collector>) -> Server {
        self.serve_with(script, collector.map(|one| self.settings(&one.endpoint)))
    }

    pub(super) fn serve_with(&self, script: Script, settings: Option<TelemetrySettings>) -> Server {
        let executors = move |core: &Core| -> Box<dyn Executor + Send> {
            let (core, script) = (core.clone(), script.clone());
            Box::new(Machines { desk: BuiltIn::new(core.clone()), core, script })
        };
        let journal = self.path("journal.db");
        let life =
            start(Start { journal, owner: "test".to_owned(), executors: Box::new(executors) }).unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let telemetry = settings.map(|settings| {
            let name = Settings::default().site;
            Telemetry::begin(&settings, (&name, self.0.path()), life.core(), runtime.handle()).unwrap()
        });
        let server = Server { core: life.core().clone(), life, runtime, telemetry };
        if server.core.read(|state| state.fleet.is_empty()) {
            let config = load_config(&self.path("sources.yaml")).unwrap();
            let reading = load(&config, self.0.path()).unwrap();
            let (confirmed, policy) = (Default::default(), ObservePolicy::default());
            server.submit(Command::Fleet(FleetCommand::Observe { reading, confirmed, policy }));
            server.submit(Command::Build(BuildCommand::Verified { build: BuildNumber(725) }));
        }
        server
    }
}

pub(super) struct Server {
    pub(super) core: Core,
    life: Life,
    runtime: Runtime,
    pub(super) telemetry: Option<Telemetry>,
}

impl Server {
    pub(super) fn submit(&self, command: Command) {
        self.submit_as("ana", command);
    }

    fn submit_as(&self, name: &str, command: Command) {
        self.runtime.block_on(self.core.submit(Actor::person(name), command)).unwrap();
    }

    /// A project that waits for its approval.
    pub(super) fn start(&self) -> RolloutId {
        self.start_as(PIPELINE)
    }

    pub(super) fn start_as(&self, pipeline: &str) -> RolloutId {
        let pipelines = crate::config::pipeline::load("dev.yaml", pipeline.as_bytes()).unwrap();
        let pipeline = Box::new(pipelines.into_iter().next().unwrap());
        let (build, scope, reason) = (BuildNumber(725), Scope::Pipeline, Some("the weekly one".to_owned()));
        self.submit(Command::Rollout(RolloutCommand::Start { pipeline, build, scope, reason }));
        self.core.read(|state| state.rollouts.iter().next_back().unwrap().id)
    }

    pub(super) fn approve(&self, rollout: RolloutId) {
        self.until("a step that was reached", |state| {
            state.rollouts.get(rollout).is_some_and(|one| one.step(0).reached_at.is_some())
        });
        let (step, gate, reason) = (StepName::new("patch").unwrap(), "go".to_owned(), None);
        self.submit_as("bob", Command::Rollout(RolloutCommand::ApproveGate { rollout, step, gate, reason }));
    }

    /// A machine that has said nothing answers after all.
    pub(super) fn report(&self, rollout: RolloutId, name: &str, outcome: Outcome) {
        let (machine, serial) = self.core.read(|state| {
            let machine = state.fleet.find(name).unwrap();
            (machine, state.rollouts.get(rollout).unwrap().job_of(machine).unwrap().serial)
        });
        let (took, note, packages) = (Span(5), None, None);
        let report = RolloutCommand::Report { rollout, machine, serial, outcome, took, note, packages };
        self.submit_as("smith", Command::Rollout(report));
    }

    pub(super) fn cycle(&self, command: CycleCommand) {
        self.submit(Command::Cycle(command));
    }

    pub(super) fn until(&self, what: &str, is_so: impl Fn(&State) -> bool) {
        let begun = Instant::now();
        while !self.core.read(&is_so) {
            assert!(begun.elapsed() < PATIENCE, "expected {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(super) fn until_ended(&self, rollout: RolloutId) {
        self.until("the end of a project", |state| {
            state.rollouts.get(rollout).is_some_and(smith_domain::rollout::Rollout::has_ended)
        });
    }

    /// Ends as a server does that is asked to; says how long the collector was waited for.
    pub(super) fn end(self) -> Duration {
        self.life.end();
        let begun = Instant::now();
        if let Some(telemetry) = self.telemetry {
            telemetry.end();
        }
        begun.elapsed()
    }

    /// Ends as a server does that is killed: what was not sent and not written is not.
    pub(super) fn kill(self) {
        let Self { runtime, life, telemetry, .. } = self;
        runtime.shutdown_background();
        drop(telemetry);
        life.end();
    }
}
