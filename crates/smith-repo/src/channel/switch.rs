//! Moving a channel.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::channel::history::{self, Move, history};
use crate::channel::union::unite;
use crate::mirror::{Held, HeldError, Scope, verify};
use crate::name::{BuildNumber, ChannelName};
use crate::store::{Store, StoreError, unique};

/// How long after a move a client may still hold an index of the build from before: longer than any run of apt, and than
/// a proxy keeps an InRelease.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Said in the history of a move that was made by a run that was killed before it could write it down.
const UNRECORDED: &str = "the move was made, but its run ended before it was written down";

/// Who wants it, and why.
#[derive(Debug, Clone)]
pub struct Order {
    pub who: String,
    pub why: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switched {
    Moved { from: Option<BuildNumber>, to: BuildNumber },
    WasThere,
}

#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    #[error(
        "channel {name} cannot be set to build {number}: expected it whole and good on this store, found {found}"
    )]
    NotWhole { name: ChannelName, number: BuildNumber, found: String },
    #[error("channel {name} has no build before the current one")]
    NoPrevious { name: ChannelName },
    #[error("channel {name}: expected a link to a build, found {found}")]
    NotALink { name: ChannelName, found: String },
    #[error("channel {name}: expected a history of moves, found {found}")]
    History { name: ChannelName, found: String },
    #[error(transparent)]
    Held(#[from] HeldError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where the channel is.
pub fn get(store: &Store, name: &ChannelName) -> Result<Option<BuildNumber>, ChannelError> {
    let path = store.channel(name);
    let target = match fs::read_link(&path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            return Err(ChannelError::NotALink { name: name.clone(), found: "something else".to_owned() });
        }
        Err(error) => return Err(StoreError::io("reading", &path)(error).into()),
    };
    let number =
        target.strip_prefix("../builds").ok().and_then(Path::to_str).and_then(|name| name.parse().ok());
    let found = || target.display().to_string();
    number.map(Some).ok_or_else(|| ChannelError::NotALink { name: name.clone(), found: found() })
}

/// All channels of a store.
pub fn names(store: &Store) -> Result<Vec<ChannelName>, ChannelError> {
    let folder = store.channels();
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(StoreError::io("reading", &folder))? {
        let entry = entry.map_err(StoreError::io("reading", &folder))?;
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let name = entry.file_name().to_str().and_then(|name| ChannelName::new(name).ok());
        names.extend(name.filter(|_| is_link));
    }
    names.sort_unstable();
    Ok(names)
}

/// Moves the channel to a build that this store holds whole.
pub fn set(
    store: &Store,
    name: &ChannelName,
    number: BuildNumber,
    order: &Order,
) -> Result<Switched, ChannelError> {
    let refuse = |found: String| ChannelError::NotWhole { name: name.clone(), number, found };
    let info = Held::info(store, number).map_err(|error| refuse(crate::fetch::chain(&error)))?;
    let findings = verify(store, &[info.number], &Scope::QUICK)?;
    if !findings.is_good() {
        return Err(refuse(findings.why()));
    }
    // From here on no purge can take the build away, and nobody else moves a channel.
    let _locked = store.lock_now()?;
    if !store.build(number).exists() {
        return Err(refuse("that it has just been taken away".to_owned()));
    }
    let current = get(store, name)?;
    let moves = noted(store, name, current, order.at)?;
    if current == Some(number) {
        return Ok(Switched::WasThere);
    }
    let neighbours = recent(&moves, current, number, order.at);
    unite(store, number, &neighbours)?;
    swap(store, name, number)?;
    let mut moves = moves;
    let (who, why) = (order.who.clone(), order.why.clone());
    moves.push(Move { at: order.at, who, from: current, to: number, why });
    history::write(store, name, moves)?;
    Ok(Switched::Moved { from: current, to: number })
}

/// Moves the channel to where it was before its last move. Twice leads to where it is now.
pub fn rollback(store: &Store, name: &ChannelName, order: &Order) -> Result<Switched, ChannelError> {
    let current = get(store, name)?;
    let moves = history(store, name)?;
    let last = moves.iter().rev().find(|one| Some(one.to) == current);
    // A move that was not written down began where the one before it ended.
    let previous = last.map_or_else(|| moves.last().map(|one| one.to), |last| last.from);
    let previous = previous.ok_or_else(|| ChannelError::NoPrevious { name: name.clone() })?;
    set(store, name, previous, order)
}

/// The history, with the move that a killed run made and did not write down.
fn noted(
    store: &Store,
    name: &ChannelName,
    current: Option<BuildNumber>,
    at: Timestamp,
) -> Result<Vec<Move>, ChannelError> {
    let mut moves = history(store, name)?;
    let last = moves.last().map(|one| one.to);
    if let Some(to) = current.filter(|current| Some(*current) != last) {
        moves.push(Move { at, who: "smith".to_owned(), from: last, to, why: UNRECORDED.to_owned() });
        history::write(store, name, moves.clone())?;
    }
    Ok(moves)
}

/// Builds of which a client may hold an index: where the channel is, where it was before, where it was of late.
fn recent(
    moves: &[Move],
    current: Option<BuildNumber>,
    next: BuildNumber,
    now: Timestamp,
) -> BTreeSet<BuildNumber> {
    let mut recent: BTreeSet<BuildNumber> = current.into_iter().collect();
    recent.extend(moves.last().and_then(|last| last.from));
    for one in moves.iter().filter(|one| now.duration_since(one.at) <= REMEMBERED) {
        recent.insert(one.to);
        recent.extend(one.from);
    }
    recent.remove(&next);
    recent
}

fn swap(store: &Store, name: &ChannelName, number: BuildNumber) -> Result<(), ChannelError> {
    let temporary = store.channels().join(format!(".tmp-{name}-{}", unique()));
    symlink(format!("../builds/{number}"), &temporary).map_err(StoreError::io("linking", &temporary))?;
    let swapped = store.appear(&temporary, &store.channel(name));
    if swapped.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    Ok(swapped?)
}
