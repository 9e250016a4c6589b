//! A mirror takes a channel as its source has it, with the dates and signatures that only the source could give.

use jiff::Timestamp;

use crate::channel::dating::{AHEAD, Dated, How};
use crate::channel::history::Way;
use crate::channel::standing::standing;
use crate::channel::switch::{noted, recent, record, still};
use crate::channel::view::{NewView, SIGNATURE, VIEW, VIEW_MAX, View, words_of};
use crate::channel::{ChannelError, Moved, Order, Switched, check};
use crate::fetch::{Answer, Fetcher};
use crate::hash::Sha256;
use crate::mirror::{Check, base_url};
use crate::name::ChannelName;
use crate::store::Store;

/// Of an InRelease; the largest of a distribution with all architectures are a quarter of a megabyte.
pub(crate) const RELEASE_MAX: u64 = 8 << 20;

/// The source may move while it is read. Who moves a channel more often than this in the time of some requests does not
/// mean it.
const ROUNDS: u32 = 5;

/// What a source says, believed.
struct Told {
    view: View,
    json: Vec<u8>,
    signature: Vec<u8>,
    dated: Vec<Dated>,
}

/// A channel of another store.
struct Source<'a> {
    fetcher: &'a Fetcher,
    place: String,
    name: &'a ChannelName,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    pub switched: Switched,
    pub signers: Vec<String>,
}

/// Moves the channel to where it is at the source, if this store holds that build whole.
pub fn follow(
    store: &Store,
    name: &ChannelName,
    source: &str,
    fetcher: &Fetcher,
    signed: Check<'_>,
    order: &Order,
) -> Result<Followed, ChannelError> {
    let source = Source { fetcher, place: base_url(source), name };
    let (told, signers) = source.read(signed)?;
    let number = told.view.build;
    check(store, name, number)?;
    let _locked = store.lock_now()?;
    let held = still(store, name, number)?;
    let words = words_of(store, number)?;
    if words != told.view.words {
        let expected = format!("the build {number} that is here, with words of sha256 {words}");
        return Err(source.wrong(expected, format!("another of this number, with {}", told.view.words)));
    }
    let current = standing(store, name)?;
    if let Some(current) = &current {
        if current.damage.is_empty() && current.view.as_ref() == Some(&told.view) {
            return Ok(Followed { switched: Switched::WasThere, signers });
        }
        if let Some(at) = current.at {
            source.not_older(told.view.at, at)?;
        }
    }
    let at = current.as_ref().and_then(|standing| standing.build);
    let moves = noted(store, name, current.as_ref(), order.at)?;
    let seen = current.map(|standing| standing.dates).unwrap_or_default();
    let neighbours = recent(&moves, at, number, order.at);
    let Told { view, json, signature, dated } = &told;
    let (json, signature) = (json.clone(), Some(signature.clone()));
    let new = NewView { view, json, signature, dated, held: &held, neighbours: &neighbours };
    new.serve(store)?;
    record(store, name, moves, (at, number, Way::To), order)?;
    // Somebody may have moved it here by hand to what is newer.
    let how = |one: &Dated| match seen.get(&one.folder) {
        Some(newest) if *newest > one.date && *newest <= order.at + AHEAD => How::Stuck,
        Some(_) | None => one.how,
    };
    let suites = told.dated.iter().map(|one| (one.folder.clone(), how(one))).collect();
    Ok(Followed { switched: Switched::Moved(Moved { from: at, to: number, suites }), signers })
}

impl Source<'_> {
    fn read(&self, signed: Check<'_>) -> Result<(Told, Vec<String>), ChannelError> {
        let mut round = 0;
        loop {
            round += 1;
            match self.read_once(signed) {
                // Its parts are of two moves: it moved in between.
                Err(ChannelError::Source { .. }) if round < ROUNDS => {}
                told => return told,
            }
        }
    }

    fn read_once(&self, signed: Check<'_>) -> Result<(Told, Vec<String>), ChannelError> {
        let json = self.get(VIEW, VIEW_MAX)?;
        let signature = self.get(SIGNATURE, VIEW_MAX)?;
        let signers = signed(&json, &signature)
            .map_err(|found| self.wrong(format!("a good signature of {VIEW}"), found))?;
        let view = View::parse(self.name, &json)?;
        let mut dated = Vec::with_capacity(view.suites.len());
        for (folder, suite) in &view.suites {
            let mut files = std::collections::BTreeMap::new();
            for (name, hash) in &suite.files {
                let path = format!("{folder}/{name}");
                let bytes = self.get(&path, RELEASE_MAX)?;
                let found = Sha256::of(&bytes);
                if found != *hash {
                    return Err(self.wrong(format!("{path} with sha256 {hash}"), format!("one with {found}")));
                }
                files.insert(name.to_string(), bytes);
            }
            dated.push(Dated { folder: folder.to_string(), date: suite.date, how: How::AsBuilt, files });
        }
        Ok((Told { view, json, signature, dated }, signers))
    }

    fn get(&self, path: &str, max: u64) -> Result<Vec<u8>, ChannelError> {
        let url = format!("{}/channels/{}/{path}", self.place, self.name);
        let answer = self.fetcher.get(&url, max, None).map_err(|source| ChannelError::Fetch {
            name: self.name.clone(),
            place: self.place.clone(),
            source: Box::new(source),
        })?;
        match answer {
            Answer::Found { bytes, .. } => Ok(bytes),
            Answer::Missing | Answer::NotModified => Err(self.wrong(path.to_owned(), "nothing".to_owned())),
        }
    }

    /// A source that goes back to what it said before is an old copy, or somebody who wants machines to stay behind.
    fn not_older(&self, told: Timestamp, known: Timestamp) -> Result<(), ChannelError> {
        if told < known {
            return Err(self.wrong(format!("a move of {known} or later"), format!("one of {told}")));
        }
        Ok(())
    }

    fn wrong(&self, expected: String, found: String) -> ChannelError {
        ChannelError::Source { name: self.name.clone(), place: self.place.clone(), expected, found }
    }
}
