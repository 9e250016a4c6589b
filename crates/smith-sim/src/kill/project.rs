//! The project that is driven: a fleet in uneven clusters, and a pipeline that does everything there is to do.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smith_domain::actor::Actor;
use smith_domain::calendar::Calendar;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::fleet::{
    FleetCommand, MachineFacts, ObservePolicy, Reading, Selector, SourceName, WellKnown,
};
use smith_domain::id::{BagName, BuildNumber, PipelineName, StepName};
use smith_domain::pipeline::{
    Actions, Amount, Bag, Budget, ChangeRule, Counts, Drain, Health, IfEmpty, Limit, Parallel, Patch, Phase,
    Pipeline, Reboot, RetryRule, Revisit, Step, Timeouts, Who,
};
use smith_domain::rollout::{RolloutCommand, Scope};
use smith_domain::state::State;
use smith_domain::time::Span;

use crate::fuzz::facts;
use crate::rng::Rng;

/// The build that machines are brought to; they have an older one.
const BUILD: BuildNumber = BuildNumber(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    pub machines: u32,
    /// One step takes all machines; of two, the first takes the masters.
    pub steps: Steps,
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Steps {
    One,
    Two,
}

impl Project {
    pub const fn one_step(machines: u32, seed: u64) -> Self {
        Self { machines, steps: Steps::One, seed }
    }

    pub const fn two_steps(machines: u32, seed: u64) -> Self {
        Self { machines, steps: Steps::Two, seed }
    }

    /// What is still to be said before the project is under way, given what was done already.
    pub(super) fn to_say(self, state: &State) -> Vec<(Actor, Command)> {
        let mut commands = Vec::new();
        if state.fleet.present_count() == 0 {
            commands.push((Actor::smith(), self.observe()));
        }
        if state.builds.get(BUILD).is_none() {
            commands.push((Actor::smith(), Command::Build(BuildCommand::Verified { build: BUILD })));
        }
        if state.rollouts.iter().next().is_none() {
            let pipeline = Box::new(self.pipeline());
            let start =
                RolloutCommand::Start { pipeline, build: BUILD, scope: Scope::Pipeline, reason: None };
            commands.push((Actor::person("operator").with_role("oncall"), Command::Rollout(start)));
        }
        commands
    }

    fn observe(&self) -> Command {
        let source: SourceName = word(SourceName::new("inventory"));
        let reading = word(Reading::new(BTreeMap::from([(source.clone(), self.machines)]), self.fleet()));
        let (confirmed, policy) = (BTreeSet::from([source]), ObservePolicy::default());
        Command::Fleet(FleetCommand::Observe { reading, confirmed, policy })
    }

    /// Clusters whose sizes differ by up to a factor of sixteen, each with one master.
    fn fleet(&self) -> Vec<MachineFacts> {
        let mut rng = Rng::new(self.seed).named("clusters");
        let largest = (u64::from(self.machines) / 25).max(4);
        let mut fleet = Vec::new();
        let mut cluster = 0;
        while fleet.len() < self.machines as usize {
            let size = rng.log_between((largest / 16).max(1), largest);
            let left = self.machines as usize - fleet.len();
            let roles = std::iter::once("master").chain(std::iter::repeat("worker"));
            let numbered = roles.zip(1001..).take(left.min(usize::try_from(size).unwrap_or(left)));
            fleet.extend(
                numbered.map(|(role, number)| facts("prod", "dal10", "us-south", cluster, role, number)),
            );
            cluster += 1;
        }
        fleet
    }

    fn pipeline(&self) -> Pipeline {
        let steps = match self.steps {
            Steps::One => vec![step("everything", "all", Vec::new())],
            Steps::Two => {
                vec![step("masters", "role=master", Vec::new()), step("workers", "role=worker", vec![0])]
            }
        };
        let limit = Limit {
            per: vec![WellKnown::Cluster.attr()],
            within: None,
            max: Amount::Count(1),
            counts: Counts::Disturbed,
        };
        Pipeline {
            name: word(PipelineName::new("prod")),
            title: "prod".to_owned(),
            owner: Who(vec!["role:oncall".to_owned()]),
            limits: vec![limit],
            steps,
        }
    }
}

fn step(name: &str, machines: &str, after: Vec<u16>) -> Step {
    let bag = Bag {
        name: word(BagName::new(name)),
        select: word(Selector::parse(machines)),
        take: None,
        actions: Actions {
            drain: Drain::Yes,
            patch: Patch::Yes,
            reboot: Reboot::IfNeeded,
            health: Health::Yes,
        },
        parallel: Parallel::Unbounded,
        limits: Vec::new(),
        revisit: Revisit::Skip,
        if_empty: IfEmpty::Allow,
        retry: RetryRule {
            attempts: 3,
            first: Span::secs(60),
            longest: Span::mins(15),
            causes: BTreeMap::new(),
        },
        timeouts: Timeouts::default(),
    };
    Step {
        id: word(StepName::new(name)),
        title: name.to_owned(),
        after,
        gates: Vec::new(),
        exclusive: None,
        calendar: Calendar::default(),
        // Machines at work count against the budget: a small one would let them go one after the other. Nothing fails
        // in this world, and what does shows in the end.
        budget: Budget { failures: Amount::Percent(100), environments: BTreeMap::new(), all_failing: 0 },
        limits: Vec::new(),
        change: ChangeRule::Record,
        phases: vec![Phase { title: "all of them".to_owned(), each: None, bags: vec![bag] }],
    }
}

fn word<T, E: std::fmt::Display>(parsed: Result<T, E>) -> T {
    parsed.unwrap_or_else(|error| unreachable!("what the project writes is well formed: {error}"))
}
