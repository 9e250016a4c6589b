//! Examples of what happens to rollouts.

use smith_domain::access::Digest;
use smith_domain::calendar::{Calendar, Closing, Freeze, Window, Zone, parse_freeze_dates, parse_times};
use smith_domain::event::Event;
use smith_domain::fleet::Selector;
use smith_domain::id::{AttrName, BagName, BuildNumber, MachineId, PipelineName, RolloutId, StepName};
use smith_domain::pipeline::{
    Actions, Amount, Bag, Budget, ChangeRule, Counts, Drain, Gate, Health, IfEmpty, Limit, Parallel, Patch,
    Phase, Pipeline, Reboot, RetryRule, Revisit, SoakFrom, Step, Take, Timeouts, Who,
};
use smith_domain::rollout::{
    Action, Call, CauseKind, Halt, Outcome, RebootNeed, RolloutEnd, RolloutEvent, RunSpec, Runs, Scope,
    StepEnd, Work,
};
use smith_domain::time::{Span, Timestamp};

const ROLLOUT: RolloutId = RolloutId(12);

fn select(text: &str) -> Selector {
    Selector::parse(text).expect("a selector")
}

fn pipeline_name(text: &str) -> PipelineName {
    PipelineName::new(text).expect("a name")
}

fn who(text: &str) -> Who {
    Who(vec![text.to_owned()])
}

fn attr(text: &str) -> AttrName {
    AttrName::new(text).expect("a name")
}

fn runs(machines: &[u32]) -> Runs {
    machines.iter().copied().map(MachineId).collect()
}

/// As little as a pipeline can say.
fn plain() -> Pipeline {
    let bag = Bag {
        name: BagName::new("all").expect("a name"),
        select: select("*"),
        take: None,
        actions: Actions::PATCH,
        parallel: Parallel::AtMost(1),
        limits: Vec::new(),
        revisit: Revisit::Skip,
        if_empty: IfEmpty::Refuse,
        retry: RetryRule::default(),
        timeouts: Timeouts::default(),
    };
    let step = Step {
        id: StepName::new("only").expect("a name"),
        title: "Only".to_owned(),
        after: Vec::new(),
        gates: Vec::new(),
        exclusive: None,
        calendar: Calendar::default(),
        budget: Budget { failures: Amount::Count(0), environments: [].into(), all_failing: 3 },
        limits: Vec::new(),
        change: ChangeRule::None,
        phases: vec![Phase { title: "All".to_owned(), each: None, bags: vec![bag] }],
    };
    Pipeline {
        name: pipeline_name("plain"),
        title: "Plain".to_owned(),
        owner: who("olga"),
        limits: Vec::new(),
        steps: vec![step],
    }
}

pub(super) fn gates() -> Vec<Gate> {
    let step = || StepName::new("only").expect("a name");
    vec![
        Gate::Soak { pipeline: None, step: step(), from: SoakFrom::End, length: Span::hours(24) },
        Gate::Soak {
            pipeline: Some(pipeline_name("canary")),
            step: step(),
            from: SoakFrom::Start,
            length: Span::mins(90),
        },
        Gate::Approval { name: "go".to_owned(), who: who("role:sre-lead"), count: 2 },
        Gate::Succeeded { pipeline: pipeline_name("canary") },
    ]
}

