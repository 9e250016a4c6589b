//! `smith build fsck`: the whole store looked at.

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;
use smith_repo::fetch::chain;
use smith_repo::fsck::{Age, Checked, Damage, FsckError, Mended, Report, check, mend};
use smith_repo::mirror::Depth;
use smith_repo::pgp::{KeyError, KeyFolder, Keyring};
use smith_repo::store::Store;

use super::purge::GRACE_HOURS;
use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs};
use crate::output::{self, BAD, GOOD, WAITS, counted, styled};

/// Look at the whole store: builds and their signatures, channels, keys, and what runs that were killed have left.
///
/// Tells damage, for which it ends with 1, from leftovers that the next run takes up. What is missing or damaged comes from
/// another store with `smith mirror verify --repair`.
#[derive(Debug, Args)]
pub(super) struct Fsck {
    #[command(flatten)]
    store: StoreArgs,
    /// Read every object, not only its size
    #[arg(long)]
    deep: bool,
    /// Clear up leftovers that are older than a day, and put permissions, names and lists right
    #[arg(long)]
    mend: bool,
    /// Leftovers of any age, for good: room is needed. Purged builds stay in the trash for their day; `smith build purge`
    /// has a `--now` of its own
    #[arg(long, requires = "mend")]
    now: bool,
    /// The public keys that builds are believed for; those of the store unless said
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    report: Report,
    clean: bool,
    /// Whether there was anybody whose signatures count.
    signatures_checked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mended: Option<Mended>,
}

pub(super) fn run(args: &Fsck) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let (given, now) = (given_keyring(args)?, input::now());
    let mended = if args.mend {
        let age = if args.now { Age::Any } else { Age::Day };
        Some(mend(&store, age, now).map_err(failed)?)
    } else {
        None
    };
    // A key that was open to others can be read now.
    let (keyring, bad_keys) = match given {
        Some(given) => (Some(given), None),
        None => own_keyring(&store).map_or_else(|error| (None, unusable(&error)), |own| (own, None)),
    };
    let checked = Checked {
        store: &store,
        depth: if args.deep { Depth::Full } else { Depth::Quick },
        keyring: keyring.as_ref(),
        grace: SignedDuration::from_hours(GRACE_HOURS),
        now,
    };
    let mut report = check(&checked).map_err(failed)?;
    report.damage.extend(bad_keys);
    report.damage.sort_unstable();
    let exit = if report.is_sound() { Exit::Good } else { Exit::Finding };
    let clean = report.is_clean();
    let answer = Answer { report, clean, signatures_checked: keyring.is_some(), mended };
    if args.json {
        output::json(&answer)?;
    } else {
        output::data(&text(&answer))?;
    }
    Ok(exit)
}

fn given_keyring(args: &Fsck) -> Result<Option<Keyring>, Failure> {
    let load = |path| Keyring::load(&[path]).map_err(|error| Failure::new(Exit::BadInput, error));
    args.keyring.as_ref().map(load).transpose()
}

/// A mirror has no keys of its own; then nobody can say whose signatures count.
fn own_keyring(store: &Store) -> Result<Option<Keyring>, KeyError> {
    if !store.keys().exists() {
        return Ok(None);
    }
    let keys = KeyFolder::new(&store.keys());
    if keys.list(input::now())?.is_empty() {
        return Ok(None);
    }
    Ok(Some(Keyring::parse(&keys.export()?)?))
}

/// What of the keys cannot be read. All the rest is looked at nevertheless.
fn unusable(error: &KeyError) -> Option<Damage> {
    // Whoever may only read the store may not read its keys; and one that others may read is told among permissions.
    let is_told = error.is_denied() || error.is_exposed();
    let expected = "keys that can be read".to_owned();
    (!is_told).then(|| Damage { path: "keys".to_owned(), expected, found: chain(error) })
}

fn text(answer: &Answer) -> String {
    let Answer { report, clean, signatures_checked, mended } = answer;
    let mut text = String::new();
    for one in &report.damage {
        text.push_str(&format!(
            "{} {}: expected {}, found {}\n",
            styled(BAD, "bad:"),
            one.path,
            one.expected,
            one.found
        ));
    }
    for words in &report.soon {
        text.push_str(&format!("{} {words}\n", styled(WAITS, "soon:")));
    }
    for left in &report.leftovers {
        let bytes = if left.bytes > 0 { format!(", {} bytes", left.bytes) } else { String::new() };
        let examples = left.examples.join(", ");
        let more = if left.count > left.examples.len() as u64 { ", …" } else { "" };
        text.push_str(&format!(
            "{} {} {}{bytes}: {}\n  {examples}{more}\n",
            styled(WAITS, "left:"),
            left.count,
            left.kind,
            left.kind.fate()
        ));
    }
    if let Some(mended) = mended {
        let Mended { cleared, taken_in, orphans, protected, relinked, freed } = mended;
        let names = counted(*relinked, "name");
        let orphans = counted(*orphans, "orphan");
        text.push_str(&format!(
            "mended: {cleared} cleared, {taken_in} taken in, {orphans} taken away, {protected} protected, \
             {names} made anew, {freed} bytes free now\n"
        ));
    }
    if !signatures_checked && !report.builds.is_empty() {
        text.push_str("signatures were not looked at: the store has no keys that can be used, and no --keyring was given\n");
    }
    if let Some(caveat) = report.caveat() {
        text.push_str(&format!("{} {caveat}\n", styled(WAITS, "untold:")));
    }
    if report.running > 0 {
        text.push_str(&format!("operations that run at this time: {}\n", report.running));
    }
    let builds = counted(report.builds.len() as u64, "build");
    let objects = counted(report.objects, "object");
    let state = match (report.is_sound(), clean) {
        (true, true) => format!("{} clean", styled(GOOD, "good:")),
        (true, false) => format!("{} nothing is damaged", styled(GOOD, "good:")),
        (false, _) => format!("{} {}", styled(BAD, "bad:"), counted(report.damage.len() as u64, "place")),
    };
    text.push_str(&format!("{state}: {builds}, {objects}\n"));
    text
}

fn failed(error: FsckError) -> Failure {
    Failure::new(Exit::BadInput, error)
}
