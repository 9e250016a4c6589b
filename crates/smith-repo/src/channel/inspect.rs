//! Whether a channel serves what its view and its build say, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::channel::ChannelError;
use crate::channel::dating::{Dated, Dating, How, When, suite_of};
use crate::channel::history::history;
use crate::channel::switch::{recent, still};
use crate::channel::view::{NewView, SIGNATURE, VIEW, View, WORDS, words_of};
use crate::hash::Sha256;
use crate::manifest::Area;
use crate::mirror::{Held, walk};
use crate::name::ChannelName;
use crate::pgp::Signer;
use crate::store::{Store, StoreError};

/// One path below a store that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trouble {
    pub path: String,
    pub expected: String,
    pub found: String,
}

/// What a name of a view should be.
enum Wanted {
    Content(Sha256),
    Link(String),
}

/// Every file of the view that the channel serves.
pub fn inspect(store: &Store, name: &ChannelName) -> Result<Vec<Trouble>, ChannelError> {
    let Some((view, folder)) = View::current(store, name)? else {
        return Err(ChannelError::Unknown { name: name.clone() });
    };
    let wanted = wanted(store, &view, &Held::read(store, view.build)?)?;
    let mut troubles = Vec::new();
    let mut trouble = |path: &str, expected: &str, found: String| {
        let path = folder.strip_prefix(store.root()).unwrap_or(&folder).join(path).display().to_string();
        troubles.push(Trouble { path, expected: expected.to_owned(), found });
    };
    for (path, wanted) in &wanted {
        let (expected, found) = compare(&folder.join(path), wanted);
        if expected != found {
            trouble(path, &expected, found);
        }
    }
    let words = words_of(store, view.build)?;
    if words != view.words {
        trouble(
            VIEW,
            &format!("build {} with words of sha256 {}", view.build, view.words),
            words.to_string(),
        );
    }
    let mut foreign = BTreeSet::new();
    walk(&folder, "", &mut |path, metadata| {
        let is_own = path == VIEW || path == SIGNATURE;
        // Ways to the pools of builds from before.
        let is_pool = metadata.is_symlink() && path.ends_with("/pool");
        if !is_own && !is_pool && !wanted.contains_key(path) {
            foreign.insert(path.to_owned());
        }
    })?;
    for path in foreign {
        // The index of a build from before, under the name of its content.
        let (folder_name, file_name) = path.rsplit_once('/').unwrap_or(("", &path));
        let hash = file_name.parse::<Sha256>().ok().filter(|_| folder_name.ends_with("by-hash/SHA256"));
        let expected = hash.map_or_else(|| "nothing".to_owned(), |hash| format!("sha256 {hash}"));
        let found = content(&folder.join(&path));
        if expected != found {
            trouble(&path, &expected, found);
        }
    }
    troubles.sort_unstable();
    Ok(troubles)
}

/// Makes the view anew. Releases that are damaged get a new date, for which there must be a key.
pub fn mend(
    store: &Store,
    name: &ChannelName,
    at: Timestamp,
    signer: Option<&dyn Signer>,
) -> Result<(), ChannelError> {
    let _locked = store.lock_now()?;
    let Some((old, folder)) = View::current(store, name)? else {
        return Err(ChannelError::Unknown { name: name.clone() });
    };
    let held = still(store, name, old.build)?;
    let neighbours = recent(&history(store, name)?, None, old.build, at);
    let signature = fs::read(folder.join(SIGNATURE)).ok();
    if let Some(dated) = kept(&folder, &old) {
        let json = old.to_json()?;
        let new =
            NewView { view: &old, json, signature, dated: &dated, held: &held, neighbours: &neighbours };
        return new.serve(store);
    }
    let dating = Dating { at, when: When::Needed, signer, served: &old.dates };
    let dated = dating.of(store, &held)?;
    let view = View::new(store, name, old.build, &dating, &dated)?;
    let json = view.to_json()?;
    let signature = signer.map(|signer| signer.sign_binary(&json, at)).transpose()?;
    let new = NewView { view: &view, json, signature, dated: &dated, held: &held, neighbours: &neighbours };
    new.serve(store)
}

/// The Releases of a view, if all of them are what they were.
fn kept(folder: &Path, view: &View) -> Option<Vec<Dated>> {
    let mut dated = Vec::with_capacity(view.suites.len());
    for (suite, told) in &view.suites {
        let mut files = BTreeMap::new();
        for (name, hash) in &told.files {
            let bytes = fs::read(name.below(&suite.below(folder))).ok()?;
            if Sha256::of(&bytes) != *hash {
                return None;
            }
            files.insert(name.to_string(), bytes);
        }
        dated.push(Dated { folder: suite.to_string(), date: told.date, how: How::AsBuilt, files });
    }
    Some(dated)
}

fn wanted(store: &Store, view: &View, held: &Held) -> Result<BTreeMap<String, Wanted>, ChannelError> {
    let mut wanted = BTreeMap::new();
    for name in WORDS {
        let path = store.build(view.build).join(name);
        if path.exists() {
            let (hash, _) = Sha256::of_file(&path).map_err(StoreError::io("reading", &path))?;
            wanted.insert(name.to_owned(), Wanted::Content(hash));
        }
    }
    for file in held.manifest.files() {
        let path = file.path.as_str();
        match (file.area, path.split_once('/')) {
            (Area::Tree, _) if suite_of(file).is_none() => {
                wanted.insert(path.to_owned(), Wanted::Content(file.hash));
            }
            (Area::Pool, Some((upstream, _))) => {
                let target = format!("../../../pool/{upstream}");
                wanted.insert(format!("{upstream}/pool"), Wanted::Link(target));
            }
            (Area::Tree | Area::Pool, _) => {}
        }
    }
    for (folder, suite) in &view.suites {
        for (name, hash) in &suite.files {
            wanted.insert(format!("{folder}/{name}"), Wanted::Content(*hash));
        }
    }
    Ok(wanted)
}

/// What is expected at a path, and what is there, in the same words if they are the same.
fn compare(path: &Path, wanted: &Wanted) -> (String, String) {
    match wanted {
        Wanted::Content(hash) => (format!("sha256 {hash}"), content(path)),
        Wanted::Link(target) => {
            let found = fs::read_link(path).unwrap_or_else(|_| PathBuf::from("no link"));
            (format!("a link to {target}"), format!("a link to {}", found.display()))
        }
    }
}

fn content(path: &Path) -> String {
    match Sha256::of_file(path) {
        Ok((hash, _)) => format!("sha256 {hash}"),
        Err(error) => error.to_string(),
    }
}
