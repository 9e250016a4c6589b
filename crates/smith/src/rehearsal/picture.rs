//! What the picture of a rehearsal shows.

use smith_sim::rehearse::{Report, StepReport};

use super::{Future, Header, outcome_line};
use crate::output::{Curve, OTHERS, Picture, Stretch, count, counted, day, moment};

/// The first future with all its curves; of the others, how many machines are done.
pub(crate) fn picture(header: &Header, futures: &[Future]) -> Option<Picture> {
    let report = futures.first()?.first();
    let mut curves = vec![
        curve("done", "done".to_owned(), report, |moment| moment.done),
        curve("running", "at work".to_owned(), report, |moment| moment.running),
        curve("failed", "failed or lost".to_owned(), report, |moment| moment.failed),
    ];
    for (future, class) in futures[1..].iter().zip(OTHERS.into_iter().cycle()) {
        curves.push(curve(class, format!("done if {}", future.name()), future.first(), |moment| moment.done));
    }
    let end = futures.iter().map(|future| future.first().end).max()?;
    let outcome = anstream::adapter::strip_str(&outcome_line(header, report)).to_string();
    Some(Picture {
        title: format!("Rehearsal of {}", header.pipelines.join(", ")),
        subtitle: format!(
            "{} in {}, all simulated, seed {}; from {} {} UTC",
            counted(report.machines, "machine"),
            counted(report.clusters, "cluster"),
            report.seed,
            day(report.start),
            moment(report.start)
        ),
        outcome,
        start: report.start,
        end,
        most: report.steps.iter().map(|step| step.tally.total()).sum::<u32>().max(1),
        curves,
        stretches: report.steps.iter().map(|step| stretch(step, header.pipelines.len())).collect(),
    })
}

fn curve(
    class: &'static str,
    name: String,
    report: &Report,
    of: impl Fn(&smith_sim::rehearse::Moment) -> u32,
) -> Curve {
    Curve { class, name, points: report.progress.iter().map(|moment| (moment.at, of(moment))).collect() }
}

fn stretch(step: &StepReport, pipelines: usize) -> Stretch {
    let until = step.opened.or(step.ended);
    let waits = match (step.reached, until) {
        (Some(from), Some(to)) => {
            format!("{} {}: gates, soaks and approvals, {}", step.pipeline, step.step, to.since(from))
        }
        (Some(_), None) | (None, _) => format!("{} {}: waits at its gates", step.pipeline, step.step),
    };
    let took = step.opened.zip(step.ended).map(|(from, to)| to.since(from).to_string());
    let tally = &step.tally;
    let works = format!(
        "{} {} ({}): {}, {} of {} machines pass, {} failed or lost",
        step.pipeline,
        step.step,
        step.title,
        took.unwrap_or_else(|| "not ended".to_owned()),
        count(tally.done),
        count(tally.total()),
        count(tally.failed + tally.lost)
    );
    Stretch {
        name: if pipelines > 1 { format!("{} {}", step.pipeline, step.step) } else { step.step.clone() },
        waits_from: step.reached,
        opened: step.opened,
        ended: step.ended,
        waits,
        works,
    }
}
