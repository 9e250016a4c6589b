//! `smith build check`: what machines would make of a build.

use std::path::PathBuf;

use clap::Args;
use smith_repo::check::{Check, CheckError, Exit as Verdict, Policy, like, read_profiles};
use smith_repo::create::packages_of;
use smith_repo::mirror::Held;
use smith_repo::name::BuildNumber;
use smith_repo::pgp::KeyFolder;
use smith_repo::select::Pattern;
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs};
use crate::output;

/// Let apt itself simulate the upgrade of machines to a build, before any of them is touched.
///
/// Machines that have the same installed are asked about once. Ends with 1 when one would lose a package that it must not
/// lose, would be left broken, or cannot be upgraded.
#[derive(Debug, Args)]
pub(super) struct CheckBuild {
    /// The build
    build: BuildNumber,
    #[command(flatten)]
    store: StoreArgs,
    /// A folder of dpkg status files, one a machine; `NAME.suites` beside one says which suites apply
    #[arg(long, value_name = "FOLDER", required_unless_present = "like")]
    profiles: Option<PathBuf>,
    /// A minimal machine on this build instead of real ones
    #[arg(long, value_name = "BUILD", conflicts_with = "profiles")]
    like: Option<BuildNumber>,
    /// The architecture of such a machine
    #[arg(long, value_name = "NAME", default_value = "amd64", requires = "like")]
    architecture: String,
    /// Packages that an upgrade may remove; `*` and `?` stand for text
    #[arg(long, value_name = "NAME")]
    may_remove: Vec<String>,
    /// The public keys that the build is signed with, where those of the store cannot be read
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckBuild) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let not_there = |error| Failure::new(Exit::NotThere, error);
    // apt believes nothing that is not signed, so a build that waits for its signatures cannot be asked about.
    input::not_archived(&store, args.build)?;
    Held::info(&store, args.build).map_err(|error| Failure::new(Exit::NotThere, error))?;
    let packages = packages_of(&store, args.build).map_err(not_there)?;
    let profiles = match (&args.profiles, args.like) {
        (Some(folder), _) => read_profiles(folder),
        (None, Some(build)) => {
            let packages = packages_of(&store, build).map_err(not_there)?;
            like(&store.build(build), &packages, &args.architecture)
        }
        (None, None) => Ok(Vec::new()),
    };
    let profiles = profiles.map_err(failed)?;
    let folder = tempfile::tempdir()?;
    let keyring = folder.path().join("smith.gpg");
    std::fs::write(&keyring, keys(args, &store)?)?;
    let policy = Policy { may_remove: args.may_remove.iter().map(|name| Pattern::new(name)).collect() };
    let check = Check {
        build: &store.build(args.build),
        packages: &packages,
        keyring: &keyring,
        policy: &policy,
        work: &folder.path().join("apt"),
    };
    let report = check.run(&profiles).map_err(failed)?;
    if args.json {
        output::json(&report)?;
    } else {
        output::data(&report.to_text())?;
    }
    Ok(match report.exit() {
        Verdict::Good => Exit::Good,
        Verdict::Bad => Exit::Finding,
    })
}

/// Whoever may only read the store may not read the folder of its keys.
fn keys(args: &CheckBuild, store: &Store) -> Result<Vec<u8>, Failure> {
    if let Some(path) = &args.keyring {
        return std::fs::read(path).map_err(|error| input::unreadable("public keys", path, error));
    }
    KeyFolder::new(&store.keys()).export().map_err(|error| {
        let hint =
            error.is_denied().then(|| "`--keyring FILE` names the exported keys of the store".to_owned());
        Failure::new(Exit::BadInput, error).maybe_hint(hint)
    })
}

fn failed(error: CheckError) -> Failure {
    Failure::new(Exit::BadInput, error)
}
