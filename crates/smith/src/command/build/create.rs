//! `smith build create`: a build of the world as it is now.

use std::path::PathBuf;

use clap::Args;
use smith_repo::create::{Bring, Create as Making, CreateError, Created, IfUnchanged, Manner, Signing};
use smith_repo::name::BuildNumber;
use smith_repo::pgp::{KeyFolder, KeyInfo, KeyState, SigningKeys};
use smith_repo::upstream::Replay;

use crate::failure::{Exit, Failure};
use crate::input::{self, NetArgs, RecipeFile, SigningArgs, StoreArgs};
use crate::output::{self, GOOD, counted, styled};

/// Fetch what is new, verify it, and freeze it into the next build.
///
/// Interrupted anywhere and started again, it goes on with what it had brought. Where nothing is new since the newest
/// build there is no other one. An upstream whose Release is not signed by its keyring, has expired, or is older than one
/// that was seen, is refused, and there is no build.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// What the build is made from
    #[arg(value_name = "RECIPE")]
    recipe: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    net: NetArgs,
    /// The number of the build, above all that were given before; the next unless said
    #[arg(long, value_name = "N")]
    number: Option<BuildNumber>,
    /// Make a build although nothing is new
    #[arg(long)]
    even_if_unchanged: bool,
    /// Leave the signing to keys on another machine: the build waits for `smith build sign`
    #[arg(long)]
    unsigned: bool,
    /// Leave package files at their upstreams: each is fetched when it is first asked for, or by `smith build fetch`
    #[arg(long)]
    lazy: bool,
    /// Take Releases that are older than those that were seen
    #[arg(long)]
    allow_older: bool,
    #[command(flatten)]
    keys: SigningArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Create) -> Result<Exit, Failure> {
    let recipe = RecipeFile::load(&args.recipe)?;
    let store = args.store.create()?;
    let keys = KeyFolder::new(&store.keys());
    let now = input::now();
    let infos = keys.list(now).map_err(input::key_failed)?;
    let signed_from = signed_from(args, &infos)?;
    let (signer, signing) = match args.unsigned {
        true => (SigningKeys::default(), Signing::Elsewhere),
        false => (args.keys.unlocked(&keys)?, Signing::Here),
    };
    let bring = if args.lazy { Bring::OnFirstUse } else { Bring::Now };
    let fetcher = args.net.fetcher()?;
    let created = input::watched(|progress| {
        let making = Making {
            store: &store,
            fetcher: &fetcher,
            recipe: &recipe.recipe,
            signer: &signer,
            signed_from,
            number: args.number,
            if_unchanged: if args.even_if_unchanged { IfUnchanged::Build } else { IfUnchanged::Stop },
            replay: if args.allow_older { Replay::Allow } else { Replay::Refuse },
            progress,
            now,
            made_by: concat!("smith ", env!("CARGO_PKG_VERSION")),
        };
        making.run_as(Manner { signing, bring })
    });
    // What shows only now and is written in the recipe is told with its place there.
    tell(args, created.map_err(|error| recipe.mistake(&error).unwrap_or_else(|| failed(error)))?)
}

/// When the youngest key was made that may sign the build, here or elsewhere.
fn signed_from(args: &Create, infos: &[KeyInfo]) -> Result<jiff::Timestamp, Failure> {
    let may_sign = |info: &&KeyInfo| match info.state {
        KeyState::Active => true,
        KeyState::Public => args.unsigned,
        KeyState::Retired => false,
    };
    infos.iter().filter(may_sign).map(|info| info.made_at).max().ok_or_else(|| {
        let error = "expected a key in the store that builds are signed with, found none";
        Failure::new(Exit::BadInput, error).with_hint(match args.unsigned {
            true => "`smith build key import FILE` takes in the public part of a key that is elsewhere",
            false => "`smith build key new --user-id 'Name <address>'` makes one",
        })
    })
}

fn tell(args: &Create, created: Created) -> Result<Exit, Failure> {
    let (info, is_new) = match created {
        Created::Unchanged(info) => (info, false),
        Created::Made { info, idle } => {
            for one in idle {
                output::note(&one);
            }
            (info, true)
        }
    };
    if args.json {
        output::json(&info)?;
    } else if is_new {
        let packages = counted(info.package_count, "package");
        let line =
            format!("{} build {}, {packages}, {} bytes\n", styled(GOOD, "good:"), info.number, info.bytes);
        output::data(&line)?;
        if info.lazy_count > 0 {
            let files = counted(info.lazy_count, "package file");
            output::note(&format!(
                "{files} at their upstreams until somebody asks; `smith build fetch {}` brings them",
                info.number
            ));
        }
        if args.unsigned {
            output::note(&format!(
                "it waits for its signatures: `smith build sign {} --export FOLDER`",
                info.number
            ));
        }
    } else {
        output::data(&format!("nothing is new since build {}\n", info.number))?;
    }
    Ok(Exit::Good)
}

fn failed(error: CreateError) -> Failure {
    Failure::new(exit(&error), error)
}

/// How the making of a build ends that this ended.
pub(super) fn exit(error: &CreateError) -> Exit {
    match error {
        CreateError::Taken { .. } | CreateError::Given { .. } | CreateError::Last { .. } => Exit::NotThere,
        CreateError::Store(_) => Exit::Output,
        CreateError::Upstream(_)
        | CreateError::Choice(_)
        | CreateError::Password { .. }
        | CreateError::EmptyRecipe
        | CreateError::Objects { .. }
        | CreateError::TwoContents { .. }
        | CreateError::Deb { .. }
        | CreateError::Folder { .. }
        | CreateError::Status { .. }
        | CreateError::Before { .. }
        | CreateError::Index(_)
        | CreateError::Sign(_)
        | CreateError::Manifest(_)
        | CreateError::Held(_)
        | CreateError::Channel(_)
        | CreateError::Name(_)
        | CreateError::Words(_)
        | CreateError::Pack(_) => Exit::BadInput,
    }
}
