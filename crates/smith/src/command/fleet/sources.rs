//! `smith fleet sources`: where the server's inventory comes from.

use clap::Args;
use smith_api::{HeldSource, Page, Source};

use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output::{self, Align, Table};

/// List the sources of the server's inventory, and which are held back because they lost too much.
///
/// Below the list stand the machines that such a source lost, with the fingerprint by which `smith fleet confirm` names them. Ends
/// with 1 when one is held back.
#[derive(Debug, Args)]
pub(super) struct Sources {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Sources) -> Result<Exit, Failure> {
    let sources: Page<Source> = args.server.ask(async |client| client.get("/v1/sources").await)?;
    let is_good = sources.items.iter().all(|source| source.held.is_none());
    if args.json {
        output::json(&sources.items)?;
    } else {
        let (left, right) = (Align::Left, Align::Right);
        let mut table =
            Table::new(&[("source", left), ("machines", right), ("read", left), ("held back", left)]);
        let mut lost = String::new();
        for source in sources.items {
            if let Some(held) = &source.held {
                lost.push_str(&format!("{} lost {}\n", source.source, held_text(held)));
            }
            let held = source.held.map_or_else(String::new, |held| match held.confirmed {
                Some(reason) => format!("lost {}, confirmed: {reason}", held.lost),
                None => format!("lost {} since {}", held.lost, held.since),
            });
            table.row([source.source, source.machines.to_string(), source.read, held]);
        }
        output::data(&(table.render(output::WIDTH) + &lost))?;
    }
    Ok(if is_good { Exit::Good } else { Exit::Finding })
}

/// Names that are shown; `--json` has a thousand.
const SHOWN: usize = 50;

/// `2, fingerprint 9f86d081884c7d65: web-1, web-2`
pub(super) fn held_text(held: &HeldSource) -> String {
    let names: Vec<&str> = held.machines_lost.iter().map(String::as_str).take(SHOWN).collect();
    let more = match (held.lost as usize).saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}, fingerprint {}: {}{more}", held.lost, held.fingerprint, names.join(", "))
}
