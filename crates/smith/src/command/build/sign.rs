//! `smith build sign`: builds whose keys are on another machine.

use std::path::PathBuf;

use clap::Args;
use smith_repo::mirror::Held;
use smith_repo::name::BuildNumber;
use smith_repo::pgp::{KeyFolder, KeyInfo, KeyState};
use smith_repo::store::Store;
use smith_repo::unsigned::{UnsignedError, export, sign, take};

use crate::failure::{Exit, Failure};
use crate::input::{self, SigningArgs, StoreArgs};
use crate::output::{self, GOOD, counted, styled};

/// Sign a build that `smith build create --unsigned` made, and publish it.
///
/// `--export` writes what is to be signed and how; `--signatures` takes what came of it. Every signature is verified with
/// the keys that the store exports before the build appears, at once. Without either, the keys at hand sign: those of the
/// store, or of another folder.
#[derive(Debug, Args)]
pub(super) struct Sign {
    /// Its number
    build: BuildNumber,
    #[command(flatten)]
    store: StoreArgs,
    /// Write what is to be signed into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["signatures", "keys", "passphrase_file"])]
    export: Option<PathBuf>,
    /// Take the signatures from this folder
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["keys", "passphrase_file"])]
    signatures: Option<PathBuf>,
    /// Sign with the keys of this folder, as they lie in `keys` of a store
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    signing: SigningArgs,
    /// Print JSON
    #[arg(long, conflicts_with = "export")]
    json: bool,
}

pub(super) fn run(args: &Sign) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let now = input::now();
    if let Some(folder) = &args.export {
        let exported = export(&store, args.build, folder).map_err(failed)?;
        let files = counted(exported.files.len() as u64, "file");
        let line = format!(
            "{} {files} to be signed in {}, see README there\n",
            styled(GOOD, "good:"),
            folder.display()
        );
        output::data(&line)?;
        return Ok(Exit::Good);
    }
    let published = match &args.signatures {
        Some(folder) => take(&store, args.build, folder, now),
        None => {
            let keys = KeyFolder::new(&args.keys.clone().unwrap_or_else(|| store.keys()));
            let mut infos = keys.list(now).map_err(input::key_failed)?;
            infos.retain(|info| info.state == KeyState::Active);
            let signed_from = infos.iter().map(|info| info.made_at).max().ok_or_else(|| {
                Failure::new(Exit::BadInput, "expected a key that signs, found none")
                    .with_hint("`--export` and `--signatures` have it signed by a key on another machine")
            })?;
            none_retired(&store, &infos)?;
            let signer = args.signing.unlocked(&keys)?;
            sign(&store, args.build, &signer, signed_from, now)
        }
    };
    let words = match published {
        Ok(published) => format!("is published, signed by {}", published.signers.join(", ")),
        // A run that was killed after the build had appeared is asked for again.
        Err(UnsignedError::Signed { .. }) => "is published already".to_owned(),
        Err(error) => return Err(failed(error)),
    };
    if args.json {
        output::json(&Held::info(&store, args.build).map_err(|error| Failure::new(Exit::BadInput, error))?)?;
    } else {
        output::data(&format!("{} build {} {words}\n", styled(GOOD, "good:"), args.build))?;
    }
    Ok(Exit::Good)
}

/// Another folder may still hold as active what the store signs with no more.
fn none_retired(store: &Store, signing: &[KeyInfo]) -> Result<(), Failure> {
    let known = KeyFolder::new(&store.keys()).list(input::now()).map_err(input::key_failed)?;
    let is_retired = |key: &&KeyInfo| {
        known.iter().any(|one| one.fingerprint == key.fingerprint && one.state == KeyState::Retired)
    };
    let Some(retired) = signing.iter().find(is_retired) else { return Ok(()) };
    let error = format!(
        "expected keys that the store signs with, found {}, which is retired there",
        retired.fingerprint
    );
    Err(Failure::new(Exit::BadInput, error).with_hint(
        "take it out of the folder of `--keys`; `smith build key list` shows the keys of the store",
    ))
}

fn failed(error: UnsignedError) -> Failure {
    let (exit, hint) = match &error {
        UnsignedError::Unknown { .. } => (Exit::NotThere, None),
        UnsignedError::NoKeyring { .. } => {
            (Exit::BadInput, Some("`smith build key import FILE` takes in the public part of the key"))
        }
        UnsignedError::Io { .. } => (Exit::Output, None),
        UnsignedError::Create(error) => (super::create::exit(error), None),
        UnsignedError::NoFolder { .. } => (
            Exit::BadInput,
            Some("`--export FOLDER` writes what is to be signed; carry back what came of it"),
        ),
        UnsignedError::Signed { .. }
        | UnsignedError::Signatures { .. }
        | UnsignedError::NotEmpty { .. }
        | UnsignedError::Changed { .. }
        | UnsignedError::Keys(_) => (Exit::BadInput, None),
    };
    let failure = Failure::new(exit, error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
