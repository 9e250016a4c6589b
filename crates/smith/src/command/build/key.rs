//! `smith build key`: the keys that builds are signed with, here or elsewhere.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use smith_repo::pgp::{Fingerprint, KeyError, KeyFolder, KeyKind, KeyRequest, KeyState};

use crate::failure::{Exit, Failure};
use crate::input::{self, SigningArgs, StoreArgs, Sure, Unwritable};
use crate::output::{self, Align, GOOD, Table, styled};

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
    Forget(Forget),
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
    #[command(flatten)]
    signing: SigningArgs,
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
struct Forget {
    #[command(flatten)]
    key: Retire,
    /// Also the last key of the store, after which nobody believes any of its builds
    #[arg(long)]
    last: bool,
    #[command(flatten)]
    sure: Sure,
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
    /// Whether it signs only with its passphrase.
    locked: bool,
    user_ids: Vec<String>,
}

pub(super) fn run(key: &Key) -> Result<Exit, Failure> {
    match &key.command {
        Command::New(new) => make(new),
        Command::List(list) => show(list),
        Command::Import(import) => take_in(import),
        Command::Retire(args) => retire(args),
        Command::Forget(args) => forget(args),
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

fn retire(args: &Retire) -> Result<Exit, Failure> {
    let (keys, key) = (keys(&args.store)?, args.named()?);
    keys.retire(&key).map_err(failed)?;
    output::data(&format!(
        "{} key {key} signs no more; what it has signed is believed\n",
        styled(GOOD, "good:")
    ))?;
    let infos = keys.list(input::now()).map_err(failed)?;
    if !infos.iter().any(|info| info.state == KeyState::Active) {
        output::note(
            "warning: it was the last key of the store that signs: until `smith build key new` makes one, builds can only be \
             made with `--unsigned`, and channels cannot move where Releases must be signed anew",
        );
    }
    Ok(Exit::Good)
}

/// What only this key has signed is believed by nobody from then on, and no copy of it is left here.
fn forget(args: &Forget) -> Result<Exit, Failure> {
    let (keys, key) = (keys(&args.key.store)?, args.key.named()?);
    let infos = keys.list(input::now()).map_err(failed)?;
    let is_last = infos.len() == 1 && infos.iter().all(|info| info.fingerprint == key);
    if is_last && !args.last {
        let error = format!("expected another key besides {key}, which is the last of the store, found none");
        return Err(Failure::new(Exit::NotThere, error)
            .with_hint("`smith build key new` makes one; `--last` forgets the last one, and with it who believes its builds"));
    }
    args.sure.or_ask(&format!("forget key {key}? nobody believes any more what it alone has signed"))?;
    keys.forget(&key).map_err(failed)?;
    output::data(&format!(
        "{} key {key} is forgotten; what it alone has signed is believed by nobody\n",
        styled(GOOD, "good:")
    ))?;
    Ok(Exit::Good)
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
    input::key_failed(error)
}

fn make(args: &New) -> Result<Exit, Failure> {
    let store = args.store.create()?;
    let kind = match args.kind {
        Kind::Ed25519 => KeyKind::Ed25519,
        Kind::Rsa4096 => KeyKind::Rsa4096,
    };
    let request = KeyRequest { kind, user_id: args.user_id.clone(), made_at: input::now(), expires_at: None };
    let passphrase = args.signing.passphrase();
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
        locked: info.is_locked,
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
        ("locked", Align::Left),
        ("made", Align::Left),
        ("of", Align::Left),
    ]);
    for line in lines {
        let locked = if line.locked { "passphrase" } else { "" }.to_owned();
        table.row([line.fingerprint, line.state.to_owned(), locked, line.made, line.user_ids.join(", ")]);
    }
    output::data(&table.render(usize::MAX))?;
    Ok(Exit::Good)
}
