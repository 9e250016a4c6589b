//! `smith cycle`: the week, from a new build to the last region, by hand.

use clap::{Args, Subcommand};
use serde::Serialize;
use smith_api::{ApproveCycle, Cycle as Answer, Page, Reasoned, StartCycle, SteerLink, Week};

use super::change::pages;
use crate::failure::{Exit, Failure};
use crate::input::{ServerArgs, Sure};
use crate::output::{self, Align, BAD, GOOD, Table, WAITS, moment_of, styled};

/// Start the week by hand, look at it, and run its links again, leave them out, or stop.
///
/// A cycle is one run of the chain: build, diff, check, sync, verify, epic, test, gates, trains, channel, canary, regions.
/// docs/reference/week.md says what each link does.
#[derive(Debug, Args)]
pub(super) struct Cycle {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
    Weeks(Weeks),
    Start(Start),
    Approve(Approve),
    Rerun(Rerun),
    Skip(Skip),
    Stop(Stop),
}

/// List cycles that are under way, the newest last.
#[derive(Debug, Args)]
struct List {
    /// All of them, also those that have ended
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    ask: Ask,
}

/// Show a cycle link by link, and what it waits for.
///
/// Ends with 1 when a link has failed.
#[derive(Debug, Args)]
struct Show {
    /// Its number, as `smith cycle list` shows it
    #[arg(value_name = "CYCLE")]
    cycle: u32,
    #[command(flatten)]
    ask: Ask,
}

/// List the weeks of the settings, and when each is started next.
#[derive(Debug, Args)]
struct Weeks {
    #[command(flatten)]
    ask: Ask,
}

/// Start a week now, whatever its schedule says.
#[derive(Debug, Args)]
struct Start {
    /// Its name in the settings
    #[arg(value_name = "WEEK")]
    week: String,
    /// With this build, which is there already; a new one is made unless said
    #[arg(long, value_name = "BUILD")]
    build: Option<u32>,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    ask: Ask,
}

/// Say yes before the channel moves.
#[derive(Debug, Args)]
struct Approve {
    /// The cycle
    #[arg(value_name = "CYCLE")]
    cycle: u32,
    /// Which approval, where the week has several
    #[arg(long, value_name = "NAME")]
    gate: Option<String>,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    ask: Ask,
}

/// Run a link again: one that failed, or one that is done and may be done twice.
#[derive(Debug, Args)]
struct Rerun {
    /// The cycle
    #[arg(value_name = "CYCLE")]
    cycle: u32,
    /// The link, or the pipeline that it runs
    #[arg(value_name = "LINK")]
    link: String,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    ask: Ask,
}

/// Leave a link out, with a reason: what comes after it begins without it.
#[derive(Debug, Args)]
struct Skip {
    /// The cycle
    #[arg(value_name = "CYCLE")]
    cycle: u32,
    /// The link, or the pipeline that it runs
    #[arg(value_name = "LINK")]
    link: String,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    ask: Ask,
}

/// Begin no further link; rollouts that run go on, its changes are closed.
///
/// It cannot be taken back: another cycle must be started.
#[derive(Debug, Args)]
struct Stop {
    /// The cycle
    #[arg(value_name = "CYCLE")]
    cycle: u32,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    sure: Sure,
    #[command(flatten)]
    ask: Ask,
}

/// Whom is asked, and how the answer is told.
#[derive(Debug, Args)]
struct Ask {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(cycle: &Cycle) -> Result<Exit, Failure> {
    match &cycle.command {
        Command::List(list) => run_list(list),
        Command::Show(show) => {
            let path = format!("/v1/cycles/{}", show.cycle);
            let found: Answer = show.ask.server.ask(async |client| client.get(&path).await)?;
            show.ask.tell(&found)?;
            Ok(if found.state == "failed" { Exit::Finding } else { Exit::Good })
        }
        Command::Weeks(weeks) => run_weeks(weeks),
        Command::Start(Start { week, build, reason, ask }) => {
            let body = StartCycle { week: week.clone(), build: *build, reason: reason.clone() };
            ask.put("/v1/cycles", &body)
        }
        Command::Approve(Approve { cycle, gate, reason, ask }) => {
            let body = ApproveCycle { gate: gate.clone(), reason: reason.clone() };
            ask.put(&format!("/v1/cycles/{cycle}/approve"), &body)
        }
        Command::Rerun(Rerun { cycle, link, reason, ask }) => {
            let body = SteerLink { link: link.clone(), reason: reason.clone() };
            ask.put(&format!("/v1/cycles/{cycle}/rerun"), &body)
        }
        Command::Skip(Skip { cycle, link, reason, ask }) => {
            let body = SteerLink { link: link.clone(), reason: Some(reason.clone()) };
            ask.put(&format!("/v1/cycles/{cycle}/skip"), &body)
        }
        Command::Stop(Stop { cycle, reason, sure, ask }) => {
            sure.or_ask(&format!("stop cycle {cycle}? nothing more is begun for it, and it cannot go on"))?;
            ask.put(&format!("/v1/cycles/{cycle}/stop"), &Reasoned { reason: Some(reason.clone()) })
        }
    }
}

impl Ask {
    /// Has something done to a cycle, and tells how it stands then.
    fn put<B: Serialize + Sync>(&self, path: &str, body: &B) -> Result<Exit, Failure> {
        let cycle: Answer = self.server.post(path, body)?;
        self.tell(&cycle)?;
        Ok(Exit::Good)
    }

