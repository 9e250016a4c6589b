//! All files together: what they say about each other.

use std::collections::BTreeMap;

use smith_domain::id::{PipelineName, StepName};
use smith_domain::pipeline::Pipeline;

use super::file::{Outcome, read};
use super::order::circles;
use super::refer::Reference;
use crate::config::near::nearest;
use crate::config::report::{Place, shown};
use crate::problem::{Problem, Problems};

/// Reads files, given by name and content, and checks what they say about each other.
///
/// A pipeline that cannot be read still counts as there: naming it is not a second mistake.
pub fn load_folder(files: &[(String, Vec<u8>)]) -> Result<Vec<Pipeline>, Problems> {
    let mut outcomes: Vec<Outcome> = files.iter().map(|(name, bytes)| read(name, bytes)).collect();
    let known = by_name(&mut outcomes, files);
    check_references(&mut outcomes, &known);
    check_circles(&mut outcomes, &known);
    let clean = outcomes.iter().all(|outcome| outcome.report.is_clean() && outcome.pipelines.is_some());
    if clean {
        return Ok(outcomes.into_iter().filter_map(|outcome| outcome.pipelines).flatten().collect());
    }
    let mut problems: Vec<Problem> = Vec::new();
    for outcome in outcomes {
        if let Err(Problems(more)) = outcome.report.finish(outcome.pipelines) {
            problems.extend(more);
        }
    }
    problems.sort();
    Err(Problems(problems))
}

/// Which file has a pipeline. A name that comes again is a problem where it comes again.
fn by_name(outcomes: &mut [Outcome], files: &[(String, Vec<u8>)]) -> BTreeMap<PipelineName, usize> {
    let mut known: BTreeMap<PipelineName, (usize, Place)> = BTreeMap::new();
    for (index, outcome) in outcomes.iter_mut().enumerate() {
        for member in outcome.members.clone() {
            let Some((file, place)) = known.get(&member.name) else {
                known.insert(member.name, (index, member.place));
                continue;
            };
            let first = files.get(*file).map_or("", |(name, _)| name);
            let expected = "a name that no other pipeline has";
            let problem = outcome.report.add(member.place, "S0232", expected, shown(member.name.as_str()));
            problem.with_hint(format!("{first}:{} has it already", place.line));
        }
    }
    known.into_iter().map(|(name, (file, _))| (name, file)).collect()
}

fn check_references(outcomes: &mut [Outcome], known: &BTreeMap<PipelineName, usize>) {
    let steps: Vec<Vec<StepName>> =
        outcomes.iter().map(|outcome| outcome.names.known().cloned().collect()).collect();
    // Which pipeline a file that cannot be read would have had is not known.
    let all_readable = outcomes.iter().all(|outcome| !outcome.members.is_empty());
    for outcome in outcomes {
        for Reference { place, pipeline, step, .. } in &outcome.references {
            let Some(file) = known.get(pipeline) else {
                if all_readable {
                    let names = known.keys().map(PipelineName::as_str);
                    let expected = "the name of a pipeline that there is";
                    let problem = outcome.report.add(*place, "S0230", expected, shown(pipeline.as_str()));
                    problem.suggest(nearest(pipeline.as_str(), names));
                }
                continue;
            };
            let Some(step) = step else { continue };
            // A file without any readable step has been complained about.
            if !steps[*file].is_empty() && !steps[*file].contains(step) {
                let names: Vec<&str> = steps[*file].iter().map(StepName::as_str).collect();
                let expected = format!("a step of pipeline `{pipeline}`: {}", names.join(", "));
                let problem = outcome.report.add(*place, "S0230", expected, shown(step.as_str()));
                problem.suggest(nearest(step.as_str(), names));
            }
        }
    }
}

/// Looks for circles among steps, across all files.
///
/// The pipelines of one file are alike, so a file stands for all of them. A step that waits for a whole pipeline waits
/// for each of its steps. Circles inside one file have been found when it was read.
fn check_circles(outcomes: &mut [Outcome], known: &BTreeMap<PipelineName, usize>) {
    let starts: Vec<usize> = outcomes
        .iter()
        .scan(0, |next, outcome| {
            let start = *next;
            *next += outcome.names.len();
            Some(start)
        })
        .collect();
    let count = outcomes.iter().map(|outcome| outcome.names.len()).sum();
    let mut waits = Vec::new();
    let mut across: BTreeMap<(usize, usize), Place> = BTreeMap::new();
    for (file, outcome) in outcomes.iter().enumerate() {
        waits.extend(outcome.links.iter().map(|link| (starts[file] + link.from, starts[file] + link.to)));
        for reference in &outcome.references {
            let Some(to) = known.get(&reference.pipeline) else { continue };
            let wanted = |at: &usize| {
                reference.step.is_none() || outcomes[*to].names.get(*at) == reference.step.as_ref()
            };
            for step in (0..outcomes[*to].names.len()).filter(wanted) {
                let wait = (starts[file] + reference.from, starts[*to] + step);
                across.insert(wait, reference.place);
                waits.push(wait);
            }
        }
    }
    let file_of = |step: usize| starts.partition_point(|start| *start <= step).saturating_sub(1);
    for circle in circles(count, &waits) {
        let next = circle.iter().cycle().skip(1);
        let Some((wait, place)) =
            circle.iter().zip(next).find_map(|(from, to)| Some(((*from, *to), across.get(&(*from, *to))?)))
        else {
            continue;
        };
        let mut chain: Vec<String> =
            circle.iter().map(|step| named(outcomes, file_of(*step), *step, &starts)).collect();
        chain.extend(chain.first().cloned());
        let found = format!("`{}`", chain.join(" → "));
        let report = &mut outcomes[file_of(wait.0)].report;
        report.add(*place, "S0231", "pipelines that do not wait for each other", found);
    }
}

fn named(outcomes: &[Outcome], file: usize, step: usize, starts: &[usize]) -> String {
    let outcome = &outcomes[file];
    let pipeline = outcome.members.first().map_or("?", |member| member.name.as_str());
    let step = outcome.names.get(step - starts[file]).map_or("?", StepName::as_str);
    format!("{pipeline}/{step}")
}
