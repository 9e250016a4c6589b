//! `smith train`: one change for each region, from one template.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use smith_api::{Change, CompleteTrain, Page, RaiseTrain, StartTrain, Train as Answer, TrainRaised};

use crate::failure::{Exit, Failure};
use crate::input::{ServerArgs, unreadable};
use crate::output::{self, Align, Table};

/// Raise, start and complete trains: changes of production, one for each region.
#[derive(Debug, Args)]
pub(super) struct Train {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Raise(Raise),
    Start(Start),
    Complete(Complete),
}

/// List trains with their changes.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Raise the changes of a train from a template: `Squad: …`, `Service: …`, one field a line.
#[derive(Debug, Args)]
struct Raise {
    /// The file with the template; standard input unless said
    #[arg(value_name = "FILE")]
    template: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Start changes of a train that were approved.
#[derive(Debug, Args)]
struct Start {
    /// The numbers of the changes
    #[arg(required = true, value_name = "NUMBER")]
    changes: Vec<String>,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Complete changes of a train with their evidence.
#[derive(Debug, Args)]
struct Complete {
    /// The numbers of the changes
    #[arg(required = true, value_name = "NUMBER")]
    changes: Vec<String>,
    /// Where the tests can be looked at
    #[arg(long, value_name = "URL")]
    test_url: String,
    /// Whether the tests passed
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
    test_passed: bool,
    /// What there is to say about it
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(train: &Train) -> Result<Exit, Failure> {
    match &train.command {
        Command::List(list) => run_list(list),
        Command::Raise(raise) => run_raise(raise),
        Command::Start(start) => {
            let body = StartTrain { changes: start.changes.clone(), reason: start.reason.clone() };
            let done: Page<Change> = start.server.post("/v1/trains/start", &body)?;
            tell(&done.items, start.json)
        }
        Command::Complete(complete) => {
            let body = CompleteTrain {
                changes: complete.changes.clone(),
                test_url: complete.test_url.clone(),
                test_passed: complete.test_passed,
                summary: complete.summary.clone(),
                reason: complete.reason.clone(),
            };
            let done: Page<Change> = complete.server.post("/v1/trains/complete", &body)?;
            tell(&done.items, complete.json)
        }
    }
}

fn run_list(args: &List) -> Result<Exit, Failure> {
    let trains: Page<Answer> = args.server.ask(async |client| client.get("/v1/trains").await)?;
    if args.json {
        output::json(&trains.items)?;
        return Ok(Exit::Good);
    }
    let left = Align::Left;
    let mut table = Table::new(&[("train", Align::Right), ("by", left), ("title", left), ("changes", left)]);
    for train in trains.items {
        table.row([train.train.to_string(), train.by, train.title, train.changes.join(" ")]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}

fn run_raise(args: &Raise) -> Result<Exit, Failure> {
    let template = match &args.template {
        Some(path) => std::fs::read_to_string(path).map_err(|error| unreadable("a template", path, error))?,
        None => std::io::read_to_string(std::io::stdin())
            .map_err(|error| unreadable("a template", "standard input".as_ref(), error))?,
    };
    let raised: TrainRaised = args.server.post("/v1/trains", &RaiseTrain { template, reason: None })?;
    if args.json {
        output::json(&raised)?;
    } else {
        output::data(&format!("{}\n", raised.changes.join(" ")))?;
    }
    Ok(Exit::Good)
}

fn tell(done: &[Change], json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(&done)?;
        return Ok(Exit::Good);
    }
    let line = |change: &Change| {
        let region = change.region.as_ref().map(|region| format!(" ({region})")).unwrap_or_default();
        format!("{}{region}: {}\n", change.number, change.state)
    };
    output::data(&done.iter().map(line).collect::<String>())?;
    Ok(Exit::Good)
}
