//! Moving a channel.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use jiff::{SignedDuration, Timestamp};

use crate::channel::ChannelError;
use crate::channel::dating::{Dating, How, When, suite_of};
use crate::channel::history::{self, Move, Way};
use crate::channel::standing::{Account, Standing, standing};
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

/// Said where a history that could not be read begins anew.
const BEGUN_ANEW: &str = "the history before this could not be read and was put into the trash";

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

/// Where the channel is, if need be by what is left of it.
pub fn get(store: &Store, name: &ChannelName) -> Result<Option<BuildNumber>, ChannelError> {
    standing(store, name)?.map(|standing| standing.known(name)).transpose()
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
    let Some(current) = standing(store, name)? else { return Ok(Vec::new()) };
    let held = Held::read(store, number)?;
    let has: BTreeSet<&str> =
        held.manifest.files().iter().filter_map(suite_of).map(|(suite, _)| suite).collect();
    Ok(current.suites.into_iter().filter(|suite| !has.contains(suite.as_str())).collect())
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
    lead(store, name, number, order, &Leading { when: When::Needed, way: Way::To, signer, seen })
}

/// The same as a move back: the next rollback leads further back than this.
pub fn back_after(
    store: &Store,
    name: &ChannelName,
    number: BuildNumber,
    order: &Order,
    signer: Option<&dyn Signer>,
    seen: &BTreeMap<String, Timestamp>,
) -> Result<Switched, ChannelError> {
    lead(store, name, number, order, &Leading { when: When::Needed, way: Way::Back, signer, seen })
}

/// Moves the channel one step back along the way that it came; twice leads two steps back.
pub fn rollback(
    store: &Store,
    name: &ChannelName,
    order: &Order,
    signer: Option<&dyn Signer>,
) -> Result<Switched, ChannelError> {
    back_after(store, name, previous(store, name)?, order, signer, &BTreeMap::new())
}

/// Where a rollback would lead.
pub fn previous(store: &Store, name: &ChannelName) -> Result<BuildNumber, ChannelError> {
    let none = || ChannelError::NoPrevious { name: name.clone() };
    let standing = standing(store, name)?.ok_or_else(none)?;
    if standing.history == Account::Damaged {
        return Err(standing.damaged(name));
    }
    standing.trail().iter().rev().nth(1).copied().ok_or_else(none)
}

/// Gives what the channel serves the date of now, before it expires. The build stays.
pub fn refresh(
    store: &Store,
    name: &ChannelName,
    order: &Order,
    signer: &dyn Signer,
) -> Result<Switched, ChannelError> {
    let number = get(store, name)?.ok_or_else(|| ChannelError::Unknown { name: name.clone() })?;
    let (signer, seen) = (Some(signer), &BTreeMap::new());
    lead(store, name, number, order, &Leading { when: When::Always, way: Way::To, signer, seen })
}

/// How a channel is led to a build.
struct Leading<'a> {
    when: When,
    way: Way,
    signer: Option<&'a dyn Signer>,
    /// What clients have seen, as somebody else remembers it.
    seen: &'a BTreeMap<String, Timestamp>,
}

fn lead(
    store: &Store,
    name: &ChannelName,
    number: BuildNumber,
    order: &Order,
    how: &Leading<'_>,
) -> Result<Switched, ChannelError> {
    let Leading { when, way, signer, seen } = *how;
    check(store, name, number)?;
    // From here on no purge can take the build away, and nobody else moves a channel.
    let _locked = store.lock_now()?;
    let held = still(store, name, number)?;
    let current = standing(store, name)?;
    let at = current.as_ref().and_then(|standing| standing.build);
    let moves = noted(store, name, current.as_ref(), order.at)?;
    // The same build again is no move, unless clients do not take what is served and there is a key to mend that.
    if at == Some(number) && when == When::Needed && is_well(current.as_ref(), order.at, signer) {
        return Ok(Switched::WasThere);
    }
    let served = match current {
        Some(standing) => standing.dates,
        None => {
            let mut served = history::dates(store, name);
            served.extend(seen.iter().map(|(folder, date)| (folder.clone(), *date)));
            served
        }
    };
    let dating = Dating { at: order.at, when, signer, served: &served };
    let dated = dating.of(store, &held)?;
    let view = View::new(store, name, number, &dating, &dated)?;
    let json = view.to_json()?;
    let signature = signer.map(|signer| signer.sign_binary(&json, order.at)).transpose()?;
    let neighbours = recent(&moves, at, number, order.at);
    let new = NewView { view: &view, json, signature, dated: &dated, held: &held, neighbours: &neighbours };
    new.serve(store)?;
    record(store, name, moves, (at, number, way), order)?;
    let suites = dated.into_iter().map(|one| (one.folder, one.how)).collect();
    Ok(Switched::Moved(Moved { from: at, to: number, suites }))
}

/// Whether a view of the same build need not be made anew.
fn is_well(current: Option<&Standing>, now: Timestamp, signer: Option<&dyn Signer>) -> bool {
    current.is_none_or(|standing| match (&standing.view, &standing.folder) {
        (Some(view), Some(folder)) if standing.damage.is_empty() => {
            view.is_taken(folder, now) || signer.is_none()
        }
        _ => false,
    })
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
    (from, to, way): (Option<BuildNumber>, BuildNumber, Way),
    order: &Order,
) -> Result<(), ChannelError> {
    let (who, why) = (order.who.clone(), order.why.clone());
    moves.push(Move { at: order.at, who, from, to, why, way });
    // What clients have seen stands in the view.
    history::write(store, name, moves, BTreeMap::new())
}

/// The history, with the move that a killed run made and did not write down. One that cannot be read begins anew.
pub(super) fn noted(
    store: &Store,
    name: &ChannelName,
    current: Option<&Standing>,
    at: Timestamp,
) -> Result<Vec<Move>, ChannelError> {
    let Some(standing) = current else {
        return match history::history(store, name) {
            Err(ChannelError::History { .. }) => {
                history::put_aside(store, name, at)?;
                Ok(Vec::new())
            }
            moves => moves,
        };
    };
    let mut moves = standing.moves.clone();
    let (from, why) = match standing.history {
        Account::Kept => (moves.last().map(|one| one.to), UNRECORDED),
        Account::Damaged => {
            history::put_aside(store, name, at)?;
            (standing.came_from(), BEGUN_ANEW)
        }
    };
    let last = moves.last().map(|one| one.to);
    if let Some(to) = standing.build.filter(|current| Some(*current) != last) {
        let (who, why) = ("smith".to_owned(), why.to_owned());
        moves.push(Move { at, who, from, to, why, way: Way::To });
        history::write(store, name, moves.clone(), standing.dates.clone())?;
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
