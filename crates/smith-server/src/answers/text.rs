//! How a project stands, as text: what people know from the bot.

use std::fmt::{self, Write as _};

use smith_api::{Bag, Counts, Expected, Phase, Project, Step};
use smith_domain::plain::one_line;

use crate::words::count;

/// What a stretch of text is, for whoever shows it in colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Strong,
    Waits,
}

/// How text is made to stand out where it is shown.
pub trait Paint {
    fn paint(&self, tone: Tone, text: &str) -> String;
}

/// Nothing stands out.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Paint for Plain {
    fn paint(&self, _: Tone, text: &str) -> String {
        text.to_owned()
    }
}

/// How a project stands, as `smith-status` shows it.
pub fn project_text(project: &Project, paint: &dyn Paint) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write_project(&mut out, project, paint);
    out
}

/// How the work under a change stands: one step, called after the change.
pub fn change_text(project: &Project, step: &Step, title: &str, paint: &dyn Paint) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write_change(&mut out, project, step, title, paint);
    out
}

fn write_change(
    out: &mut String,
    project: &Project,
    step: &Step,
    title: &str,
    paint: &dyn Paint,
) -> fmt::Result {
    let change = step.change.as_deref().unwrap_or_default();
    let title = paint.paint(Tone::Strong, &one_line(title));
    writeln!(out, "Project: {change} Patch: {title} with Build `{}`", project.build)?;
    writeln!(out, "TOTALS: {}", totals(&step.totals))?;
    for reason in &step.reasons {
        writeln!(out, "{} {}", paint.paint(Tone::Waits, "waits:"), one_line(reason))?;
    }
    for (number, phase) in step.phases.iter().enumerate() {
        if number == 0 {
            writeln!(out)?;
        }
        write_phase(out, number, phase)?;
    }
    Ok(())
}

fn write_project(out: &mut String, project: &Project, paint: &dyn Paint) -> fmt::Result {
    let bold = |text: &str| paint.paint(Tone::Strong, text);
    let waits = || paint.paint(Tone::Waits, "waits:");
    let Project { project: id, pipeline, build, state, .. } = project;
    writeln!(out, "Project: {id} Patch: {} with Build `{build}`, `{state}`", bold(pipeline))?;
    writeln!(out, "TOTALS: {}", totals(&project.totals))?;
    for reason in &project.reasons {
        writeln!(out, "{} {}", waits(), one_line(reason))?;
    }
    if let Some(Expected { early, likely, late, critical, waits_for }) = &project.expected {
        if waits_for.is_empty() {
            writeln!(out, "expected: {likely}, between {early} and {late}")?;
        } else {
            let others = waits_for.join(" and ");
            writeln!(out, "expected: unknown until {others} is through; {likely} if it were already")?;
        }
        for leg in critical {
            writeln!(out, "   {leg}")?;
        }
    }
    for step in &project.steps {
        writeln!(out)?;
        let change = step.change.as_ref().map(|change| format!(" - {change}")).unwrap_or_default();
        let ticket = step.ticket.as_ref().map(|ticket| format!(", ticket {ticket}")).unwrap_or_default();
        let name = bold(&one_line(&format!("{} : {}", step.step, step.title)));
        writeln!(out, "Step: {name}{change}, State: `{}`{ticket}", step.state)?;
        for reason in &step.reasons {
            writeln!(out, "   {} {}", waits(), one_line(reason))?;
        }
        for (number, phase) in step.phases.iter().enumerate() {
            write_phase(out, number, phase)?;
        }
    }
    Ok(())
}

fn write_phase(out: &mut String, number: usize, phase: &Phase) -> fmt::Result {
    let sum = |of: fn(&Counts) -> u32| count(phase.bags.iter().map(|bag| of(&bag.totals)).sum::<u32>());
    let (pass, fail) = (sum(|totals| totals.pass), sum(|totals| totals.failed + totals.lost));
    let unstarted = sum(|totals| totals.unstarted);
    let Phase { title, state, .. } = phase;
    let title = one_line(title);
    writeln!(out, " *Phase {number}*, {title}, `{state}` Pass: {pass}, Fail: {fail} Unstarted: {unstarted}")?;
    for Bag { bag, task, state, totals } in &phase.bags {
        let task = task.as_ref().map(|task| format!(" - {task}")).unwrap_or_default();
        let (machines, pass) = (count(totals.machines), count(totals.pass));
        let fail = count(totals.failed + totals.lost);
        writeln!(
            out,
            "   Bag: *{bag}*{task}, State: `{state}` MachineCount: {machines} Pass:{pass} Fail:{fail}"
        )?;
    }
    Ok(())
}

/// `Pass: 1, Failed NONE, Unstarted NONE`, and what else there is.
fn totals(totals: &Counts) -> String {
    let or_none = |number: u32| if number == 0 { " NONE".to_owned() } else { format!(": {}", count(number)) };
    let mut text = format!(
        "Pass: {}, Failed{}, Unstarted{}",
        count(totals.pass),
        or_none(totals.failed + totals.lost),
        or_none(totals.unstarted)
    );
    for (number, what) in [(totals.running, "Running"), (totals.skipped, "Skipped"), (totals.gone, "Gone")] {
        if number > 0 {
            let _ = write!(text, ", {what}: {}", count(number));
        }
    }
    text
}
