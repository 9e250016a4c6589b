//! Where a channel is, as far as what is left of it tells.
//!
//! A damaged file of a channel must hold up neither who looks nor who mends, and a purge must know what it may not take.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::channel::history::{self, Move, history, trail};
use crate::channel::inspect::Trouble;
use crate::channel::view::{VIEW, VIEW_MAX, View, WORDS, folder, linked, numbers};
use crate::channel::{ChannelError, names};
use crate::fetch::chain;
use crate::manifest::BuildInfo;
use crate::mirror::{INFO_MAX, read_some, walk};
use crate::name::{BuildNumber, ChannelName};
use crate::release::Release;
use crate::store::{Store, StoreError};

/// What is known of a channel that there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The build that it serves. Nothing where nothing that is left tells.
    pub build: Option<BuildNumber>,
    /// Every move that is known, the oldest first.
    pub moves: Vec<Move>,
    /// Which of its files cannot be read, and what mends them.
    pub damage: Vec<Trouble>,
    /// What it says of itself, if that can be read.
    pub view: Option<View>,
    /// Folders of suites that are served.
    pub suites: BTreeSet<String>,
    /// The newest date of each suite's folder that clients may have seen.
    pub dates: BTreeMap<String, Timestamp>,
    pub(super) folder: Option<PathBuf>,
    /// When the newest view was made that can be read.
    pub(super) at: Option<Timestamp>,
    /// Where the view from before says that the channel was.
    before: Option<BuildNumber>,
    /// Whether moves may be missing.
    pub(super) history: Account,
    /// Whether there is no view but the first.
    is_first: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Account {
    #[default]
    Kept,
    Damaged,
}

/// All of what can be read of a channel; nothing if there is no such channel.
pub fn standing(store: &Store, name: &ChannelName) -> Result<Option<Standing>, ChannelError> {
    let mut standing = Standing::default();
    match linked(store, name) {
        Ok(None) => return Ok(None),
        Ok(Some(number)) => standing.look(store, name, number)?,
        Err(ChannelError::NotALink { found, .. }) if names(store)?.contains(name) => {
            let path = format!("channels/{name}");
            standing.hurt(name, &path, "a link to one of its views", &found);
        }
        Err(error) => return Err(error),
    }
    match history(store, name) {
        Ok(moves) => standing.moves = moves,
        Err(ChannelError::History { found, .. }) => {
            standing.history = Account::Damaged;
            standing.hurt(name, &format!("channels/{name}.json"), "a history of moves", &found);
        }
        Err(error) => return Err(error),
    }
    if standing.view.is_none() {
        newest(&mut standing.dates, history::dates(store, name));
    }
    Ok(Some(standing))
}

impl Standing {
    fn look(&mut self, store: &Store, name: &ChannelName, number: u64) -> Result<(), ChannelError> {
        let current = folder(store, name, number);
        match read(name, &current) {
            Ok(view) => {
                self.build = Some(view.build);
                self.suites = view.suites.keys().map(ToString::to_string).collect();
                self.at = Some(view.at);
                newest(&mut self.dates, view.dates.clone());
                self.view = Some(view);
            }
            Err(found) => {
                self.build = build_of(&current);
                let served = served(&current)?;
                self.suites = served.keys().cloned().collect();
                newest(&mut self.dates, served);
                let path = format!("views/{name}-{number}/{VIEW}");
                self.hurt(name, &path, "the words about what the channel serves", &found);
            }
        }
        let earlier = numbers(store, name)?.into_iter().filter(|earlier| *earlier < number).max();
        self.is_first = number == 1;
        if let Some(earlier) = earlier {
            let earlier = folder(store, name, earlier);
            self.before = build_of(&earlier);
            if let Ok(view) = read(name, &earlier) {
                // The newer one has all that is to be honoured, and may have forgotten what a wrong clock had dated.
                if self.view.is_none() {
                    self.at = Some(view.at);
                    newest(&mut self.dates, view.dates);
                }
            }
        }
        self.folder = Some(current);
        Ok(())
    }

    fn hurt(&mut self, name: &ChannelName, path: &str, expected: &str, found: &str) {
        let build = self.build.map_or_else(|| "BUILD".to_owned(), |build| build.to_string());
        let found = format!("{found}; `smith channel set {name} {build}` makes it anew");
        self.damage.push(Trouble { path: path.to_owned(), expected: expected.to_owned(), found });
    }

    /// The builds along which it came to where it is, that last.
    pub fn trail(&self) -> Vec<BuildNumber> {
        let mut trail = trail(&self.moves);
        trail.extend(self.build.filter(|build| trail.last() != Some(build)));
        trail
    }

    /// The build on which it is, or which file keeps that from being known.
    pub fn known(&self, name: &ChannelName) -> Result<BuildNumber, ChannelError> {
        self.build.ok_or_else(|| self.damaged(name))
    }

    /// Builds that are the way back. An error where a damaged history leaves that unknown.
    pub fn ways_back(&self, name: &ChannelName) -> Result<BTreeSet<BuildNumber>, ChannelError> {
        let mut ways: BTreeSet<BuildNumber> = self.trail().iter().rev().skip(1).take(1).copied().collect();
        // A move whose run was killed is not written down yet: where the channel was before it is the way back.
        ways.extend(self.moves.last().map(|last| last.to));
        ways.extend(
            self.moves.iter().rev().filter_map(|one| one.from).find(|from| Some(*from) != self.build),
        );
        if self.history == Account::Damaged {
            ways.extend(self.before);
        }
        ways.retain(|build| Some(*build) != self.build);
        if self.history == Account::Damaged && ways.is_empty() && !self.is_first {
            return Err(self.damaged(name));
        }
        Ok(ways)
    }

    /// Where it was before, as the view from before says.
    pub(super) fn came_from(&self) -> Option<BuildNumber> {
        self.before.filter(|before| Some(*before) != self.build)
    }

    pub(super) fn damaged(&self, name: &ChannelName) -> ChannelError {
        let Trouble { path, expected, found } = self.damage.first().cloned().unwrap_or_default();
        ChannelError::Damaged { name: name.clone(), path, expected, found }
    }
}

fn read(name: &ChannelName, folder: &Path) -> Result<View, String> {
    let bytes = read_some(&folder.join(VIEW), VIEW_MAX).map_err(|error| chain(&error))?;
    View::parse(name, &bytes).map_err(|error| chain(&error))
}

/// The build of which a view has the words.
fn build_of(folder: &Path) -> Option<BuildNumber> {
    let bytes = read_some(&folder.join(WORDS[0]), INFO_MAX).ok()?;
    serde_json::from_slice::<BuildInfo>(&bytes).ok().map(|info| info.number)
}

/// The date of each suite that lies in a view.
fn served(folder: &Path) -> Result<BTreeMap<String, Timestamp>, StoreError> {
    let mut dates = BTreeMap::new();
    walk(folder, "", &mut |path, _| {
        let Some((suite, "Release")) = path.rsplit_once('/') else { return };
        // What the upstreams said is kept as it came.
        if suite.split('/').nth(1) == Some("provenance") {
            return;
        }
        let release = fs::read(folder.join(path)).ok().and_then(|text| Release::parse(&text).ok());
        dates.extend(release.map(|release| (suite.to_owned(), release.date)));
    })?;
    Ok(dates)
}

fn newest(dates: &mut BTreeMap<String, Timestamp>, others: BTreeMap<String, Timestamp>) {
    for (folder, date) in others {
        let known = dates.entry(folder).or_insert(date);
        *known = date.max(*known);
    }
}
