//! One file: a pipeline, or the same pipeline for several regions.

use smith_domain::fleet::Selector;
use smith_domain::id::{AttrName, PipelineName};
use smith_domain::pipeline::{Amount, Counts, Limit, Pipeline, Step, Who};

use super::gate::Around;
use super::limit::limits;
use super::refer::{Link, Reference, StepNames, pipeline_name};
use super::rules::Rules;
use super::step::{check_circles, step};
use crate::config::fields::{Fields, found};
use crate::config::report::{Place, Report, shown};
use crate::config::tree::{self, Kind, Node};
use crate::config::value::{checked_name, full_list, text, title, who};
use crate::problem::Problems;

/// More steps than any process that people can follow.
const MAX_STEPS: usize = 500;

/// What one file says, as far as it could be read.
pub(super) struct Outcome {
    pub(super) report: Report,
    /// None when something is wrong.
    pub(super) pipelines: Option<Vec<Pipeline>>,
    pub(super) members: Vec<Member>,
    pub(super) names: StepNames,
    pub(super) links: Vec<Link>,
    pub(super) references: Vec<Reference>,
}

/// A pipeline of the file.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) name: PipelineName,
    pub(super) place: Place,
    /// Only machines of this region belong to it.
    region: Option<String>,
}

/// Reads one file. Whether other pipelines exist that it names is only known to `load_folder`.
pub fn load(file: &str, bytes: &[u8]) -> Result<Vec<Pipeline>, Problems> {
    let Outcome { report, pipelines, .. } = read(file, bytes);
    report.finish(pipelines)
}

pub(super) fn read(file: &str, bytes: &[u8]) -> Outcome {
    let report = Report::new(file, bytes);
    let (members, names, links, references) = Default::default();
    let mut outcome = Outcome { report, pipelines: None, members, names, links, references };
    if let Some(root) = tree::read(bytes, &mut outcome.report) {
        outcome.pipelines = outcome.pipelines_of(&root);
    }
    outcome
}

impl Outcome {
    fn pipelines_of(&mut self, root: &Node) -> Option<Vec<Pipeline>> {
        let report = &mut self.report;
        let mut fields = Fields::open(root, "a pipeline", report)?;
        let members = members(&mut fields, report);
        let title = fields.need("title").and_then(|node| title(node, report));
        let owner = fields.need("owner").and_then(|node| who(node, report));
        let limits = match fields.take("limits") {
            Some(node) => limits(node, report),
            None => one_of_a_cluster(),
        };
        let defaults = fields.take("defaults").map(|node| defaults(node, report)).unwrap_or_default();
        let nodes = fields.need("steps").and_then(|node| full_list(node, "a list of steps", report));
        fields.close(report);
        self.members = members.clone().unwrap_or_default();
        let steps = self.steps(nodes?, &defaults);
        let head = Head { title: title?, owner: owner?, limits: limits? };
        let steps = steps?;
        members?.iter().map(|member| pipeline(member, &head, &steps, &mut self.report)).collect()
    }

    fn steps(&mut self, nodes: &[Node], defaults: &Rules) -> Option<Vec<Step>> {
        let report = &mut self.report;
        if let Some(first) = nodes.get(MAX_STEPS) {
            report.add(
                first.place,
                "S0202",
                format!("at most {MAX_STEPS} steps"),
                format!("{}", nodes.len()),
            );
            return None;
        }
        self.names = StepNames::gather(nodes, report);
        let own: Vec<PipelineName> = self.members.iter().map(|member| member.name.clone()).collect();
        let mut steps = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            let mut around = Around {
                step: at,
                names: &self.names,
                own: &own,
                links: &mut self.links,
                references: &mut self.references,
            };
            steps.extend(step(node, defaults, &mut around, report));
        }
        check_circles(&self.names, &self.links, report);
        if steps.len() == nodes.len() { Some(steps) } else { None }
    }
}

