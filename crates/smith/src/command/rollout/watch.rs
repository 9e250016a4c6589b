//! `smith rollout watch`: a rollout as it happens.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use clap::Args;
use smith_api::{Client, ClientError, Counts, Hearing, Project, Step};

use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output::{self, BAD, BOLD, DIM, GOOD, WAITS, count, styled};

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
                let picture = picture(&project);
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

fn picture(project: &Project) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write_picture(&mut out, project);
    out
}

fn write_picture(out: &mut String, project: &Project) -> std::fmt::Result {
    let Project { project: id, pipeline, build, state, .. } = project;
    writeln!(
        out,
        "project {id}: {} with build {build}: {state}  {}",
        styled(BOLD, pipeline),
        bar(&project.totals, 30)
    )?;
    if let Some(expected) = project.expected.as_ref().filter(|expected| expected.waits_for.is_empty()) {
        writeln!(
            out,
            "  {} {} (between {} and {})",
            styled(DIM, "expected:"),
            expected.likely,
            expected.early,
            expected.late
        )?;
    }
    for reason in &project.reasons {
        writeln!(out, "  {} {reason}", styled(WAITS, "waits:"))?;
    }
    for step in &project.steps {
        write_step(out, step)?;
    }
    for failed in project.failures.iter().take(8) {
        writeln!(out, "  {} {}: {}", styled(BAD, "failed:"), failed.machine, failed.why)?;
    }
    let more = project.failures.len().saturating_sub(8);
    if more > 0 {
        writeln!(out, "  {} and {more} more", styled(BAD, "failed:"))?;
    }
    Ok(())
}

fn write_step(out: &mut String, step: &Step) -> std::fmt::Result {
    let change = step.change.as_ref().map(|change| format!(" {change}")).unwrap_or_default();
    writeln!(out, "  {:<28} {:<12}{change}", step.step, step.state)?;
    if !matches!(step.state.as_str(), "in progress" | "halted") {
        return Ok(());
    }
    for phase in step.phases.iter().filter(|phase| phase.state != "unstarted") {
        for bag in &phase.bags {
            let name = format!("{} / {}", phase.title, bag.bag);
            writeln!(out, "    {name:<40} {}", bar(&bag.totals, 24))?;
        }
    }
    Ok(())
}

/// `██████▒▒░░░░ 6/12` with failures in their own colour.
fn bar(totals: &Counts, width: u32) -> String {
    let all = totals.machines.max(1);
    let part = |number: u32| (number * width).div_ceil(all).min(width) as usize;
    let passed = totals.pass + totals.skipped + totals.gone;
    let failed = totals.failed + totals.lost;
    let (bad, busy) = (part(failed), part(totals.running));
    let good = ((passed * width) / all) as usize;
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
