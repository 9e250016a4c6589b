//! `smith rollout watch`: a rollout as it happens.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use clap::Args;
use smith_api::{Client, ClientError, Counts, Hearing, Project, Step};

use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output::{self, BAD, BOLD, DIM, GOOD, WAITS, count, fitted, moment_of, styled, wrapped};

/// Follow a rollout until it ends.
///
/// Bars for each phase and bag, what it waits for, failures with their reasons, and when it is expected to end; where no
/// terminal is, a line for each thing that happens. Ends with 0 when it is complete, and with 1 when it was aborted or machines
/// failed.
#[derive(Debug, Args)]
pub(super) struct Watch {
    /// The project id
    #[arg(value_name = "ID")]
    id: u32,
    #[command(flatten)]
    server: ServerArgs,
}

/// A picture is drawn anew at most so often.
const FRAME: Duration = Duration::from_millis(250);

/// A server that is started again is back within this; then it is looked for no more.
const AWAY_MAX: Duration = Duration::from_secs(60);

pub(super) fn run(args: &Watch) -> Result<Exit, Failure> {
    let is_screen = std::io::stdout().is_terminal();
    let project = args.server.ask(async |client| {
        if is_screen { draw(&client, args.id).await } else { lines(&client, args.id).await }
    })?;
    let bad = project.totals.failed + project.totals.lost;
    Ok(if project.state == "complete" && bad == 0 { Exit::Good } else { Exit::Finding })
}

async fn look(client: &Client, id: u32) -> Result<Project, ClientError> {
    client.get(&format!("/v1/projects/{id}")).await
}

fn has_ended(project: &Project) -> bool {
    matches!(project.state.as_str(), "complete" | "aborted")
}

/// A line for each event, from the beginning of the rollout to its end.
async fn lines(client: &Client, id: u32) -> Result<Project, ClientError> {
    let path = format!("/v1/projects/{id}/events");
    let mut after = Some("0".to_owned());
    let mut away: Option<Instant> = None;
    loop {
        let from = after.clone();
        let heard = client
            .listen(&path, from.as_deref(), |told| {
                away = None;
                if told.id.is_some() {
                    after.clone_from(&told.id);
                }
                let Ok(event) = serde_json::from_str::<serde_json::Value>(&told.data) else {
                    return Hearing::GoOn;
                };
                let text = |key: &str| {
                    event.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
                };
                let _ = output::data(&format!("{} {}\n", text("at"), text("words")));
                if told.kind == "rollout.ended" { Hearing::Enough } else { Hearing::GoOn }
            })
            .await;
        match heard {
            Ok(_) | Err(ClientError::Unreachable { .. }) => match look(client, id).await {
                Ok(project) if has_ended(&project) => return Ok(project),
                Ok(_) => {}
                Err(error) => still_away(&mut away, error).await?,
            },
            Err(error) => return Err(error),
        }
    }
}

/// Waits a little for a server that is being started again.
async fn still_away(since: &mut Option<Instant>, error: ClientError) -> Result<(), ClientError> {
    let since = *since.get_or_insert_with(Instant::now);
    if !matches!(error, ClientError::Unreachable { .. }) || since.elapsed() > AWAY_MAX {
        return Err(error);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(())
}

/// A picture that stands still and changes.
async fn draw(client: &Client, id: u32) -> Result<Project, ClientError> {
    let mut height = 0;
    let mut away = None;
    loop {
        match look(client, id).await {
            Ok(project) => {
                away = None;
                // Asked each time: somebody may have made the window another one.
                let picture = seen(&picture(&project, output::width()), output::height());
                let up = if height > 0 { format!("\x1b[{height}F\x1b[J") } else { String::new() };
                let _ = output::data(&format!("{up}{picture}"));
                height = picture.lines().count();
                if has_ended(&project) {
                    return Ok(project);
                }
            }
            Err(error) => still_away(&mut away, error).await?,
        }
        tokio::time::sleep(FRAME).await;
    }
}

/// As much of the picture as the screen has lines for: what has left the screen cannot be drawn over. The beginning says
/// the most.
fn seen(picture: &str, height: usize) -> String {
    let lines: Vec<&str> = picture.lines().collect();
    // The cursor stands in a line of its own.
    let room = height.saturating_sub(1).max(3);
    if lines.len() <= room {
        return picture.to_owned();
    }
    let more = lines.len() - room + 1;
    let shown = lines[..room - 1].iter().map(|line| format!("{line}\n")).collect::<String>();
    format!(
        "{shown}  {}\n",
        styled(DIM, &format!("and {more} more lines: `smith rollout show` has them all"))
    )
}

/// No line of it is longer than the width: a line that the terminal breaks would be two that are drawn over as one.
fn picture(project: &Project, width: usize) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write_picture(&mut out, project, width);
    out
}

fn write_picture(out: &mut String, project: &Project, width: usize) -> std::fmt::Result {
    let Project { project: id, pipeline, build, state, .. } = project;
    let room = width.saturating_sub(format!("project {id}:  with build {build}: {state}").chars().count());
    let name = styled(BOLD, &fitted(pipeline, room.max(12)));
    writeln!(out, "project {id}: {name} with build {build}: {state}")?;
    writeln!(out, "  {}", bar(&project.totals, width.saturating_sub(34).min(60)))?;
    if let Some(expected) = project.expected.as_ref().filter(|expected| expected.waits_for.is_empty()) {
        writeln!(
            out,
            "  {} {} (between {} and {})",
            styled(DIM, "expected:"),
            moment_of(&expected.likely),
            moment_of(&expected.early),
            moment_of(&expected.late)
        )?;
    }
    for reason in &project.reasons {
        writeln!(out, "  {} {}", styled(WAITS, "waits:"), wrapped(reason, width, 9))?;
    }
    for step in &project.steps {
        write_step(out, step, width)?;
    }
    for failed in project.failures.iter().take(8) {
        let text = format!("{}: {}", failed.machine, failed.why);
        writeln!(out, "  {} {}", styled(BAD, "failed:"), wrapped(&text, width, 10))?;
    }
    let more = project.failures.len().saturating_sub(8);
    if more > 0 {
        writeln!(out, "  {} and {more} more", styled(BAD, "failed:"))?;
    }
    Ok(())
}

