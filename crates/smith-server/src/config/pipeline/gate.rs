//! Gates: what must hold before a step starts.

use smith_domain::id::{PipelineName, StepName};
use smith_domain::pipeline::{Gate, SoakFrom, Who};
use smith_domain::time::Span;

use super::refer::{Link, Reference, StepNames, other_pipeline, pipeline_name};
use super::rules::count;
use crate::config::fields::{Fields, found};
use crate::config::report::{Place, Report, shown};
use crate::config::tree::{Kind, Node};
use crate::config::value::{checked_name, list, span, text, title, who};

/// A build that has soaked for a season is older than the one that will replace it.
const LONGEST_SOAK: Span = Span::hours(90 * 24);

/// Where a gate stands: the step it is a gate of, and what is known of the others.
pub(super) struct Around<'a> {
    pub(super) step: usize,
    pub(super) names: &'a StepNames,
    /// The pipelines that the file describes.
    pub(super) own: &'a [PipelineName],
    pub(super) links: &'a mut Vec<Link>,
    pub(super) references: &'a mut Vec<Reference>,
}

pub(super) fn gates(node: &Node, around: &mut Around<'_>, report: &mut Report) -> Option<Vec<Gate>> {
    each(node, report, |written, report| written.of_step(around, report))
}

/// Gates that no pipeline is around: what they name is looked for when they are used.
pub(in crate::config) fn loose_gates(node: &Node, report: &mut Report) -> Option<Vec<Gate>> {
    each(node, report, |written, _| Some(written.loose()))
}

fn each(
    node: &Node,
    report: &mut Report,
    mut one: impl FnMut(Written, &mut Report) -> Option<Gate>,
) -> Option<Vec<Gate>> {
    let items = list(node, "a list of gates", report)?;
    let gates: Vec<Gate> =
        items.iter().filter_map(|item| gate(item, report).and_then(|written| one(written, report))).collect();
    if gates.len() == items.len() { Some(gates) } else { None }
}

/// A gate as it stands there, before what it names was looked for.
enum Written {
    Soak { at: Place, other: Option<PipelineName>, since: (SoakFrom, StepName, Place), length: Span },
    Approval { name: String, who: Who, count: u32 },
    Succeeded { place: Place, pipeline: PipelineName },
}

impl Written {
    fn loose(self) -> Gate {
        match self {
            Written::Soak { other: pipeline, since: (from, step, _), length, .. } => {
                Gate::Soak { pipeline, step, from, length }
            }
            Written::Approval { name, who, count } => Gate::Approval { name, who, count },
            Written::Succeeded { pipeline, .. } => Gate::Succeeded { pipeline },
        }
    }

    fn of_step(self, around: &mut Around<'_>, report: &mut Report) -> Option<Gate> {
        match self {
            Written::Soak { at, other, since, length } => {
                let (from, step, place) = since;
                let pipeline = other_of_step(at, other, around, report)?;
                refer(&pipeline, &step, place, around, report)?;
                Some(Gate::Soak { pipeline, step, from, length })
            }
            Written::Approval { .. } => Some(self.loose()),
            Written::Succeeded { place, pipeline } => {
                if around.own.contains(&pipeline) {
                    let found = format!("`{pipeline}`, which this step is part of");
                    report.add(place, "S0231", "another pipeline to wait for", found);
                    return None;
                }
                let named = pipeline.clone();
                around.references.push(Reference { from: around.step, place, pipeline: named, step: None });
                Some(Gate::Succeeded { pipeline })
            }
        }
    }
}

