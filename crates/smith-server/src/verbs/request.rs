//! Requests for single machines: a pipeline of one step is made for each, so that everything that holds for pipelines holds
//! for them.

use std::collections::{BTreeMap, BTreeSet};

use smith_domain::fleet::{Fleet, WellKnown};
use smith_domain::id::MachineId;
use smith_domain::pipeline::{ChangeRule, Pipeline, Who};

use super::denied::{Denied, Kind};
use crate::config::pipeline::load;

/// What holds for all requests for single machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRules {
    /// Who is called when one needs a person.
    pub owner: Who,
    /// Environments in which somebody else must approve a request, and who.
    pub approve: BTreeMap<String, Who>,
    /// Whether machines are drained first.
    pub drain: bool,
}

impl Default for RequestRules {
    /// Stage and production wait for approval, wherever they are called so.
    fn default() -> Self {
        let lead = || Who(vec!["role:approver".to_owned()]);
        let approve = ["prod", "stage", "stgiks"].map(|name| (name.to_owned(), lead()));
        Self { owner: Who(vec!["role:operator".to_owned()]), approve: approve.into(), drain: false }
    }
}

impl RequestRules {
    /// Trains change production: they wait for those who approve there.
    pub(super) fn train_rule(&self) -> ChangeRule {
        let who = self.approve.get("prod").cloned().unwrap_or_else(|| Who(vec!["role:approver".to_owned()]));
        ChangeRule::Approve { who, count: 1 }
    }
}

/// What a request is about, as the fleet knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// In the order in which they were meant.
    pub(super) machines: Vec<String>,
    pub(super) environments: BTreeSet<String>,
    pub(super) region: Option<String>,
}

impl Asked {
    pub(super) fn of(fleet: &Fleet, machines: &[MachineId]) -> Self {
        let attr = |id: MachineId, known: WellKnown| {
            fleet.attr(id, known.id()).map(|symbol| fleet.text(symbol).to_owned())
        };
        Self {
            machines: machines.iter().map(|id| fleet.machine(*id).name().to_owned()).collect(),
            environments: environments_of(fleet, machines.iter().copied()),
            region: machines.first().and_then(|id| attr(*id, WellKnown::Region)),
        }
    }
}

/// The environments of machines; an empty name stands for machines of none.
pub(super) fn environments_of(
    fleet: &Fleet,
    machines: impl IntoIterator<Item = MachineId>,
) -> BTreeSet<String> {
    let symbols: BTreeSet<_> =
        machines.into_iter().map(|id| fleet.attr(id, WellKnown::Environment.id())).collect();
    symbols
        .into_iter()
        .map(|symbol| symbol.map_or_else(String::new, |symbol| fleet.text(symbol).to_owned()))
        .collect()
}

/// Machines whose names stand in a title; the rest is counted.
const NAMED: usize = 3;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Patch,
    Reboot,
}

impl Work {
    /// Before the number in the name of the pipeline.
    fn name(self) -> &'static str {
        match self {
            Work::Patch => "smith-patch",
            Work::Reboot => "smith-reboot",
        }
    }

    /// What the step does, as a pipeline says it; a patch is what pipelines do unless they say otherwise.
    fn actions(self) -> &'static str {
        match self {
            Work::Patch => "",
            Work::Reboot => "    patch: no\n    reboot: always\n",
        }
    }
}

/// The pipeline of a request. It is written as a file would be, so that it means what `docs/reference/pipelines.md` says.
pub(super) fn pipeline_of(
    number: u32,
    asked: &Asked,
    rules: &RequestRules,
    work: Work,
) -> Result<Pipeline, Denied> {
    let names = if asked.machines.len() <= NAMED {
        asked.machines.join(" ")
    } else {
        let rest = asked.machines.len() - NAMED;
        format!("{} and {rest} more", asked.machines[..NAMED].join(" "))
    };
    let title: String = match &asked.region {
        Some(region) => format!("{region} {names}"),
        None => names.clone(),
    };
    let bag = match asked.machines.as_slice() {
        [one] => one.chars().take(100).collect(),
        _ => "machines".to_owned(),
    };
    let approvers: BTreeSet<&String> =
        asked.environments.iter().filter_map(|one| rules.approve.get(one)).flat_map(|who| &who.0).collect();
    let change =
        if approvers.is_empty() { "record".to_owned() } else { format!("{{approve: {}}}", list(approvers)) };
    let (name, actions) = (work.name(), work.actions());
    let drain = if rules.drain { "yes" } else { "no" };
    let text = format!(
        "pipeline: {name}-{number}\ntitle: {}\nowner: {}\ndefaults:\n  drain: {drain}\nsteps:\n  - step: patch\n    \
         title: {}\n    change: {change}\n    budget: 0\n{actions}    bags:\n      - bag: {}\n        machines: {}\n",
        quoted(&cut(&title)),
        list(&rules.owner.0),
        quoted(&cut(&names)),
        quoted(&bag),
        quoted(&asked.machines.join(",")),
    );
    let made = load("the request", text.as_bytes());
    let mut made = made.map_err(|problems| Denied::new(Kind::Invalid, "S0417", problems.to_string()))?;
    made.pop().ok_or_else(|| Denied::new(Kind::Broken, "S0417", "the request made no pipeline"))
}

/// Titles fit on a line or two.
fn cut(title: &str) -> String {
    title.chars().take(200).collect()
}

fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| quoted(name)).collect();
    format!("[{}]", names.join(", "))
}

/// Text as YAML reads it back, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
