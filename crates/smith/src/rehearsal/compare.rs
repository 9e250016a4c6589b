//! Several futures side by side: what each takes, what holds it up, and where they differ.

use smith_domain::time::{Span, Timestamp};
use smith_sim::rehearse::{Outcome, Report, StepReport};

use super::Future;
use crate::output::{Align, BOLD, Table, count, moment, ratio, styled};

/// `futures` begins with the plan as it is.
pub(crate) fn side_by_side(futures: &[Future], width: usize) -> String {
    let Some(base) = futures.first() else { return String::new() };
    let mut out = format!("\n{}\n", styled(BOLD, "side by side"));
    for (number, future) in futures.iter().enumerate() {
        out.push_str(&format!("  {} = {}\n", letter(number), future.name()));
    }
    out.push('\n');
    let mut table = Table::new(&titles(futures.len()));
    let mut line = |what: &str, of: &dyn Fn(&Future) -> String| {
        table.row([what.to_owned()].into_iter().chain(futures.iter().map(of)));
    };
    line("outcome", &|future| outcome(future.first()).to_owned());
    line("takes", &|future| takes(future, base));
    line("bound", &|future| future.first().bound.to_string());
    line("times the bound", &|future| {
        let report = future.first();
        ratio(report.makespan(), report.bound).filter(|_| is_finished(report)).unwrap_or_default()
    });
    line("pass", &|future| sum(future, base, |step| step.tally.done));
    line("failed or lost", &|future| sum(future, base, |step| step.tally.failed + step.tally.lost));
    line("halts", &|future| sum(future, base, |step| step.halts));
    line("windows missed", &|future| sum(future, base, |step| step.windows_missed));
    line("binds most", &|future| {
        future.first().binding.first().map_or_else(|| "nothing".to_owned(), |one| one.limit.clone())
    });
    let mut pipeline = None;
    for (number, step) in base.first().steps.iter().enumerate() {
        if pipeline != Some(&step.pipeline) {
            pipeline = Some(&step.pipeline);
            table.heading(format!("end of each step of {}", step.pipeline));
        }
        let cells = futures.iter().map(|future| ended(future, base, number));
        table.row([format!("  {}", step.step)].into_iter().chain(cells));
    }
    out.push_str(&table.render(width));
    out
}

fn titles(futures: usize) -> Vec<(&'static str, Align)> {
    [("", Align::Left)].into_iter().chain((0..futures).map(|number| (letter(number), Align::Left))).collect()
}

fn letter(number: usize) -> &'static str {
    const LETTERS: [&str; 10] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J"];
    LETTERS.get(number).copied().unwrap_or("…")
}

fn outcome(report: &Report) -> &'static str {
    match report.outcome {
        Outcome::Finished => "finishes",
        Outcome::Stuck(_) => "is stuck",
        Outcome::OutOfTime => "out of time",
    }
}

fn is_finished(report: &Report) -> bool {
    report.outcome == Outcome::Finished
}

/// The time of the run that is shown, or the median of several.
fn length(future: &Future) -> Option<Span> {
    if future.reports.len() > 1 {
        return future.spread().map(|spread| spread.median);
    }
    is_finished(future.first()).then(|| future.first().makespan())
}

fn takes(future: &Future, base: &Future) -> String {
    match (length(future), length(base)) {
        (None, _) => "does not end".to_owned(),
        (Some(one), None) => one.to_string(),
        (Some(one), Some(other)) => format!("{one}{}", difference(one.0, other.0, |by| Span(by).to_string())),
    }
}

fn ended(future: &Future, base: &Future, step: usize) -> String {
    let at = |future: &Future| -> Option<Timestamp> { future.first().steps.get(step)?.ended };
    match (at(future), at(base)) {
        (None, _) => "not ended".to_owned(),
        (Some(one), None) => moment(one),
        (Some(one), Some(other)) => {
            let start = base.first().start;
            let (one_took, other_took) = (one.since(start).0, other.since(start).0);
            format!("{}{}", moment(one), difference(one_took, other_took, |by| Span(by).to_string()))
        }
    }
}

fn sum(future: &Future, base: &Future, of: impl Fn(&StepReport) -> u32) -> String {
    let whole = |future: &Future| future.first().steps.iter().map(|step| u64::from(of(step))).sum::<u64>();
    let (one, other) = (whole(future), whole(base));
    format!("{}{}", count(one), difference(one, other, count))
}

/// ` (+2h)`, ` (−3)`, or nothing.
fn difference(one: u64, other: u64, text: impl Fn(u64) -> String) -> String {
    match one.cmp(&other) {
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!(" (+{})", text(one - other)),
        std::cmp::Ordering::Less => format!(" (−{})", text(other - one)),
    }
}