    fn tell(&self, cycle: &Answer) -> Result<(), Failure> {
        if self.json { output::json(cycle) } else { output::data(&text(cycle, output::width())) }
    }
}

fn run_list(args: &List) -> Result<Exit, Failure> {
    let all: Vec<Answer> = args.ask.server.ask(async |client| pages(&client, "/v1/cycles").await)?;
    let wanted: Vec<&Answer> = all.iter().filter(|cycle| args.all || cycle.ended.is_none()).collect();
    if args.ask.json {
        output::json(&wanted)?;
        return Ok(Exit::Good);
    }
    let (left, right) = (Align::Left, Align::Right);
    let mut table = Table::new(&[
        ("cycle", right),
        ("week", left),
        ("build", right),
        ("started", left),
        ("by", left),
        ("state", left),
        ("waits for", left),
    ]);
    for cycle in wanted {
        table.row([
            cycle.cycle.to_string(),
            cycle.week.clone(),
            cycle.build.map(|build| build.to_string()).unwrap_or_default(),
            moment_of(&cycle.started),
            cycle.by.clone(),
            cycle.state.clone(),
            cycle.waits.join("; "),
        ]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}

fn run_weeks(args: &Weeks) -> Result<Exit, Failure> {
    let weeks: Page<Week> = args.ask.server.ask(async |client| client.get("/v1/weeks").await)?;
    if args.ask.json {
        output::json(&weeks.items)?;
        return Ok(Exit::Good);
    }
    let left = Align::Left;
    let mut table =
        Table::new(&[("week", left), ("channel", left), ("owner", left), ("schedule", left), ("next", left)]);
    for week in weeks.items {
        let next = week.next.as_deref().map(moment_of).unwrap_or_default();
        let schedule = week.schedule.unwrap_or_else(|| "by hand".to_owned());
        table.row([week.week, week.channel, week.owner, schedule, next]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}

/// A line for each link. What a link came to is told whole: it is what somebody is to act on.
fn text(cycle: &Answer, width: usize) -> String {
    let Answer { cycle: number, week, channel, build, by, started, state, .. } = cycle;
    let build = build.map_or_else(String::new, |build| format!(" with build {build}"));
    let since = moment_of(started);
    let mut out =
        format!("cycle {number}: week {week} to {channel}{build}: {state}, since {since} by {by}\n");
    let names = cycle.links.iter().map(|link| link.link.chars().count()).max().unwrap_or(0);
    for link in &cycle.links {
        let style = match link.state.as_str() {
            "done" => GOOD,
            "failed" => BAD,
            "skipped" | "under way" => WAITS,
            _ => anstyle::Style::new(),
        };
        let state = styled(style, &format!("{:<9}", link.state));
        let at = link.at.as_deref().map(moment_of).unwrap_or_default();
        let head = format!("  {:<names$}  {state}  {at:<12}", link.link);
        // Names, states and times stand in columns of their own; what was said begins behind them and stays there.
        let indent = 2 + names + 2 + 9 + 2 + 12 + 2;
        let note = output::wrapped(link.note.as_deref().unwrap_or_default(), width, indent);
        out.push_str(format!("{head}  {note}").trim_end());
        out.push('\n');
    }
    for wait in &cycle.waits {
        let wait = output::wrapped(wait, width, 9);
        out.push_str(&format!("  {} {wait}\n", styled(WAITS, "waits:")));
    }
    out
}
