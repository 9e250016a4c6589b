//! `smith channel follow`: a mirror takes a channel as its source has it.

use std::path::PathBuf;

use clap::Args;
use smith_repo::channel::{Order, Switched, follow};
use smith_repo::name::ChannelName;

use crate::failure::{Exit, Failure};
use crate::input::{self, Believed, NetArgs, StoreArgs};
use crate::output::{self, GOOD, styled};

/// Take a channel as another store has it, with its dates and signatures
///
/// For mirrors that hold no keys. The build must be here whole (`smith mirror sync` brings it), the move must be signed by
/// a key of the keyring, and not be older than what was followed before.
#[derive(Debug, Args)]
pub(super) struct Follow {
    /// The channel
    channel: ChannelName,
    #[command(flatten)]
    store: StoreArgs,
    /// The other store
    #[arg(long, value_name = "URL|FOLDER")]
    from: String,
    /// The public keys that are believed, as `smith build key export` writes them
    #[arg(long, value_name = "FILE")]
    keyring: PathBuf,
    /// Who wants it
    #[arg(long, value_name = "NAME", default_value_t = input::who())]
    who: String,
    #[command(flatten)]
    net: NetArgs,
}

pub(super) fn run(args: &Follow) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let believed = Believed::load(&args.keyring)?;
    let fetcher = args.net.fetcher()?;
    let why = format!("as it is at {}", args.from);
    let order = Order { who: args.who.clone(), why, at: input::now() };
    let signed = |text: &[u8], signature: &[u8]| believed.check(text, signature);
    let source = input::address(&args.from);
    let followed = follow(&store, &args.channel, &source, &fetcher, &signed, &order);
    let followed = followed.map_err(input::channel_failed)?;
    let line = match followed.switched {
        Switched::WasThere => format!("channel {} was there already", args.channel),
        Switched::Moved(moved) => {
            let signers = followed.signers.join(", ");
            format!("channel {} is on build {} as signed by {signers}", args.channel, moved.to)
        }
    };
    output::data(&format!("{} {line}\n", styled(GOOD, "good:")))?;
    Ok(Exit::Good)
}
