//! Names of steps, and who waits for whom.

use smith_domain::id::{PipelineName, StepName};

use crate::config::fields::Fields;
use crate::config::near::nearest;
use crate::config::report::{Place, Report, shown};
use crate::config::tree::{Kind, Node};
use crate::config::value::name;

/// The steps of one file as far as they have names, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct StepNames(Vec<(Option<StepName>, Place)>);

/// A step waits for another one of the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) place: Place,
}

/// A step waits for another pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) from: usize,
    pub(super) place: Place,
    pub(super) pipeline: PipelineName,
    /// One step of it; without, all of them.
    pub(super) step: Option<StepName>,
}

impl StepNames {
    /// Finds every name before any step is read, so that steps can name later ones.
    pub(super) fn gather(steps: &[Node], report: &mut Report) -> Self {
        let mut names: Vec<(Option<StepName>, Place)> = Vec::new();
        for step in steps {
            let found = match &step.kind {
                Kind::Map(entries) => {
                    entries.iter().find(|entry| entry.key == "step").map(|entry| &entry.value)
                }
                Kind::Text { .. } | Kind::List(_) => None,
            };
            let place = found.map_or(step.place, |node| node.place);
            let id = found.and_then(|node| {
                name(node, "the id of a step: letters, digits, `-`, `_`, `.`", StepName::new, report)
            });
            let same = names.iter().find(|(known, _)| known.is_some() && *known == id);
            if let (Some(id), Some((_, first))) = (&id, same) {
                let problem = report.add(place, "S0209", "an id that no other step has", shown(id.as_str()));
                problem.with_hint(format!("the step in line {} has it already", first.line));
            }
            names.push((id, place));
        }
        Self(names)
    }

    pub(super) fn get(&self, index: usize) -> Option<&StepName> {
        self.0.get(index).and_then(|(id, _)| id.as_ref())
    }

    pub(super) fn place(&self, index: usize) -> Place {
        self.0.get(index).map_or(Place::START, |(_, place)| *place)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn known(&self) -> impl Iterator<Item = &StepName> {
        self.0.iter().filter_map(|(id, _)| id.as_ref())
    }

    /// The step of this name, other than the step that asks.
    pub(super) fn find(&self, text: &str, place: Place, asking: usize, report: &mut Report) -> Option<usize> {
        let same = |(id, _): &(Option<StepName>, Place)| id.as_ref().is_some_and(|id| id.as_str() == text);
        match self.0.iter().position(same) {
            Some(index) if index == asking => {
                let found = format!("{}, the step itself", shown(text));
                report.add(place, "S0211", "another step to wait for", found);
                None
            }
            Some(index) => Some(index),
            None => {
                let known: Vec<&str> = self.known().map(StepName::as_str).collect();
                let expected = format!("a step of this pipeline: {}", known.join(", "));
                report.add(place, "S0210", expected, shown(text)).suggest(nearest(text, known));
                None
            }
        }
    }
}

/// The name of a pipeline at a key.
pub(in crate::config) fn pipeline_name(node: &Node, report: &mut Report) -> Option<PipelineName> {
    name(node, "the name of a pipeline: letters, digits, `-`, `_`, `.`", PipelineName::new, report)
}

/// Reads the keys that all gates may share; kept with the references because only they need the other pipeline.
pub(super) fn other_pipeline(fields: &mut Fields<'_>, report: &mut Report) -> Option<Option<PipelineName>> {
    match fields.take("pipeline") {
        Some(node) => pipeline_name(node, report).map(Some),
        None => Some(None),
    }
}
