//! `smith audit show`: the journal in words.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;

use clap::Args;
use smith_api::{AuditLine, Client, ClientError, Page};
use smith_server::answers::audit;

use super::super::change::pages;
use crate::failure::{Exit, Failure};
use crate::input::{self, FilterArgs, ViewArgs};
use crate::output::{self, Align, Table};

/// Show what happened, who did it, when, under which change and why: of one machine, project, build or change, of one person, of
/// some days, or everything.
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    view: ViewArgs,
    /// The newest so many rows; 0 for all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A server gives so many of the newest rows at once.
const NEWEST_MAX: usize = 1_000;

pub(super) fn run(args: &Show) -> Result<Exit, Failure> {
    let lines = match args.view.journal() {
        Some(journal) => read(args, journal)?,
        None => ask(args)?,
    };
    if args.json {
        output::json(&lines)?;
        return Ok(Exit::Good);
    }
    let left = Align::Left;
    let titles = [("row", Align::Right), ("at", left), ("by", left), ("under", left), ("what", left)];
    let mut table = Table::new(&titles);
    for line in lines {
        let project = || line.project.map(|project| format!("project {project}"));
        let under = line.change.clone().or_else(project).unwrap_or_default();
        let reason = line.reason.filter(|reason| !line.words.contains(reason.as_str()));
        let what = reason.map_or(line.words.clone(), |reason| format!("{}: {reason}", line.words));
        table.row([line.row.to_string(), line.at, line.by, under, what]);
    }
    output::data(&table.render(usize::MAX))?;
    Ok(Exit::Good)
}

fn ask(args: &Show) -> Result<VecDeque<AuditLine>, Failure> {
    if (1..=NEWEST_MAX).contains(&args.limit) {
        return args.view.server.ask(async |client| newest(&client, args).await);
    }
    let path = format!("/v1/audit?{}", args.filter.query(Vec::new()));
    let lines: Vec<AuditLine> = args.view.server.ask(async |client| pages(&client, &path).await)?;
    let surplus = if args.limit == 0 { 0 } else { lines.len().saturating_sub(args.limit) };
    Ok(lines.into_iter().skip(surplus).collect())
}

/// A server looks back over some hundred thousand rows at a time.
async fn newest(client: &Client, args: &Show) -> Result<VecDeque<AuditLine>, ClientError> {
    let (mut lines, mut before) = (VecDeque::new(), None);
    loop {
        let mut parameters = vec![("limit", (args.limit - lines.len()).to_string())];
        parameters.extend(before.map(|before| ("before", before)));
        let path = format!("/v1/audit/newest?{}", args.filter.query(parameters));
        let page: Page<AuditLine> = client.get(&path).await?;
        page.items.into_iter().rev().for_each(|line| lines.push_front(line));
        before = page.next;
        if before.is_none() || lines.len() >= args.limit {
            return Ok(lines);
        }
    }
}

/// The newest rows that are wanted.
fn read(args: &Show, journal: &Path) -> Result<VecDeque<AuditLine>, Failure> {
    let filter = args.filter.filter(&input::opening(journal)?.state)?;
    let reader = input::open(journal)?;
    let mut lines = VecDeque::new();
    audit(&reader, &filter, 0, |line| {
        if args.limit > 0 && lines.len() == args.limit {
            lines.pop_front();
        }
        lines.push_back(line);
        ControlFlow::Continue(())
    })?;
    Ok(lines)
}
