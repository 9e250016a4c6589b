//! A rehearsal for people: what was assumed, what happens when, what holds it up, and how it ends.

use std::fmt::Write as _;

use smith_domain::time::{Span, Timestamp};
use smith_sim::rehearse::{Outcome, Report, StepReport};

use super::Future;
use crate::output::{
    Align, BAD, BOLD, Bar, Chart, GOOD, Point, Table, WAITS, count, counted, day, moment, ratio, styled,
    times,
};

/// What a rehearsal was made with, in words.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) pipelines: Vec<String>,
    pub(crate) fleet: String,
    pub(crate) faults: String,
    pub(crate) approval: Span,
    pub(crate) horizon: Span,
}

/// Names of pipelines in the first line; the rest is counted.
const NAMED: usize = 4;

/// The whole report; the last line says how it ends.
pub(crate) fn shown(header: &Header, future: &Future, width: usize) -> String {
    let report = future.first();
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = head(&mut out, header, report);
    let _ = writeln!(out, "\n{}", steps(report).render(width));
    out.push_str(&chart(report, width));
    let _ = noteworthy(&mut out, report);
    let _ = duration(&mut out, header, future);
    let _ = critical(&mut out, report, width);
    let _ = binding(&mut out, report, width);
    let _ = writeln!(out, "\n{}", outcome_line(header, report));
    out
}

fn head(out: &mut String, header: &Header, report: &Report) -> std::fmt::Result {
    let mut names = header.pipelines.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if header.pipelines.len() > NAMED {
        let _ = write!(names, " and {} more", header.pipelines.len() - NAMED);
    }
    writeln!(out, "{} {}", styled(BOLD, "rehearsal of"), styled(BOLD, &names))?;
    let (machines, clusters) = (counted(report.machines, "machine"), counted(report.clusters, "cluster"));
    writeln!(out, "fleet:   {machines} in {clusters}, {}; all simulated", header.fleet)?;
    writeln!(out, "faults:  {}", header.faults)?;
    writeln!(
        out,
        "people:  approve {} after they are asked, and repair what halts within an hour",
        header.approval
    )?;
    let (day, start) = (day(report.start), moment(report.start));
    writeln!(
        out,
        "start:   {day} {start}, all times in UTC; seed {}, {}",
        report.seed,
        counted(report.events, "event")
    )?;
    for remark in &report.remarks {
        writeln!(out, "assumed: {remark}")?;
    }
    Ok(())
}

fn steps(report: &Report) -> Table {
    let (left, right) = (Align::Left, Align::Right);
    let mut table = Table::new(&[
        ("step", left),
        ("opened", left),
        ("ended", left),
        ("took", right),
        ("machines", right),
        ("pass", right),
        ("fail", right),
        ("lost", right),
        ("skip", right),
        ("bound", right),
    ]);
    let mut pipeline = None;
    for step in &report.steps {
        if pipeline != Some(&step.pipeline) {
            pipeline = Some(&step.pipeline);
            table.heading(step.pipeline.clone());
        }
        let tally = &step.tally;
        let opened = step.opened.map_or_else(|| not_opened(step).to_owned(), moment);
        let ended = match (step.opened, step.ended) {
            (_, Some(at)) => moment(at),
            (Some(_), None) => "not ended".to_owned(),
            (None, None) => String::new(),
        };
        let took = step.opened.zip(step.ended).map(|(from, to)| to.since(from).to_string());
        table.row([
            format!("  {}", step.step),
            opened,
            ended,
            took.unwrap_or_default(),
            count(tally.total()),
            count(tally.done),
            count(tally.failed),
            count(tally.lost),
            count(tally.skipped + tally.gone),
            step.bound.to_string(),
        ]);
    }
    table
}

fn not_opened(step: &StepReport) -> &'static str {
    match (step.ended, step.reached) {
        (Some(_), _) => "not asked",
        (None, Some(_)) => "not opened",
        (None, None) => "not reached",
    }
}

fn chart(report: &Report, width: usize) -> String {
    let points: Vec<Point> =
        report.progress.iter().map(|moment| Point { at: moment.at, value: moment.done }).collect();
    let bars: Vec<Bar> = report
        .steps
        .iter()
        .map(|step| Bar {
            name: step.step.clone(),
            waits_from: step.reached,
            opened: step.opened,
            ended: step.ended,
        })
        .collect();
    let chart =
        Chart { start: report.start, end: report.end, most: total(report), points: &points, bars: &bars };
    format!(
        "machines done over time; below, when each step waits (·) and works (█)\n\n{}",
        chart.render(width)
    )
}

fn total(report: &Report) -> u32 {
    report.steps.iter().map(|step| step.tally.total()).sum::<u32>().max(1)
}

fn noteworthy(out: &mut String, report: &Report) -> std::fmt::Result {
    let mut notes = Vec::new();
    for step in &report.steps {
        if step.halts > 0 {
            notes.push(format!("{} {} halts {}", step.pipeline, step.step, times(step.halts)));
        }
        if step.windows_missed > 0 {
            let often = times(step.windows_missed);
            notes.push(format!(
                "{} {}: its window closes {often} before it is done",
                step.pipeline, step.step
            ));
        }
    }
    if notes.is_empty() {
        return writeln!(out, "\nno step halts, and no window closes before its step is done");
    }
    writeln!(out)?;
    notes.iter().try_for_each(|note| writeln!(out, "{} {note}", styled(WAITS, "note:")))
}