/// Everything that a pipeline can say.
fn full() -> Pipeline {
    let mut pipeline = plain();
    pipeline.name = pipeline_name("full");
    pipeline.limits = vec![
        Limit { per: vec![attr("cluster")], within: None, max: Amount::Count(1), counts: Counts::Disturbed },
        Limit {
            per: Vec::new(),
            within: Some(select("role=db")),
            max: Amount::Percent(5),
            counts: Counts::Running,
        },
    ];
    let zone = || Zone::new("Europe/Berlin").expect("a zone");
    let windows = ["Mon-Thu 22:00-04:00", "2026-12-05 22:00 - 2026-12-06 04:00"];
    let windows =
        windows.map(|text| Window::new(zone(), parse_times(text).expect("times")).expect("a window"));
    let freezes = [("12-20", "01-06"), ("2026-11-27", "2026-11-30")].map(|(from, to)| {
        Freeze::new(zone(), "holidays", parse_freeze_dates(from, to).expect("dates")).expect("a freeze")
    });
    let mut bag = pipeline.steps[0].phases[0].bags[0].clone();
    bag.name = BagName::new("canary").expect("a name");
    bag.take = Some(Take { amount: Amount::Percent(10), first: Some(select("rack=r1")) });
    bag.actions = Actions { drain: Drain::Yes, patch: Patch::No, reboot: Reboot::Always, health: Health::No };
    bag.parallel = Parallel::Unbounded;
    bag.limits = vec![Limit {
        per: vec![attr("zone"), attr("role")],
        within: None,
        max: Amount::Count(2),
        counts: Counts::Disturbed,
    }];
    bag.revisit = Revisit::Again;
    bag.if_empty = IfEmpty::Allow;
    bag.retry.causes = [(CauseKind::Busy, 9), (CauseKind::Unreachable, 1)].into();
    let mut never = bag.clone();
    never.name = BagName::new("never").expect("a name");
    never.take = Some(Take { amount: Amount::Count(3), first: None });
    never.actions.reboot = Reboot::Never;
    let rich = Step {
        id: StepName::new("rich").expect("a name"),
        title: "Rich".to_owned(),
        after: vec![0],
        gates: gates(),
        exclusive: Some("network".to_owned()),
        calendar: Calendar::new(windows.to_vec(), freezes.to_vec()),
        budget: Budget {
            failures: Amount::Percent(5),
            environments: [("prod".to_owned(), Amount::Count(0))].into(),
            all_failing: 0,
        },
        limits: pipeline.limits.clone(),
        change: ChangeRule::Approve { who: who("bob"), count: 1 },
        phases: vec![Phase { title: "Each".to_owned(), each: Some(attr("zone")), bags: vec![bag, never] }],
    };
    pipeline.steps[0].change = ChangeRule::Record;
    pipeline.steps.push(rich);
    pipeline
}

fn started(pipeline: Pipeline, scope: Scope) -> RolloutEvent {
    let (build, by) = (BuildNumber(725), "ann".to_owned());
    RolloutEvent::Started { rollout: ROLLOUT, pipeline: Box::new(pipeline), build, by, scope, reason: None }
}

fn started_because() -> RolloutEvent {
    let (build, by, scope) = (BuildNumber(725), "ann".to_owned(), Scope::Pipeline);
    let (pipeline, reason) = (Box::new(plain()), Some("the weekly patch".to_owned()));
    RolloutEvent::Started { rollout: ROLLOUT, pipeline, build, by, scope, reason }
}

fn steps() -> Vec<RolloutEvent> {
    let (rollout, step) = (ROLLOUT, 1);
    let spec = |phase, value: Option<&str>| RunSpec { phase, value: value.map(str::to_owned) };
    let at = Timestamp(1_795_158_878_123);
    let closed = |opens, why| RolloutEvent::WindowClosed { rollout, step, opens, why };
    let approved = |reason: Option<&str>| RolloutEvent::GateApproved {
        rollout,
        step,
        gate: 2,
        by: "bob".to_owned(),
        reason: reason.map(str::to_owned),
    };
    let freeze = |until| Closing::Freeze { reason: "holidays".to_owned(), until };
    vec![
        started(plain(), Scope::Pipeline),
        started(full(), Scope::Step { step: 1 }),
        started(plain(), Scope::Request { outage: Span::mins(20) }),
        started_because(),
        RolloutEvent::StepReached { rollout, step },
        RolloutEvent::GateOpened { rollout, step, gate: 2 },
        approved(None),
        approved(Some("looked at")),
        RolloutEvent::StepOpened { rollout, step, runs: vec![spec(0, None), spec(1, Some("dal10"))] },
        RolloutEvent::Scoped { rollout, step, run: 1, bag: 2, machines: runs(&[4, 5, 6, 1]) },
        RolloutEvent::Scoped { rollout, step, run: 1, bag: 0, machines: runs(&[]) },
        RolloutEvent::ScopeComplete { rollout, step, cursor: 4711 },
        RolloutEvent::Swept { rollout, step, runs: vec![spec(0, Some("dal12"))] },
        RolloutEvent::RunOpened { rollout, step, run: 1 },
        RolloutEvent::RunClosed { rollout, step, run: 1 },
        RolloutEvent::WindowOpened { rollout, step, until: None },
        RolloutEvent::WindowOpened { rollout, step, until: Some(at) },
        closed(Some(at), Closing::OutsideWindow),
        closed(Some(at), freeze(Some(at))),
        closed(None, freeze(None)),
        RolloutEvent::StepEnded { rollout, step, end: StepEnd::Done },
        RolloutEvent::StepEnded { rollout, step, end: StepEnd::Aborted },
        RolloutEvent::StepEnded { rollout, step, end: StepEnd::NotAsked },
        RolloutEvent::Ended { rollout, end: RolloutEnd::Succeeded },
        RolloutEvent::Ended { rollout, end: RolloutEnd::Aborted },
    ]
}

