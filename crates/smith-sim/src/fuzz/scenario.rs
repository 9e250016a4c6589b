//! What a seed stands for: a fleet, pipelines, faults, and a script of what people and accidents do when.

use std::collections::BTreeMap;

use smith_domain::calendar::Calendar;
use smith_domain::cycle::WeekPlan;
use smith_domain::fleet::{MachineFacts, Selector, WellKnown};
use smith_domain::id::{AttrName, BagName, MachineName, PipelineName, StepName};
use smith_domain::pipeline::{
    Actions, Amount, Bag, Budget, ChangeRule, Counts, Drain, Gate, Health, IfEmpty, Limit, Parallel, Patch,
    Phase, Pipeline, Reboot, RetryRule, Revisit, SoakFrom, Step, Take, Timeouts, Who,
};
use smith_domain::time::{Span, Timestamp};

use super::act::{Act, script};
use crate::clock::START;
use crate::model::Faults;
use crate::rng::Rng;

#[derive(Debug, Clone)]
pub struct Scenario {
    pub seed: u64,
    pub machines: Vec<MachineFacts>,
    /// Machines that may join later.
    pub spare: Vec<MachineFacts>,
    pub pipelines: Vec<Pipeline>,
    pub(super) week: WeekPlan,
    pub faults: Faults,
    /// Of ten thousand errands, so many are slow, silent, failing, refused.
    pub desk: [u32; 4],
    pub(super) script: Vec<(Timestamp, Act)>,
    /// From then on nothing goes wrong any more.
    pub calm: Timestamp,
    /// Whether people act once the faults have stopped. Without them everything must wait for somebody by name.
    pub(super) people: People,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum People {
    Helpful,
    Away,
}

const ZONES: [(&str, &str); 4] =
    [("dal10", "us-south"), ("dal12", "us-south"), ("syd01", "ap-south"), ("fra02", "eu-central")];

impl Scenario {
    pub fn of_seed(seed: u64) -> Self {
        let root = Rng::new(seed);
        let mut rng = root.named("scenario");
        let mut fleet = root.named("fleet");
        let clusters = fleet.between(1, 7);
        let mut all = Vec::new();
        for cluster in 0..clusters {
            let environment = if fleet.happens(4_000) { "dev" } else { "prod" };
            let (zone, region) = *fleet.pick(&ZONES);
            let size = fleet.log_between(1, 12);
            for at in 0..size {
                let role = if at == 0 && fleet.happens(5_000) { "master" } else { "worker" };
                all.push(facts(environment, zone, region, cluster, role, 1001 + at));
            }
        }
        let spare = all.split_off(all.len() - all.len() / 4);
        let calm = START + Span::hours(rng.between(6, 96));
        let pipelines = pipelines(&mut root.named("pipelines"));
        let mut faults = Faults::swarm(&mut root.named("faults"));
        if rng.happens(2_000) {
            faults = Faults { needs_reboot: faults.needs_reboot, ..Faults::NONE };
        }
        let mut desk_rng = root.named("desk rates");
        let desk = [0; 4].map(|_: u32| {
            let on = desk_rng.happens(3_000);
            let rate = u32::try_from(desk_rng.below(3_000)).unwrap_or(0);
            if on { rate } else { 0 }
        });
        let script = script(&root, calm, pipelines.len(), spare.len());
        let people = if rng.happens(7_000) { People::Helpful } else { People::Away };
        let week = super::week::plan(&mut root.named("week"), &pipelines);
        Self { seed, machines: all, spare, pipelines, week, faults, desk, script, calm, people }
    }

