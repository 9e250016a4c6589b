//! Moving a channel.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use jiff::{SignedDuration, Timestamp};

use crate::channel::ChannelError;
use crate::channel::dating::{Dating, How, When, suite_of};
use crate::channel::history::{self, Move, history};
use crate::channel::view::{NewView, View};
use crate::mirror::{Held, Scope, known_bad, verify};
use crate::name::{BuildNumber, ChannelName};
use crate::pgp::Signer;
use crate::store::{Store, StoreError};

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switched {
    Moved(Moved),
    WasThere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub from: Option<BuildNumber>,
    pub to: BuildNumber,
    /// How the Releases of each suite's folder came to their dates.
    pub suites: Vec<(String, How)>,
}

impl Moved {
    /// Suites that clients who have seen newer Releases will not take.
    pub fn stuck(&self) -> impl Iterator<Item = &str> {
        self.suites.iter().filter(|(_, how)| *how == How::Stuck).map(|(folder, _)| folder.as_str())
    }
}

/// Where the channel is.
pub fn get(store: &Store, name: &ChannelName) -> Result<Option<BuildNumber>, ChannelError> {
    Ok(View::current(store, name)?.map(|(view, _)| view.build))
}

/// What the channel serves.
pub fn current(store: &Store, name: &ChannelName) -> Result<Option<View>, ChannelError> {
    Ok(View::current(store, name)?.map(|(view, _)| view))
}

