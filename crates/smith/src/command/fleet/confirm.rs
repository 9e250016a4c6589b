//! `smith fleet confirm`: a person's word that the machines which a source lost are really gone.

use clap::Args;
use smith_domain::fleet::SourceName;
use smith_domain::id::BadName;

use crate::failure::{Exit, Failure};
use crate::input::{ServerArgs, Sure};
use crate::output;

/// Say that the machines which a source of the server's inventory lost are really gone.
///
/// The next reading is taken if it lacks no more than the one that was seen.
#[derive(Debug, Args)]
pub(super) struct Confirm {
    /// The source, as `smith fleet sources` names it
    #[arg(value_parser = named)]
    source: SourceName,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    sure: Sure,
    #[command(flatten)]
    server: ServerArgs,
}

fn named(text: &str) -> Result<SourceName, BadName> {
    SourceName::new(text)
}

pub(super) fn run(args: &Confirm) -> Result<Exit, Failure> {
    args.sure.or_ask(&format!(
        "let the machines go that source {} lost? nobody patches them any more",
        args.source
    ))?;
    // The name of a source is letters, digits, `-`, `_` and `.`: it needs no escapes in a path.
    args.server.done(&format!("/v1/sources/{}/confirm", args.source), &args.reason)?;
    output::note(&format!("the machines that source {} lost leave with the next reading", args.source));
    Ok(Exit::Good)
}