fn members(fields: &mut Fields<'_>, report: &mut Report) -> Option<Vec<Member>> {
    const EXPECTED: &str = "`pipeline: NAME`, or `pipelines:` with a region for each name";
    match (fields.take("pipeline"), fields.take("pipelines")) {
        (Some(node), None) => {
            let name = pipeline_name(node, report)?;
            Some(vec![Member { name, place: node.place, region: None }])
        }
        (None, Some(node)) => members_by_region(node, report),
        (Some(_), Some(node)) => {
            report.add(node.place, "S0219", EXPECTED, "both");
            None
        }
        (None, None) => {
            report.add(fields.place(), "S0205", EXPECTED, "neither");
            None
        }
    }
}

fn members_by_region(node: &Node, report: &mut Report) -> Option<Vec<Member>> {
    const EXPECTED: &str = "names of pipelines with their regions, such as `rebootProductionEUEs: eu-es`";
    let entries = match &node.kind {
        Kind::Map(entries) if !entries.is_empty() => entries,
        Kind::Map(_) | Kind::List(_) | Kind::Text { .. } => {
            let code = if matches!(node.kind, Kind::Map(_)) { "S0212" } else { "S0206" };
            report.add(node.place, code, EXPECTED, found(node));
            return None;
        }
    };
    let mut members: Vec<Member> = Vec::new();
    for entry in entries {
        let name = checked_name(&entry.key, entry.place, EXPECTED, PipelineName::new, report);
        let Some(region) = text(&entry.value, EXPECTED, report) else { continue };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if region.is_empty() || !region.chars().all(allowed) {
            report.add(entry.value.place, "S0207", EXPECTED, shown(region));
            continue;
        }
        if let Some(first) = members.iter().find(|member| member.region.as_deref() == Some(region)) {
            let problem = report.add(entry.value.place, "S0209", "each region once", shown(region));
            problem.with_hint(format!("`{}` is of that region already", first.name));
        }
        let region = Some(region.to_owned());
        members.extend(name.map(|name| Member { name, place: entry.place, region }));
    }
    if members.len() == entries.len() { Some(members) } else { None }
}

fn defaults(node: &Node, report: &mut Report) -> Rules {
    let Some(mut fields) = Fields::open(node, "defaults", report) else { return Rules::default() };
    let rules = Rules::read(&mut fields, report);
    fields.close(report);
    rules
}

/// What holds unless a file says otherwise: one disturbed machine in each cluster.
fn one_of_a_cluster() -> Option<Vec<Limit>> {
    let cluster = AttrName::new("cluster").ok()?;
    Some(vec![Limit { per: vec![cluster], within: None, max: Amount::Count(1), counts: Counts::Disturbed }])
}

/// What the pipelines of a file have in common.
struct Head {
    title: String,
    owner: Who,
    limits: Vec<Limit>,
}

fn pipeline(member: &Member, head: &Head, steps: &[Step], report: &mut Report) -> Option<Pipeline> {
    let Head { title, owner, limits } = head;
    let (title, steps) = match &member.region {
        None => (title.clone(), steps.to_vec()),
        Some(region) => (format!("{title} ({region})"), of_region(region, member.place, steps, report)?),
    };
    Some(Pipeline { name: member.name.clone(), title, owner: owner.clone(), limits: limits.clone(), steps })
}

/// The steps for one region: every bag takes machines of the region only, whatever its selector says, and steps exclude
/// each other inside the region only.
fn of_region(region: &str, place: Place, steps: &[Step], report: &mut Report) -> Option<Vec<Step>> {
    let mut steps = steps.to_vec();
    for step in &mut steps {
        step.exclusive = step.exclusive.take().map(|name| format!("{region} {name}"));
        for bag in step.phases.iter_mut().flat_map(|phase| &mut phase.bags) {
            match Selector::parse(&format!("region={region} and ({})", bag.select)) {
                Ok(narrowed) => bag.select = narrowed,
                Err(error) => {
                    report.add(place, "S0214", error.expected, error.found);
                    return None;
                }
            }
        }
    }
    Some(steps)
}