/// All channels of a store.
pub fn names(store: &Store) -> Result<Vec<ChannelName>, StoreError> {
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

/// Whether the channel may be set to a build: this store holds it whole.
pub fn check(store: &Store, name: &ChannelName, number: BuildNumber) -> Result<(), ChannelError> {
    let refuse = |found: String| ChannelError::NotWhole { name: name.clone(), number, found };
    let info = Held::info(store, number).map_err(|error| refuse(crate::fetch::chain(&error)))?;
    let findings = verify(store, &[info.number], &Scope::QUICK)?;
    if !findings.is_good() {
        return Err(refuse(findings.why()));
    }
    // Sizes and links say nothing of what was found by reading everything; a verification that finds it mended does.
    match known_bad(store, number) {
        Ok(None) => Ok(()),
        Ok(Some(why)) => Err(refuse(format!("by its last verification {why}"))),
        Err(error) => Err(refuse(crate::fetch::chain(&error))),
    }
}

/// Suites that the channel serves now and this build does not have: their clients would find nothing there.
pub fn lost_suites(
    store: &Store,
    name: &ChannelName,
    number: BuildNumber,
) -> Result<Vec<String>, ChannelError> {
    let Some(current) = current(store, name)? else { return Ok(Vec::new()) };
    let held = Held::read(store, number)?;
    let has: BTreeSet<&str> =
        held.manifest.files().iter().filter_map(suite_of).map(|(suite, _)| suite).collect();
    let lost = current.suites.keys().filter(|suite| !has.contains(suite.as_str()));
    Ok(lost.map(ToString::to_string).collect())
}

/// Moves the channel to a build that this store holds whole.
pub fn set(
    store: &Store,
    name: &ChannelName,
    number: BuildNumber,
    order: &Order,
    signer: Option<&dyn Signer>,
) -> Result<Switched, ChannelError> {
    set_after(store, name, number, order, signer, &BTreeMap::new())
}

/// The same where somebody else remembers what clients of this channel have seen, if the store has lost it.
pub fn set_after(
    store: &Store,
    name: &ChannelName,
    number: BuildNumber,
    order: &Order,
    signer: Option<&dyn Signer>,
    seen: &BTreeMap<String, Timestamp>,
) -> Result<Switched, ChannelError> {
    lead(store, name, number, order, signer, (When::Needed, seen))
}

/// Moves the channel to where it was before its last move. Twice leads to where it is now.
pub fn rollback(
    store: &Store,
    name: &ChannelName,
    order: &Order,
    signer: Option<&dyn Signer>,
) -> Result<Switched, ChannelError> {
    set(store, name, previous(store, name)?, order, signer)
}

/// Where a rollback would lead.
pub fn previous(store: &Store, name: &ChannelName) -> Result<BuildNumber, ChannelError> {
    let current = get(store, name)?;
    let moves = history(store, name)?;
    let mut moves = moves.iter().rev().filter(|one| one.from != Some(one.to));
    let last = moves.clone().find(|one| Some(one.to) == current);
    // A move that was not written down began where the one before it ended.
    let previous = last.map_or_else(|| moves.next().map(|one| one.to), |last| last.from);
    previous.ok_or_else(|| ChannelError::NoPrevious { name: name.clone() })
}

/// Gives what the channel serves the date of now, before it expires. The build stays.
pub fn refresh(
    store: &Store,
    name: &ChannelName,
    order: &Order,
    signer: &dyn Signer,
) -> Result<Switched, ChannelError> {
    let number = get(store, name)?.ok_or_else(|| ChannelError::Unknown { name: name.clone() })?;
    lead(store, name, number, order, Some(signer), (When::Always, &BTreeMap::new()))
}

fn lead(
    store: &Store,
    name: &ChannelName,
    number: BuildNumber,
    order: &Order,
    signer: Option<&dyn Signer>,
    (when, seen): (When, &BTreeMap<String, Timestamp>),
) -> Result<Switched, ChannelError> {
    check(store, name, number)?;
    // From here on no purge can take the build away, and nobody else moves a channel.
    let _locked = store.lock_now()?;
    let held = still(store, name, number)?;
    let current = View::current(store, name)?;
    let is_taken = current.as_ref().is_none_or(|(view, folder)| view.is_taken(folder, order.at));
    let current = current.map(|(view, _)| view);
    let at = current.as_ref().map(|view| view.build);
    let moves = noted(store, name, at, order.at)?;
    // The same build again is no move, unless clients do not take what is served and there is a key to mend that.
    if at == Some(number) && when == When::Needed && (is_taken || signer.is_none()) {
        return Ok(Switched::WasThere);
    }
    let served = current.map_or_else(|| seen.clone(), |view| view.dates);
    let dating = Dating { at: order.at, when, signer, served: &served };
    let dated = dating.of(store, &held)?;
    let view = View::new(store, name, number, &dating, &dated)?;
    let json = view.to_json()?;
    let signature = signer.map(|signer| signer.sign_binary(&json, order.at)).transpose()?;
    let neighbours = recent(&moves, at, number, order.at);
    let new = NewView { view: &view, json, signature, dated: &dated, held: &held, neighbours: &neighbours };
    new.serve(store)?;
    record(store, name, moves, at, number, order)?;
    let suites = dated.into_iter().map(|one| (one.folder, one.how)).collect();
    Ok(Switched::Moved(Moved { from: at, to: number, suites }))
}

/// The build, which a purge may have taken since it was looked at.
pub(super) fn still(store: &Store, name: &ChannelName, number: BuildNumber) -> Result<Held, ChannelError> {
    if !store.build(number).exists() {
        let found = "that it has just been taken away".to_owned();
        return Err(ChannelError::NotWhole { name: name.clone(), number, found });
    }
    Ok(Held::read(store, number)?)
}

pub(super) fn record(
    store: &Store,
    name: &ChannelName,
    mut moves: Vec<Move>,
    from: Option<BuildNumber>,
    to: BuildNumber,
    order: &Order,
) -> Result<(), ChannelError> {
    let (who, why) = (order.who.clone(), order.why.clone());
    moves.push(Move { at: order.at, who, from, to, why });
    history::write(store, name, moves)
}

/// The history, with the move that a killed run made and did not write down.
pub(super) fn noted(
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
pub(super) fn recent(
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
