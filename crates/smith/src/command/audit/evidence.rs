//! `smith audit evidence`: the documents that the system wrote about what was done.

use std::io::Write as _;

use clap::{Args, Subcommand};
use smith_api::EvidenceLine;

use super::super::change::pages;
use crate::failure::{Exit, Failure};
use crate::input::{ServerArgs, encoded};
use crate::output::{self, Align, Table, count};

/// Look at the documents of evidence: one for each step that has ended, in Markdown and JSON.
#[derive(Debug, Args)]
pub(super) struct Evidence {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
}

/// List the documents by name.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Print a document as it is.
#[derive(Debug, Args)]
struct Show {
    /// Its name, such as project-1929-patchStage.md
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(evidence: &Evidence) -> Result<Exit, Failure> {
    match &evidence.command {
        Command::List(list) => run_list(list),
        Command::Show(show) => run_show(show),
    }
}

fn run_list(args: &List) -> Result<Exit, Failure> {
    let lines: Vec<EvidenceLine> = args.server.ask(async |client| pages(&client, "/v1/evidence").await)?;
    if args.json {
        output::json(&lines)?;
        return Ok(Exit::Good);
    }
    let mut table =
        Table::new(&[("document", Align::Left), ("bytes", Align::Right), ("sha256", Align::Left)]);
    for line in lines {
        table.row([line.name, count(line.bytes), line.sha256]);
    }
    output::data(&table.render(usize::MAX))?;
    Ok(Exit::Good)
}

fn run_show(args: &Show) -> Result<Exit, Failure> {
    let path = format!("/v1/evidence/{}", encoded(&args.name));
    let bytes = args.server.ask(async |client| client.fetch(&path).await)?;
    let mut out = std::io::stdout().lock();
    out.write_all(&bytes)?;
    out.flush()?;
    Ok(Exit::Good)
}