fn duration(out: &mut String, header: &Header, future: &Future) -> std::fmt::Result {
    let report = future.first();
    match (report.outcome == Outcome::Finished, future.spread()) {
        (true, _) => {
            let (day, end) = (day(report.end), moment(report.end));
            writeln!(out, "\n{} {}, until {day} {end}", styled(BOLD, "takes:"), report.makespan())?;
        }
        (false, _) => writeln!(out, "\n{} it does not end", styled(BOLD, "takes:"))?,
    }
    let runs = future.reports.len();
    match future.spread() {
        _ if runs == 1 => writeln!(out, "range: one run tells no range; `--runs 20` does")?,
        None => writeln!(out, "range: none of {runs} runs ended within {}", header.horizon)?,
        Some(spread) => {
            let ended = future.reports.iter().filter(|report| report.outcome == Outcome::Finished).count();
            let of = if ended == runs {
                format!("{runs} runs")
            } else {
                format!("{ended} of {runs} runs that ended")
            };
            writeln!(
                out,
                "range: median {} over {of}; eight in ten take {} to {}",
                spread.median, spread.low, spread.high
            )?;
        }
    }
    match ratio(report.makespan(), report.bound).filter(|_| report.outcome == Outcome::Finished) {
        Some(ratio) => writeln!(
            out,
            "bound: no schedule under these limits and with these durations takes less than {}; this one takes \
             {ratio} times as long",
            report.bound
        ),
        None => writeln!(
            out,
            "bound: no schedule under these limits and with these durations takes less than {}",
            report.bound
        ),
    }
}

/// What is shorter is the change desk taking a breath.
const SHORTEST: Span = Span::mins(1);

fn critical(out: &mut String, report: &Report, width: usize) -> std::fmt::Result {
    if report.critical.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", styled(BOLD, "critical path: what came after what"))?;
    let mut table = Table::new(&[
        ("from", Align::Left),
        ("to", Align::Left),
        ("took", Align::Right),
        ("what", Align::Left),
    ]);
    let mut pipeline = None;
    for leg in report.critical.iter().filter(|leg| leg.to.since(leg.from) >= SHORTEST) {
        let took = leg.to.since(leg.from).to_string();
        let of = report.steps.iter().map(|step| &step.pipeline);
        let own = of
            .filter_map(|name| Some((name, leg.what.strip_prefix(name.as_str())?.strip_prefix(' ')?)))
            .next();
        let what = own.map_or(leg.what.as_str(), |(_, what)| what);
        if let Some((name, _)) = own.filter(|(name, _)| pipeline != Some(*name)) {
            pipeline = Some(name);
            table.heading(name.clone());
        }
        table.row([format!("  {}", moment(leg.from)), moment(leg.to), took, what.to_owned()]);
    }
    out.push_str(&table.render(width));
    Ok(())
}

fn binding(out: &mut String, report: &Report, width: usize) -> std::fmt::Result {
    if report.binding.is_empty() {
        return writeln!(out, "\nno limit alone holds a step up");
    }
    writeln!(
        out,
        "\n{}",
        styled(BOLD, "limits that bind: their work alone takes nearly as long as the step")
    )?;
    let mut table = Table::new(&[
        ("limit", Align::Left),
        ("groups", Align::Right),
        ("alone", Align::Right),
        ("tightest group", Align::Left),
    ]);
    for one in &report.binding {
        table.row([one.limit.clone(), count(one.groups), one.alone.to_string(), one.tightest.clone()]);
    }
    out.push_str(&table.render(width));
    Ok(())
}

/// How it ends, in one line.
pub(crate) fn outcome_line(header: &Header, report: &Report) -> String {
    let (mut done, mut bad, mut skipped) = (0_u64, 0_u64, 0_u64);
    for step in &report.steps {
        done += u64::from(step.tally.done);
        bad += u64::from(step.tally.failed + step.tally.lost);
        skipped += u64::from(step.tally.skipped + step.tally.gone);
    }
    match &report.outcome {
        Outcome::Finished => format!(
            "{} it finishes: {} pass, {} failed or lost, {} skipped or gone",
            styled(GOOD, "outcome:"),
            counted(done, "machine"),
            count(bad),
            count(skipped)
        ),
        Outcome::Stuck(reasons) => {
            let why = if reasons.is_empty() { "nothing moves it".to_owned() } else { reasons.join("; ") };
            format!("{} it would not finish: {why}", styled(BAD, "outcome:"))
        }
        Outcome::OutOfTime => format!(
            "{} it would not finish within {}: {} done by {}",
            styled(BAD, "outcome:"),
            header.horizon,
            counted(done, "machine"),
            last(report)
        ),
    }
}

fn last(report: &Report) -> String {
    let at: Timestamp = report.end;
    format!("{} {}", day(at), moment(at))
}
