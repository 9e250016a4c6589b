//! Weeks as people write them. What they name in pipelines is looked for when a week is started, because pipelines are edited
//! apart from the settings.

use std::path::Path;

use smith_domain::change::TrainForm;
use smith_domain::cycle::WeekPlan;
use smith_domain::pipeline::ChangeRule;

use super::model::Week;
use super::read::{path, words};
use super::schedule::Schedule;
use crate::config::fields::Fields;
use crate::config::pipeline::{change, loose_gates, pipeline_name};
use crate::config::report::{Report, shown};
use crate::config::tree::{Kind, Node};
use crate::config::value::{list, one_or_more, text, who, yes_or_no};

/// Weeks of a site: a channel has one, and a site some channels.
const WEEKS_MAX: usize = 32;

pub(super) fn weeks(node: &Node, folder: &Path, report: &mut Report) -> Vec<Week> {
    let items = list(node, "a list of weeks", report).unwrap_or_default();
    if items.len() > WEEKS_MAX {
        report.add(node.place, "S0208", format!("at most {WEEKS_MAX} weeks"), items.len().to_string());
        return Vec::new();
    }
    let mut weeks: Vec<Week> = Vec::new();
    for item in items {
        let Some(week) = week(item, folder, report) else { continue };
        if weeks.iter().any(|other| other.plan.name == week.plan.name) {
            report.add(item.place, "S0209", "a name that no other week has", shown(&week.plan.name));
            continue;
        }
        weeks.push(week);
    }
    weeks
}

fn week(node: &Node, folder: &Path, report: &mut Report) -> Option<Week> {
    let mut fields = Fields::open(node, "a week", report)?;
    let place = fields.place();
    let mut given = |key, what: &str, report: &mut Report| {
        fields.need(key).and_then(|node| text(node, what, report)).map(str::to_owned)
    };
    let name = given("week", "the name of a week", report);
    let recipe = given("recipe", "the path of a recipe", report);
    let channel = given("channel", "the name of a channel", report);
    let owner = fields.need("owner").and_then(|node| who(node, report));
    let regions = fields.need("regions").and_then(|node| words(node, "regions", report));
    let test = fields.take("test").map(|node| pipeline_name(node, report));
    let canary = fields.take("canary").map(|node| pipeline_name(node, report));
    let rollouts = fields.take("rollouts").map(|node| {
        let names = one_or_more(node, "names of pipelines", report)?;
        names.into_iter().map(|node| pipeline_name(node, report)).collect::<Option<Vec<_>>>()
    });
    let gates = fields.take("gates").map(|node| loose_gates(node, report));
    let rule = fields.take("change").map(|node| change(node, report));
    let train = fields.take("train").map(|node| train(node, report));
    let schedule = fields.take("schedule").map(|node| Schedule::read(node, report));
    let profiles = fields.take("profiles").map(|node| path(node, folder, report));
    fields.close(report);
    let plan = WeekPlan {
        name: name?,
        owner: owner?,
        recipe: recipe?,
        channel: channel?,
        regions: regions?,
        test: optional(test)?,
        gates: gates.unwrap_or_else(|| Some(Vec::new()))?,
        train: optional(train)?.map(Box::new),
        rule: rule.unwrap_or(Some(ChangeRule::None))?,
        canary: optional(canary)?,
        rollouts: rollouts.unwrap_or_else(|| Some(Vec::new()))?,
    };
    let schedule = optional(schedule)?;
    if let Err(why) = plan.check() {
        report.add(place, "S0440", "a week that can be started", why.to_string());
        return None;
    }
    Some(Week { plan, folder: folder.to_owned(), schedule, profiles: optional(profiles)? })
}

/// What was not written is not there; what was written and is wrong makes the whole wrong.
fn optional<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        None => Some(None),
        Some(None) => None,
        Some(Some(value)) => Some(Some(value)),
    }
}

/// The form of a train with the names that its template has. The regions are the week's.
fn train(node: &Node, report: &mut Report) -> Option<TrainForm> {
    let mut fields = Fields::open(node, "a train", report)?;
    if let Kind::Map(entries) = &node.kind
        && let Some(entry) = entries.iter().find(|entry| entry.key == "Environment")
    {
        fields.take("Environment");
        let problem = report.add(entry.place, "S0204", "a train without `Environment`", "`Environment`");
        problem.with_hint("the regions are those of the week");
    }
    let mut line = |key| match fields.take(key) {
        Some(node) => text(node, "a text", report).map(str::to_owned),
        None => Some(String::new()),
    };
    let (squad, service, title) = (line("Squad"), line("Service"), line("Title"));
    let (details, risk) = (line("Details"), line("Risk"));
    let (impact, method) = (line("DeploymentImpact"), line("DeploymentMethod"));
    let (start, end) = (line("PlannedStartTime"), line("PlannedEndTime"));
    let (stage, backout) = (line("StageDeployDate"), line("BackoutPlan"));
    let mut truth = |key| match fields.take(key) {
        Some(node) => yes_or_no(node, true, false, report),
        None => Some(false),
    };
    let (vendored, security) = (truth("VendoredOrNonBuilt"), truth("SecurityOnly"));
    fields.close(report);
    Some(TrainForm {
        squad: squad?,
        service: service?,
        title: title?,
        environment: Vec::new(),
        details: details?,
        risk: risk?,
        deployment_impact: impact?,
        deployment_method: method?,
        planned_start: start?,
        planned_end: end?,
        stage_deploy_date: stage?,
        vendored_or_non_built: vendored?,
        security_only: security?,
        backout_plan: backout?,
    })
}