fn machines() -> Vec<RolloutEvent> {
    let (rollout, machine, serial) = (ROLLOUT, MachineId(4), 3);
    let asked = |action| RolloutEvent::Asked { rollout, machine, serial, action };
    let reported = |outcome, note: Option<&str>| RolloutEvent::Reported {
        rollout,
        machine,
        serial,
        outcome,
        took: Span(61_500),
        note: note.map(str::to_owned),
        packages: None,
    };
    let mut events: Vec<RolloutEvent> = Action::ALL.map(asked).to_vec();
    events.push(RolloutEvent::Sought { rollout, machine, serial, round: 2 });
    let outcomes = [
        Outcome::Found(Work::Nothing),
        Outcome::Found(Work::RebootOnly),
        Outcome::Found(Work::Install),
        Outcome::Patched(RebootNeed::Needed),
        Outcome::Patched(RebootNeed::NotNeeded),
        Outcome::Done,
        Outcome::NotBegun,
        Outcome::Lost,
    ];
    events.extend(outcomes.map(|outcome| reported(outcome, None)));
    events.extend(
        CauseKind::ALL.map(|cause| reported(Outcome::Failed(cause), Some("what the agent \"said\""))),
    );
    let mut kept = reported(Outcome::Patched(RebootNeed::Needed), Some("1 package: zlib1g new 1.3"));
    if let RolloutEvent::Reported { packages, .. } = &mut kept {
        *packages = Some(Digest::new("0123456789abcdef".repeat(4)).expect("a digest"));
    }
    events.push(kept);
    events
}

fn people() -> Vec<RolloutEvent> {
    let (rollout, step) = (ROLLOUT, 1);
    let halted = |why| RolloutEvent::Halted { rollout, step, why };
    let spent = |environment: Option<&str>| Halt::BudgetSpent {
        environment: environment.map(str::to_owned),
        failed: 3,
        lost: 1,
        allowed: 2,
    };
    let reason = || "looked at".to_owned();
    vec![
        halted(spent(None)),
        halted(spent(Some("prod"))),
        halted(Halt::EverythingFails { failed: 3 }),
        halted(Halt::NothingSelected { bag: "canary".to_owned() }),
        halted(Halt::Overlap { machine: MachineId(4), bags: ["a".to_owned(), "b".to_owned()] }),
        halted(Halt::ChangeRefused { reason: reason() }),
        RolloutEvent::Called { rollout, step, why: Call::Halted },
        RolloutEvent::Called { rollout, step, why: Call::HeldUp { by: runs(&[4, 9]) } },
        RolloutEvent::Resumed { rollout, step, grant: 2, reason: None },
        RolloutEvent::Resumed { rollout, step, grant: 2, reason: Some(reason()) },
        RolloutEvent::Paused { rollout, reason: None },
        RolloutEvent::Paused { rollout, reason: Some(reason()) },
        RolloutEvent::Unpaused { rollout, reason: None },
        RolloutEvent::Unpaused { rollout, reason: Some(reason()) },
        RolloutEvent::Aborted { rollout, reason: None },
        RolloutEvent::Aborted { rollout, reason: Some(reason()) },
        RolloutEvent::Retried { rollout, step, machines: runs(&[4, 5]), reason: None },
        RolloutEvent::Retried { rollout, step, machines: runs(&[4, 5]), reason: Some(reason()) },
        RolloutEvent::Skipped { rollout, machines: runs(&[7]), reason: reason() },
        RolloutEvent::SignedOff { machines: runs(&[8, 2]), reason: reason() },
    ]
}

pub(super) fn examples() -> Vec<Event> {
    [steps(), machines(), people()].concat().into_iter().map(Event::from).collect()
}
