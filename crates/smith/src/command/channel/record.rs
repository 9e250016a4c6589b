//! `smith channel record` and `known`: where channels are, as the server knows it.

use clap::Args;
use smith_api::{Channel as Answer, Page, SetChannel};

use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output::{self, Align, Table};

/// Tell the server that a channel of a region names a build now
///
/// For mirrors that somebody else switches. Nothing is switched by it: `smith channel set` does that for mirrors of a store, and
/// the week for those of the settings.
#[derive(Debug, Args)]
pub(super) struct Record {
    /// The channel
    channel: String,
    /// The region
    #[arg(long, value_name = "REGION")]
    region: String,
    /// The build
    #[arg(long, value_name = "BUILD")]
    build: u32,
    /// The change that it was done under
    #[arg(long, value_name = "NUMBER")]
    change: Option<String>,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Where channels are in each region, as the server knows it
#[derive(Debug, Args)]
pub(super) struct Known {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Record) -> Result<Exit, Failure> {
    let body = SetChannel {
        region: args.region.clone(),
        build: args.build,
        change: args.change.clone(),
        reason: args.reason.clone(),
    };
    let set: Answer = args.server.post(&format!("/v1/channels/{}", args.channel), &body)?;
    if args.json {
        output::json(&set)?;
    } else {
        output::data(&format!("channel {} of {} names build {}\n", set.channel, set.region, set.build))?;
    }
    Ok(Exit::Good)
}

pub(super) fn known(args: &Known) -> Result<Exit, Failure> {
    let all: Page<Answer> = args.server.ask(async |client| client.get("/v1/channels").await)?;
    if args.json {
        output::json(&all.items)?;
        return Ok(Exit::Good);
    }
    let mut table = Table::new(&[("channel", Align::Left), ("region", Align::Left), ("build", Align::Right)]);
    for Answer { channel, region, build } in all.items {
        table.row([channel, region, build.to_string()]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}
