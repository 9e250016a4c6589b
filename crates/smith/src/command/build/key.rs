//! `smith build key`: the keys that builds are signed with, here or elsewhere.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use smith_repo::pgp::{Fingerprint, KeyError, KeyFolder, KeyKind, KeyRequest, KeyState, Passphrase};

use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs, Unwritable};
use crate::output::{self, Align, Table};

/// Make, import, list, retire and export the keys that sign builds.
#[derive(Debug, Args)]
pub(super) struct Key {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key; it signs with all others that are active until one of them is retired
    New(New),
    /// Believe and export a key whose secret is on another machine: `smith build sign` takes its signatures
    Import(Import),
    /// The keys of the store
    List(List),
    /// Sign with this key no more; clients still believe what it has signed
    Retire(Retire),
    /// Take a retired or an imported key away; what only it has signed is believed by nobody from then on
    Forget(Retire),
    /// The public keys, for `Signed-By`: of active, retired and imported keys
    Export(Export),
}

#[derive(Debug, Args)]
struct New {
    #[command(flatten)]
    store: StoreArgs,
    /// Whose it is: `Name <address>`
    #[arg(long, value_name = "ID")]
    user_id: String,
    /// ed25519 unless clients are older than Debian 9 and Ubuntu 18.04
    #[arg(long, value_enum, default_value_t = Kind::Ed25519)]
    kind: Kind,
    /// The first line of this file locks the key
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Ed25519,
    Rsa4096,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    store: StoreArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Retire {
    #[command(flatten)]
    store: StoreArgs,
    /// The fingerprint, as `smith build key list` shows it
    fingerprint: String,
}

#[derive(Debug, Args)]
struct Import {
    #[command(flatten)]
    store: StoreArgs,
    /// Public keys as `gpg --export` writes them, armored or not
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
struct Export {
    #[command(flatten)]
    store: StoreArgs,
    /// The keyring file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Serialize)]
struct Line {
    fingerprint: String,
    state: &'static str,
    made: String,
    expires: Option<String>,
    user_ids: Vec<String>,
}

pub(super) fn run(key: &Key) -> Result<Exit, Failure> {
    match &key.command {
        Command::New(new) => make(new),
        Command::List(list) => show(list),
        Command::Import(import) => take_in(import),
        Command::Retire(retire) => {
            keys(&retire.store)?.retire(&retire.named()?).map_err(failed)?;
            Ok(Exit::Good)
        }
        Command::Forget(forget) => {
            keys(&forget.store)?.forget(&forget.named()?).map_err(failed)?;
            Ok(Exit::Good)
        }
        Command::Export(export) => {
            let bytes = keys(&export.store)?.export().map_err(failed)?;
            let wrote = std::fs::write(&export.file, bytes);
            wrote.map_err(|error| Failure::new(Exit::Output, Unwritable::new(&export.file, error)))?;
            Ok(Exit::Good)
        }
    }
}

impl Retire {
    fn named(&self) -> Result<Fingerprint, Failure> {
        self.fingerprint.parse().map_err(|error| Failure::new(Exit::Usage, error))
    }
}

fn take_in(args: &Import) -> Result<Exit, Failure> {
    let bytes =
        std::fs::read(&args.file).map_err(|error| input::unreadable("public keys", &args.file, error))?;
    let store = args.store.create()?;
    let imported = KeyFolder::new(&store.keys()).import_public(&bytes).map_err(failed)?;
    let lines: Vec<String> = imported.iter().map(|key| format!("{key}\n")).collect();
    output::data(&lines.concat())?;
    Ok(Exit::Good)
}

fn keys(store: &StoreArgs) -> Result<KeyFolder, Failure> {
    Ok(KeyFolder::new(&store.open()?.keys()))
}

fn failed(error: KeyError) -> Failure {
    Failure::new(Exit::BadInput, error)
}

fn make(args: &New) -> Result<Exit, Failure> {
    let store = args.store.create()?;
    let kind = match args.kind {
        Kind::Ed25519 => KeyKind::Ed25519,
        Kind::Rsa4096 => KeyKind::Rsa4096,
    };
    let request = KeyRequest { kind, user_id: args.user_id.clone(), made_at: input::now(), expires_at: None };
    let passphrase = args.passphrase_file.clone().map_or(Passphrase::None, Passphrase::File);
    let fingerprint = KeyFolder::new(&store.keys()).generate(&request, &passphrase).map_err(failed)?;
    output::data(&format!("{fingerprint}\n"))?;
    Ok(Exit::Good)
}

fn show(args: &List) -> Result<Exit, Failure> {
    let infos = keys(&args.store)?.list(input::now()).map_err(failed)?;
    let line = |info: smith_repo::pgp::KeyInfo| Line {
        fingerprint: info.fingerprint.to_string(),
        state: match info.state {
            KeyState::Active => "active",
            KeyState::Retired => "retired",
            KeyState::Public => "public",
        },
        made: info.made_at.to_string(),
        expires: info.expires_at.map(|at| at.to_string()),
        user_ids: info.user_ids,
    };
    let lines: Vec<Line> = infos.into_iter().map(line).collect();
    if args.json {
        output::json(&lines)?;
        return Ok(Exit::Good);
    }
    let mut table = Table::new(&[
        ("key", Align::Left),
        ("state", Align::Left),
        ("made", Align::Left),
        ("of", Align::Left),
    ]);
    for line in lines {
        table.row([line.fingerprint, line.state.to_owned(), line.made, line.user_ids.join(", ")]);
    }
    output::data(&table.render(usize::MAX))?;
    Ok(Exit::Good)
}
