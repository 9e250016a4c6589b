//! `smith mirror serve`: a store over HTTP.

use std::net::SocketAddr;

use clap::Args;
use smith_repo::mirror::{ServeLimits, Serving};

use crate::failure::{Exit, Failure};
use crate::input::{NetArgs, StoreArgs};
use crate::output;

/// Hand a store out over HTTP, for apt and for other mirrors, until it is interrupted.
///
/// Any web server that serves files does the same; this one is for small sites. Keys and what is on its way in are never
/// handed out. Package files that a lazy build left at its upstream are fetched, and checked, when they are asked for.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    store: StoreArgs,
    /// The address to listen on; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = listened)]
    listen: SocketAddr,
    #[command(flatten)]
    net: NetArgs,
}

fn listened(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "expected an address of this machine and a port, such as 127.0.0.1:8080, [::1]:8080, or 0.0.0.0:8080 for all".to_owned()
    })
}

pub(super) fn run(args: &Serve) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let fetcher = args.net.fetcher()?;
    let serving = Serving::start_fetching(&store, args.listen, ServeLimits::default(), fetcher)
        .map_err(|error| Failure::new(Exit::NotThere, error))?;
    output::data(&format!("http://{}\n", serving.address()))?;
    // Served until the process is ended; whoever is in the middle of an answer asks again elsewhere.
    loop {
        std::thread::park();
    }
}