fn gate(node: &Node, report: &mut Report) -> Option<Written> {
    const EXPECTED: &str = "a gate: a map with `soak`, `approval` or `succeeded`";
    let Kind::Map(entries) = &node.kind else {
        report.add(node.place, "S0206", EXPECTED, found(node));
        return None;
    };
    let has = |key: &str| entries.iter().any(|entry| entry.key == key);
    match (has("soak"), has("approval"), has("succeeded")) {
        (true, false, false) => soak(node, report),
        (false, true, false) => approval(node, report),
        (false, false, true) => succeeded(node, report),
        (false, false, false) => {
            let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
            let found = if keys.is_empty() { "nothing".to_owned() } else { shown(&keys.join(", ")) };
            let problem = report.add(node.place, "S0205", EXPECTED, found);
            let kinds = ["soak", "approval", "succeeded"];
            problem.suggest(keys.iter().find_map(|key| crate::config::near::nearest(key, kinds)));
            None
        }
        _ => {
            let problem =
                report.add(node.place, "S0219", "one kind of gate in each entry of the list", "several");
            problem.with_hint("begin each gate with a `-` of its own");
            None
        }
    }
}

fn soak(node: &Node, report: &mut Report) -> Option<Written> {
    let mut fields = Fields::open(node, "a soak", report)?;
    let length = fields.need("soak").and_then(|node| span(node, LONGEST_SOAK, report));
    let since = fields.need("since");
    let other = other_pipeline(&mut fields, report);
    fields.close(report);
    let since = since_what(since?, report)?;
    Some(Written::Soak { at: node.place, other: other?, since, length: length? })
}

/// The pipeline that a step's soak is about, if it is another one.
fn other_of_step(
    at: Place,
    other: Option<PipelineName>,
    around: &Around<'_>,
    report: &mut Report,
) -> Option<Option<PipelineName>> {
    // In a file for several regions the name of one of them would mean that one in all of them.
    if let (Some(named), true) = (&other, around.own.len() > 1)
        && around.own.contains(named)
    {
        let problem =
            report.add(at, "S0231", "another pipeline to wait for", format!("`{named}`, of this file"));
        problem.with_hint("leave `pipeline` out for a step of the same pipeline");
        return None;
    }
    Some(other.filter(|other| !around.own.contains(other)))
}

fn refer(
    pipeline: &Option<PipelineName>,
    step: &StepName,
    place: Place,
    around: &mut Around<'_>,
    report: &mut Report,
) -> Option<()> {
    match pipeline {
        Some(pipeline) => around.references.push(Reference {
            from: around.step,
            place,
            pipeline: pipeline.clone(),
            step: Some(step.clone()),
        }),
        None => {
            let to = around.names.find(step.as_str(), place, around.step, report)?;
            around.links.push(Link { from: around.step, to, place });
        }
    }
    Some(())
}

/// `start of STEP` or `end of STEP`.
fn since_what(node: &Node, report: &mut Report) -> Option<(SoakFrom, StepName, Place)> {
    const EXPECTED: &str = "`start of STEP` or `end of STEP`";
    let written = text(node, EXPECTED, report)?;
    let words: Vec<&str> = written.split_whitespace().collect();
    let (from, step) = match words.as_slice() {
        ["start", "of", step] => (SoakFrom::Start, *step),
        ["end", "of", step] => (SoakFrom::End, *step),
        _ => {
            report.add(node.place, "S0207", EXPECTED, shown(written));
            return None;
        }
    };
    let step = checked_name(step, node.place, EXPECTED, StepName::new, report)?;
    Some((from, step, node.place))
}

fn approval(node: &Node, report: &mut Report) -> Option<Written> {
    let mut fields = Fields::open(node, "an approval", report)?;
    let name = fields.need("approval").and_then(|node| title(node, report));
    let people = fields.need("who").and_then(|node| who(node, report));
    let count = count(&mut fields, people.as_ref(), report);
    fields.close(report);
    Some(Written::Approval { name: name?, who: people?, count: count? })
}

fn succeeded(node: &Node, report: &mut Report) -> Option<Written> {
    let mut fields = Fields::open(node, "a gate on another pipeline", report)?;
    let named = fields.need("succeeded").and_then(|node| Some((node.place, pipeline_name(node, report)?)));
    fields.close(report);
    let (place, pipeline) = named?;
    Some(Written::Succeeded { place, pipeline })
}
