//! `smith mirror sync`: builds from another store.

use std::path::PathBuf;

use clap::Args;
use smith_repo::mirror::{Mode, Pull, State, sync};
use smith_repo::name::BuildNumber;
use smith_repo::pgp::{Keyring, Policy, verify_detached};

use crate::failure::{Exit, Failure};
use crate::input::{self, NetArgs, StoreArgs};
use crate::output::{self, GOOD, styled};

/// Bring builds from another store into this one: what is missing, verified, whole or not at all.
///
/// Interrupted anywhere and started again, it goes on with what it had brought. A build whose words are not signed by a
/// key of the keyring does not come.
#[derive(Debug, Args)]
pub(super) struct Sync {
    /// The builds
    #[arg(required = true, value_name = "BUILD")]
    builds: Vec<BuildNumber>,
    #[command(flatten)]
    store: StoreArgs,
    /// Where they are: addresses or folders of other stores, the first that has a build counts
    #[arg(long, required = true, value_name = "URL|FOLDER")]
    from: Vec<String>,
    /// The public keys that builds are believed for, as `smith build key export` writes them
    #[arg(long, required = true, value_name = "FILE")]
    keyring: PathBuf,
    #[command(flatten)]
    net: NetArgs,
    /// Only say what would be brought
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Sync) -> Result<Exit, Failure> {
    let keyring = Keyring::load(&[&args.keyring]).map_err(|error| Failure::new(Exit::BadInput, error))?;
    let policy = Policy::any(input::now());
    let check = |json: &[u8], signature: &[u8]| {
        let signers =
            verify_detached(json, signature, &keyring, &policy).map_err(|error| error.to_string())?;
        Ok(signers.iter().map(|signer| signer.fingerprint.to_string()).collect())
    };
    let store = args.store.create()?;
    let fetcher = args.net.fetcher()?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Do };
    for build in &args.builds {
        let synced = input::watched(|progress| {
            let pull =
                Pull { store: &store, fetcher: &fetcher, sources: &args.from, check: &check, progress };
            sync(&pull, *build, mode).map_err(|error| Failure::new(Exit::BadInput, error))
        });
        let synced = synced?;
        let word = match synced.state {
            State::WasWhole => "was whole",
            State::Came => "came",
            State::WouldCome => "would come",
        };
        output::data(&format!(
            "{} build={build} result={word} objects={} missing={} bytes={} seconds={:.1}\n",
            styled(GOOD, "good:"),
            synced.objects,
            synced.missing,
            synced.missing_bytes,
            synced.took.as_secs_f64()
        ))?;
    }
    Ok(Exit::Good)
}
