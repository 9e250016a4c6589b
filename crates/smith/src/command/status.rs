//! `smith status`: how the server stands.

use clap::Args;
use smith_api::Status as Answer;

use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output::{self, BAD, GOOD, WAITS, counted, styled, wrapped};

/// Say how the server stands: whether it drives, and what there is.
///
/// Ends with 1 when it cannot record.
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Status) -> Result<Exit, Failure> {
    let status: Answer = args.server.ask(async |client| client.get("/v1/status").await)?;
    let is_good = status.trouble.is_none();
    if args.json {
        output::json(&status)?;
    } else {
        output::data(&text(&status))?;
    }
    Ok(if is_good { Exit::Good } else { Exit::Finding })
}

/// Before what is to be looked at: `look: `.
const LOOK: usize = 6;

fn text(status: &Answer) -> String {
    let state = match &status.trouble {
        None => styled(GOOD, &status.state),
        Some(why) => format!("{}: {why}", styled(BAD, &status.state)),
    };
    let what = format!(
        "{}, {}, {}, {} to be done outside, {} in the journal",
        counted(status.machines, "machine"),
        counted(status.builds, "build"),
        counted(status.open_projects, "open project"),
        counted(status.open_errands, "errand"),
        counted(status.rows, "row"),
    );
    let mut text = format!("smith {}: {state}\n{}\n", status.version, wrapped(&what, output::width(), 0));
    for line in &status.attention {
        let look = styled(WAITS, "look:");
        text.push_str(&format!("{look} {}\n", wrapped(line, output::width(), LOOK)));
    }
    text
}