    /// The same without anything going wrong: what every other run of it is compared with.
    pub fn undisturbed(&self) -> Self {
        let quiet = self.script.iter().filter(|(_, act)| matches!(act, Act::Start { .. } | Act::Approve));
        Self {
            faults: Faults { needs_reboot: self.faults.needs_reboot, ..Faults::NONE },
            desk: [0; 4],
            script: quiet.cloned().collect(),
            people: People::Helpful,
            ..self.clone()
        }
    }
}

pub(crate) fn facts(
    environment: &str,
    zone: &str,
    region: &str,
    cluster: u64,
    role: &str,
    number: u64,
) -> MachineFacts {
    let cluster = format!("{environment}-{zone}-carrier{cluster}");
    let name = format!("{cluster}-{role}-{number}");
    let values = [environment, region, zone, cluster.as_str(), role].map(str::to_owned);
    let attrs: BTreeMap<AttrName, String> = WellKnown::ALL
        .into_iter()
        .map(WellKnown::attr)
        .zip(values.into_iter().chain([number.to_string()]))
        .collect();
    let name = MachineName::new(name)
        .unwrap_or_else(|error| unreachable!("generated names are well formed: {error}"));
    MachineFacts { attrs, ..MachineFacts::named(name) }
}

fn word<T, E: std::fmt::Display>(parsed: Result<T, E>) -> T {
    parsed.unwrap_or_else(|error| unreachable!("what the scenario writes is well formed: {error}"))
}

fn selector(text: &str) -> Selector {
    word(Selector::parse(text))
}

/// A pipeline for dev, and one for production that waits for it.
fn pipelines(rng: &mut Rng) -> Vec<Pipeline> {
    let dev = pipeline("devTest", "env=dev", Vec::new(), rng);
    let last = dev.steps[dev.steps.len() - 1].id.clone();
    let mut gates = Vec::new();
    if rng.happens(7_000) {
        gates.push(Gate::Succeeded { pipeline: dev.name.clone() });
    }
    if rng.happens(6_000) {
        let from = if rng.happens(5_000) { SoakFrom::Start } else { SoakFrom::End };
        let length = Span::hours(rng.between(1, 24));
        gates.push(Gate::Soak { pipeline: Some(dev.name.clone()), step: last, from, length });
    }
    if rng.happens(6_000) {
        let who = Who(vec!["role:lead".to_owned(), "zoe".to_owned()]);
        let count = u32::try_from(rng.between(1, 2)).unwrap_or(1);
        gates.push(Gate::Approval { name: "go to production".to_owned(), who, count });
    }
    let prod = pipeline("prod", "env=prod", gates, rng);
    let mut everything = pipeline("everything", "all", Vec::new(), rng);
    // A third pipeline over the same machines: limits must hold across all of them.
    everything.limits.push(Limit {
        per: vec![WellKnown::Cluster.attr()],
        within: None,
        max: Amount::Count(1),
        counts: Counts::Disturbed,
    });
    vec![dev, prod, everything]
}

fn pipeline(name: &str, machines: &str, gates: Vec<Gate>, rng: &mut Rng) -> Pipeline {
    let mut limits = Vec::new();
    if rng.happens(8_000) {
        limits.push(limit(rng, "cluster"));
    }
    if rng.happens(3_000) {
        limits.push(limit(rng, "zone"));
    }
    if rng.happens(3_000) {
        limits.push(limit(rng, "fleet"));
    }
    let count = rng.between(1, 3);
    let mut steps: Vec<Step> = (0..count).map(|at| step(name, machines, at, rng)).collect();
    steps[0].gates = gates;
    for at in 1..steps.len() {
        let before = u16::try_from(at - 1).unwrap_or(0);
        // Most steps come after the one before; some run beside it.
        if rng.happens(8_000) {
            steps[at].after = vec![before];
            if rng.happens(3_000) {
                let step = steps[at - 1].id.clone();
                let length = Span::mins(rng.between(10, 600));
                steps[at].gates.push(Gate::Soak { pipeline: None, step, from: SoakFrom::End, length });
            }
        }
    }
    Pipeline {
        name: word(PipelineName::new(name)),
        title: name.to_owned(),
        owner: Who(vec!["role:oncall".to_owned()]),
        limits,
        steps,
    }
}

fn limit(rng: &mut Rng, per: &str) -> Limit {
    let max = if rng.happens(3_000) {
        Amount::Percent(u8::try_from(rng.between(10, 60)).unwrap_or(50))
    } else {
        Amount::Count(u32::try_from(rng.between(1, 3)).unwrap_or(1))
    };
    let counts = if rng.happens(8_000) { Counts::Disturbed } else { Counts::Running };
    let per = if per == "fleet" { Vec::new() } else { vec![word(AttrName::new(per))] };
    let within = rng.happens(1_500).then(|| selector("role=worker"));
    Limit { per, within, max, counts }
}

fn step(pipeline: &str, machines: &str, at: u64, rng: &mut Rng) -> Step {
    let budget = Budget {
        failures: amount(rng),
        environments: BTreeMap::new(),
        all_failing: u32::try_from(rng.below(4)).unwrap_or(0),
    };
    let change = match rng.below(4) {
        0 => ChangeRule::None,
        1 => ChangeRule::Record,
        _ => {
            let count = u32::try_from(rng.between(1, 2)).unwrap_or(1);
            ChangeRule::Approve { who: Who(vec!["role:lead".to_owned()]), count }
        }
    };
    let phases = (0..rng.between(1, 3)).map(|phase| self::phase(machines, at, phase, rng)).collect();
    Step {
        id: word(StepName::new(format!("{pipeline}{at}"))),
        title: format!("step {at}"),
        after: Vec::new(),
        gates: Vec::new(),
        exclusive: rng.happens(3_000).then(|| "zones".to_owned()),
        calendar: calendar(rng),
        budget,
        limits: Vec::new(),
        change,
        phases,
    }
}

fn amount(rng: &mut Rng) -> Amount {
    if rng.happens(4_000) {
        Amount::Percent(u8::try_from(rng.below(40)).unwrap_or(10))
    } else {
        Amount::Count(u32::try_from(rng.below(5)).unwrap_or(1))
    }
}

/// Most steps may start at any time; some have a nightly window around a change of the clocks.
fn calendar(rng: &mut Rng) -> Calendar {
    if !rng.happens(2_500) {
        return Calendar::default();
    }
    let zone = *rng.pick(&["Europe/Berlin", "America/Chicago", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]);
    let times = *rng.pick(&["Mon-Sun 22:00-04:00", "Mon-Sun 01:30-09:00", "Mon-Fri 08:00-20:00"]);
    let zone = word(smith_domain::calendar::Zone::new(zone));
    let times = word(smith_domain::calendar::parse_times(times));
    Calendar::new(vec![word(smith_domain::calendar::Window::new(zone, times))], Vec::new())
}

fn phase(machines: &str, step: u64, phase: u64, rng: &mut Rng) -> Phase {
    let each = rng.happens(2_000).then(|| word(AttrName::new("zone")));
    let split = rng.happens(3_000);
    let selectors: Vec<String> = if split {
        vec![format!("{machines} role=worker"), format!("{machines} role=master")]
    } else {
        vec![machines.to_owned()]
    };
    let bags = selectors
        .iter()
        .enumerate()
        .map(|(at, text)| bag(&format!("s{step}p{phase}b{at}"), text.trim_start_matches("all "), rng))
        .collect();
    Phase { title: format!("phase {phase}"), each, bags }
}

fn bag(name: &str, machines: &str, rng: &mut Rng) -> Bag {
    let yes = |often: u32, rng: &mut Rng| rng.happens(often);
    let actions = Actions {
        drain: if yes(4_000, rng) { Drain::Yes } else { Drain::No },
        patch: if yes(9_500, rng) { Patch::Yes } else { Patch::No },
        reboot: *rng.pick(&[Reboot::IfNeeded, Reboot::IfNeeded, Reboot::Always, Reboot::Never]),
        health: if yes(9_000, rng) { Health::Yes } else { Health::No },
    };
    let take = yes(2_500, rng).then(|| Take {
        amount: Amount::Count(u32::try_from(rng.between(1, 4)).unwrap_or(1)),
        first: rng.happens(5_000).then(|| selector("role=master")),
    });
    let parallel = match rng.below(3) {
        0 => Parallel::Unbounded,
        _ => Parallel::AtMost(u32::try_from(rng.between(1, 4)).unwrap_or(1)),
    };
    Bag {
        name: word(BagName::new(name)),
        select: selector(machines),
        take,
        actions,
        parallel,
        limits: if yes(1_500, rng) { vec![limit(rng, "zone")] } else { Vec::new() },
        revisit: if yes(1_500, rng) { Revisit::Again } else { Revisit::Skip },
        if_empty: IfEmpty::Allow,
        retry: RetryRule {
            attempts: u32::try_from(rng.between(1, 4)).unwrap_or(3),
            first: Span::secs(rng.between(10, 300)),
            longest: Span::mins(15),
            causes: BTreeMap::new(),
        },
        timeouts: Timeouts::default(),
    }
}
