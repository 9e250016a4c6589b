//! `smith fleet confirm`: a person's word that the machines which a source lost are really gone.

use clap::Args;
use serde::de::IgnoredAny;
use smith_api::{ConfirmSource, Page, Source};
use smith_domain::fleet::SourceName;
use smith_domain::id::BadName;

use super::sources::held_text;
use crate::failure::{Exit, Failure};
use crate::input::{ServerArgs, Sure};
use crate::output;

/// Say that the machines which a source of the server's inventory lost are really gone.
///
/// Shows them and asks. What is confirmed are these machines and no others: when others are lost by then the server refuses, and
/// the next reading is taken only if it lacks none but these. `--yes` needs `--lost`, for nobody sees them then.
#[derive(Debug, Args)]
pub(super) struct Confirm {
    /// The source, as `smith fleet sources` names it
    #[arg(value_parser = named)]
    source: SourceName,
    /// The fingerprint of the machines that you have seen to be lost, as `smith fleet sources` shows it
    #[arg(long, value_name = "FINGERPRINT")]
    lost: Option<String>,
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
    let lost = match (&args.lost, args.sure.is_said()) {
        (Some(lost), _) => lost.clone(),
        (None, true) => {
            let error = "expected --lost with --yes: which machines were seen to be lost";
            return Err(Failure::new(Exit::Usage, error)
                .with_hint("`smith fleet sources` shows their names and the fingerprint"));
        }
        (None, false) => seen(args)?,
    };
    args.sure.or_ask(&format!(
        "let the machines {lost} go that source {} lost? nobody patches them any more",
        args.source
    ))?;
    // The name of a source is letters, digits, `-`, `_` and `.`: it needs no escapes in a path.
    let body = ConfirmSource { lost, reason: args.reason.clone() };
    args.server.post::<_, IgnoredAny>(&format!("/v1/sources/{}/confirm", args.source), &body)?;
    output::note(&format!("the machines that source {} lost leave with the next reading", args.source));
    Ok(Exit::Good)
}

/// Shows which machines are lost now. The server says what is wrong with a source that lost none.
fn seen(args: &Confirm) -> Result<String, Failure> {
    let sources: Page<Source> = args.server.ask(async |client| client.get("/v1/sources").await)?;
    let held = sources.items.into_iter().find(|one| one.source == args.source.as_str());
    let Some(held) = held.and_then(|one| one.held) else { return Ok(String::new()) };
    output::note(&format!("source {} lost {}", args.source, held_text(&held)));
    Ok(held.fingerprint)
}
