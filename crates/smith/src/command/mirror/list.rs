//! `smith mirror list`: the mirrors that a site knows.

use clap::Args;
use smith_repo::fetch::Size;
use smith_repo::mirror::{Mirror, mirrors};

use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs};
use crate::output::{self, Align, Table};

/// The mirrors of the site: where they are, what they pull from, and how fast.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    store: StoreArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &List) -> Result<Exit, Failure> {
    let all = mirrors(&args.store.open()?).map_err(input::registry)?;
    if args.json {
        output::json(&all)?;
        return Ok(Exit::Good);
    }
    let mut table = Table::new(&[
        ("mirror", Align::Left),
        ("region", Align::Left),
        ("at", Align::Left),
        ("from", Align::Left),
        ("limit", Align::Right),
        ("labels", Align::Left),
    ]);
    for Mirror { name, region, sources, place, labels, bandwidth } in all {
        let from = if sources.is_empty() { "the site".to_owned() } else { sources.join(", ") };
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let limit = bandwidth.map_or_else(|| "none".to_owned(), |bytes| format!("{}/s", Size(bytes)));
        table.row([name.to_string(), region.to_string(), place.to_string(), from, limit, labels.join(" ")]);
    }
    output::data(&table.render(usize::MAX))?;
    Ok(Exit::Good)
}