fn write_step(out: &mut String, step: &Step, width: usize) -> std::fmt::Result {
    let change = step.change.as_ref().map(|change| format!(" {change}")).unwrap_or_default();
    // Two blanks before it, one behind, the state, and a change as people number them.
    let names = width.saturating_sub(2 + 1 + 12 + 12).clamp(12, 40);
    let name = fitted(&step.step, names);
    writeln!(out, "  {name:<names$} {:<12}{change}", step.state)?;
    if !matches!(step.state.as_str(), "in progress" | "halted") {
        return Ok(());
    }
    let (names, bars) = (width.saturating_sub(4 + 1 + 12 + 27).clamp(12, 50), 12);
    for phase in step.phases.iter().filter(|phase| phase.state != "unstarted") {
        for bag in &phase.bags {
            let name = format!("{} / {}", phase.title, bag.bag);
            writeln!(out, "    {:<names$} {}", fitted(&name, names), bar(&bag.totals, bars))?;
        }
    }
    Ok(())
}

/// `██████▒▒░░░░ 6/12` with failures in their own colour.
fn bar(totals: &Counts, width: usize) -> String {
    let (all, width) = (totals.machines.max(1), width as u32);
    let part = |number: u32| (number * width).div_ceil(all).min(width) as usize;
    let passed = totals.pass + totals.skipped + totals.gone;
    let failed = totals.failed + totals.lost;
    let good = ((passed * width) / all) as usize;
    // The few that failed or are at work are seen, however many machines there are; the bar is not longer for it.
    let bad = part(failed).min(width as usize - good);
    let busy = part(totals.running).min(width as usize - good - bad);
    let rest = (width as usize).saturating_sub(good + bad + busy);
    let cells = |count: usize, cell: &str| cell.repeat(count);
    let shown = format!(
        "{}{}{}{}",
        styled(GOOD, &cells(good, "█")),
        styled(BAD, &cells(bad, "█")),
        styled(WAITS, &cells(busy, "▒")),
        styled(DIM, &cells(rest, "░"))
    );
    let failures = if failed > 0 { format!(", {} failed", count(failed)) } else { String::new() };
    format!("{shown} {}/{}{failures}", count(passed), count(totals.machines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn project() -> Project {
        let totals = |pass: u32| {
            let mut counts: Value = serde_json::to_value(Counts::default()).unwrap();
            for (key, number) in [("machines", 12_000), ("pass", pass), ("failed", 1_200), ("running", 900)] {
                counts[key] = number.into();
            }
            counts
        };
        let long =
            "a text that is longer than a line of a narrow terminal, as reasons of gates and failures are";
        let bag = json!({"bag": "workers", "task": null, "state": "in progress", "totals": totals(6_000)});
        let phases = json!([{"title": long, "state": "in progress", "bags": [bag]}]);
        let step = json!({
            "step": "rebootProductionWorkersOfTheSecondRegionOnly", "title": long, "state": "in progress",
            "change": "CHG0268453", "ticket": null, "reached": null, "opened": null, "ended": null,
            "totals": totals(6_000), "reasons": [], "phases": phases,
        });
        let at = "2026-11-20T07:14:38Z";
        let failed = json!({"machine": "prod-syd01-carrier1-worker-1001", "step": "x", "why": long});
        serde_json::from_value(json!({
            "project": 1929, "pipeline": "rebootProductionOfTheFirstRegionWithAllItsCarriers", "build": 725,
            "state": "in progress", "by": "ana", "started": at, "ended": null, "reason": null,
            "totals": totals(6_000), "steps": [step, step], "failures": vec![failed; 9], "reasons": [long],
            "expected": {"early": at, "likely": at, "late": at, "critical": [], "waits_for": []},
        }))
        .unwrap()
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        for width in [80, 100] {
            let picture = picture(&project(), width);
            let plain = anstream::adapter::strip_str(&picture).to_string();
            let longest = plain.lines().max_by_key(|line| line.chars().count()).unwrap();
            assert!(longest.chars().count() <= width, "{width}: {longest}\n{plain}");
            assert!(plain.contains("CHG0268453") && plain.contains("6,000/12,000, 1,200 failed"), "{plain}");
            assert!(plain.contains("failed: and 1 more"), "{plain}");
        }
    }

    #[test]
    fn a_picture_that_is_higher_than_the_screen_says_how_much_there_is() {
        let all = picture(&project(), 80);
        assert_eq!(seen(&all, usize::MAX), all);
        let lines = all.lines().count();
        let cut = seen(&all, 10);
        assert_eq!(cut.lines().count(), 9);
        assert!(cut.contains(&format!("and {} more lines", lines - 8)), "{cut}");
    }

    #[test]
    fn a_bar_is_as_long_as_it_is_said_to_be() {
        for (pass, failed, running) in [(0, 0, 0), (7, 1, 1), (12, 0, 0), (0, 6, 6), (4, 5, 3)] {
            let counts = Counts { machines: 12, pass, failed, running, ..Counts::default() };
            let bar = anstream::adapter::strip_str(&bar(&counts, 10)).to_string();
            let cells = bar.chars().filter(|c| "█▒░".contains(*c)).count();
            assert_eq!(cells, 10, "{bar}");
        }
    }
}
