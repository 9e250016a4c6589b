//! What the machine's packages were before a change that has not ended well.
//!
//! A change that fails or is killed leaves packages in new versions, and the patch that heals it finds them so. Therefore what was
//! there before is kept from the first change on, until a patch has ended well and its outcome is on the disk.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use serde::{Deserialize, Serialize};
use smith_agent::protocol::{Change, Done, Failure, Outcome, Unfinished};

use super::drive;
use super::plan::differences_since;
use super::status::{Key, Machine};
use crate::files::{cause, keep_record, load_record};
use crate::health;
use crate::op::{Context, Host};

const FOLDER: &str = "/var/lib/smith";
const FILE: &str = "patching.json";

/// The beginning of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    /// Seconds since 1970.
    since: u64,
    operation: String,
    packages: Vec<Was>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Was {
    name: String,
    architecture: String,
    version: String,
}

/// A change begins. What is kept of one that has not ended well stays: its beginning is the one that counts.
pub(super) fn begin(ctx: &mut Context<'_>) -> Result<(), Failure> {
    if read(ctx).is_some() {
        return Ok(());
    }
    let was = |(key, version): (Key, String)| Was { name: key.name, architecture: key.architecture, version };
    let packages = drive::machine(ctx.host)?.packages;
    let packages = packages.into_iter().map(|(key, present)| was((key, present.version))).collect();
    let begun = Begun { since: health::seconds(), operation: operation(ctx), packages };
    keep_record(&ctx.host.path(FOLDER), FILE, &begun).map_err(|error| {
        Failure::new(cause(&error), format!("expected to keep what was there before, found that {error}"))
    })
}

/// What is kept. What cannot be read is told and is as if it were not there: a patch must not depend on it for ever.
pub(super) fn read(ctx: &mut Context<'_>) -> Option<Begun> {
    match load(ctx.host) {
        Ok(begun) => begun,
        Err(wrong) => {
            ctx.log(format!("what an unfinished change has changed is not known: {wrong}"));
            None
        }
    }
}

/// What differs from the beginning until now, for a failure. Nothing where no change has begun.
pub(crate) fn so_far(host: &Host) -> Result<Box<[Change]>, String> {
    let Some(begun) = load(host)? else { return Ok(Box::default()) };
    let now = drive::machine(host).map_err(|unread| unread.message)?;
    Ok(begun.differences(&now).into())
}

/// To be called when the outcome is on the disk: a worker that is killed between the two lets the same be told twice, and not never.
pub(crate) fn told(host: &Host, outcome: &Outcome) -> io::Result<()> {
    let (Outcome::Done(Done::Patched(_)) | Outcome::AlreadySo(Done::Patched(_))) = outcome else {
        return Ok(());
    };
    match fs::remove_file(host.path(FOLDER).join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Begun {
    pub(super) fn differences(&self, now: &Machine) -> Vec<Change> {
        let key = |was: &Was| Key { name: was.name.clone(), architecture: was.architecture.clone() };
        let before: BTreeMap<Key, String> =
            self.packages.iter().map(|was| (key(was), was.version.clone())).collect();
        differences_since(&before, now)
    }

    /// What is told of it where another operation than this one began it.
    pub(super) fn unfinished(&self, ctx: &Context<'_>) -> Option<Unfinished> {
        let unfinished = || Unfinished { since: self.since, operation: self.operation.clone() };
        (self.operation != operation(ctx)).then(unfinished)
    }
}

fn load(host: &Host) -> Result<Option<Begun>, String> {
    let folder = host.path(FOLDER);
    match folder.join(FILE).try_exists() {
        Ok(false) => Ok(None),
        Ok(true) => load_record(&folder, FILE).map(Some),
        Err(error) => Err(format!("{FILE} cannot be looked for: {error}")),
    }
}

/// An operation's folder has its name.
fn operation(ctx: &Context<'_>) -> String {
    ctx.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
