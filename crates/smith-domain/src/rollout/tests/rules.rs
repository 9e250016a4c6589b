//! Builders of pipelines: what a story does not name is the plainest thing there is.

use std::collections::BTreeMap;

use crate::calendar::{Calendar, Window, Zone, parse_times};
use crate::fleet::Selector;
use crate::id::{AttrName, BagName, PipelineName, StepName};
use crate::pipeline::{
    Actions, Amount, Bag, Budget, ChangeRule, Counts, Drain, Gate, Health, IfEmpty, Limit, Parallel, Patch,
    Phase, Pipeline, Reboot, RetryRule, Revisit, SoakFrom, Step, Take, Timeouts, Who,
};
use crate::rollout::CauseKind;
use crate::time::Span;

pub(super) fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

pub(super) fn pipeline(name: &str, steps: Vec<Step>) -> Pipeline {
    Pipeline {
        name: PipelineName::new(name).unwrap(),
        title: name.to_owned(),
        owner: Who(vec!["olga".to_owned()]),
        limits: Vec::new(),
        steps,
    }
}

/// A pipeline `p` with one step `s` of these bags.
pub(super) fn one_step(bags: Vec<Bag>) -> Pipeline {
    pipeline("p", vec![step("s", vec![phase(bags)])])
}

/// A step whose budget nothing in a short story uses up.
pub(super) fn step(name: &str, phases: Vec<Phase>) -> Step {
    Step {
        id: StepName::new(name).unwrap(),
        title: format!("step {name}"),
        after: Vec::new(),
        gates: Vec::new(),
        exclusive: None,
        calendar: Calendar::default(),
        budget: Budget { failures: Amount::Count(100), environments: BTreeMap::new(), all_failing: 0 },
        limits: Vec::new(),
        change: ChangeRule::None,
        phases,
    }
}

pub(super) fn phase(bags: Vec<Bag>) -> Phase {
    Phase { title: "phase".to_owned(), each: None, bags }
}

pub(super) fn each(attr: &str, bags: Vec<Bag>) -> Phase {
    Phase { each: Some(AttrName::new(attr).unwrap()), ..phase(bags) }
}

/// A bag without limits of its own: install, no reboot, health check.
pub(super) fn bag(name: &str, select: &str) -> Bag {
    Bag {
        name: BagName::new(name).unwrap(),
        select: selector(select),
        take: None,
        actions: Actions { drain: Drain::No, patch: Patch::Yes, reboot: Reboot::Never, health: Health::Yes },
        parallel: Parallel::Unbounded,
        limits: Vec::new(),
        revisit: Revisit::Skip,
        if_empty: IfEmpty::Refuse,
        retry: RetryRule {
            attempts: 1,
            first: Span::mins(2),
            longest: Span::mins(15),
            causes: BTreeMap::new(),
        },
        timeouts: Timeouts::default(),
    }
}

/// `limit("cluster", 1)`, `limit("", 5)` for the whole fleet, `limit("cluster,role", 2)`.
pub(super) fn limit(per: &str, max: u32) -> Limit {
    Limit {
        per: per
            .split(',')
            .filter(|name| !name.is_empty())
            .map(|name| AttrName::new(name).unwrap())
            .collect(),
        within: None,
        max: Amount::Count(max),
        counts: Counts::Disturbed,
    }
}

impl Limit {
    pub(super) fn percent(self, percent: u8) -> Limit {
        Limit { max: Amount::Percent(percent), ..self }
    }

    pub(super) fn within(self, select: &str) -> Limit {
        Limit { within: Some(selector(select)), ..self }
    }

    pub(super) fn running(self) -> Limit {
        Limit { counts: Counts::Running, ..self }
    }
}

impl Pipeline {
    pub(super) fn named(self, name: &str) -> Pipeline {
        Pipeline { name: PipelineName::new(name).unwrap(), ..self }
    }

    pub(super) fn limited(mut self, limit: Limit) -> Pipeline {
        self.limits.push(limit);
        self
    }

    /// Changes the first step.
    pub(super) fn first(mut self, change: impl FnOnce(Step) -> Step) -> Pipeline {
        let step = self.steps.remove(0);
        self.steps.insert(0, change(step));
        self
    }
}

impl Step {
    pub(super) fn after(self, steps: &[u16]) -> Step {
        Step { after: steps.to_vec(), ..self }
    }

    pub(super) fn gated(mut self, gate: Gate) -> Step {
        self.gates.push(gate);
        self
    }

    pub(super) fn exclusive(self, name: &str) -> Step {
        Step { exclusive: Some(name.to_owned()), ..self }
    }

    pub(super) fn failures(mut self, amount: Amount) -> Step {
        self.budget.failures = amount;
        self
    }

    pub(super) fn failures_in(mut self, environment: &str, amount: Amount) -> Step {
        self.budget.environments.insert(environment.to_owned(), amount);
        self
    }

    pub(super) fn all_failing(mut self, all_failing: u32) -> Step {
        self.budget.all_failing = all_failing;
        self
    }

    pub(super) fn limited(mut self, limit: Limit) -> Step {
        self.limits.push(limit);
        self
    }

    pub(super) fn change(self, change: ChangeRule) -> Step {
        Step { change, ..self }
    }

    /// Windows in UTC.
    pub(super) fn open(self, windows: &[&str]) -> Step {
        let zone = || Zone::new("UTC").unwrap();
        let window = |text: &&str| Window::new(zone(), parse_times(text).unwrap()).unwrap();
        Step { calendar: Calendar::new(windows.iter().map(window).collect(), Vec::new()), ..self }
    }
}

impl Bag {
    pub(super) fn taking(self, amount: Amount) -> Bag {
        Bag { take: Some(Take { amount, first: None }), ..self }
    }

    pub(super) fn taking_first(self, amount: Amount, first: &str) -> Bag {
        Bag { take: Some(Take { amount, first: Some(selector(first)) }), ..self }
    }

    pub(super) fn at_most(self, most: u32) -> Bag {
        Bag { parallel: Parallel::AtMost(most), ..self }
    }

    pub(super) fn limited(mut self, limit: Limit) -> Bag {
        self.limits.push(limit);
        self
    }

    pub(super) fn may_be_empty(self) -> Bag {
        Bag { if_empty: IfEmpty::Allow, ..self }
    }

    pub(super) fn again(self) -> Bag {
        Bag { revisit: Revisit::Again, ..self }
    }

    pub(super) fn drained(mut self) -> Bag {
        self.actions.drain = Drain::Yes;
        self
    }

    pub(super) fn rebooted(mut self, reboot: Reboot) -> Bag {
        self.actions.reboot = reboot;
        self
    }

    pub(super) fn attempts(mut self, attempts: u32) -> Bag {
        self.retry.attempts = attempts;
        self
    }

    pub(super) fn attempts_for(mut self, cause: CauseKind, attempts: u32) -> Bag {
        self.retry.causes.insert(cause, attempts);
        self
    }
}

/// A soak after a step of the same pipeline, or of the named one.
pub(super) fn soak(pipeline: Option<&str>, step: &str, from: SoakFrom, length: Span) -> Gate {
    Gate::Soak {
        pipeline: pipeline.map(|name| PipelineName::new(name).unwrap()),
        step: StepName::new(step).unwrap(),
        from,
        length,
    }
}

pub(super) fn approval(name: &str, who: &[&str], count: u32) -> Gate {
    Gate::Approval { name: name.to_owned(), who: people(who), count }
}

pub(super) fn people(who: &[&str]) -> Who {
    Who(who.iter().map(|name| (*name).to_owned()).collect())
}
