//! Looks at everything and changes nothing, but for leases of the dead, which whoever reads them takes away.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;

use jiff::{SignedDuration, Timestamp};

use crate::channel::{self, Left};
use crate::fetch::chain;
use crate::fsck::leftover::leftovers;
use crate::fsck::protection::unprotected;
use crate::fsck::{Damage, FsckError, Kind, Report};
use crate::mirror::{Depth, Findings, Foreign, Held, Scope, stale_folders, verify_present};
use crate::pgp::{Keyring, Policy, verify_detached};
use crate::retention::{InUse, Pins, RetentionError, orphans};
use crate::store::Store;

/// What a look is at.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    pub store: &'a Store,
    pub depth: Depth,
    /// Whose signatures of builds count. Without it nobody can say, and signatures are not looked at.
    pub keyring: Option<&'a Keyring>,
    /// How long what was taken away stays in the trash.
    pub grace: SignedDuration,
    pub now: Timestamp,
}

/// The whole store, every build and everything else.
pub fn check(what: &Checked<'_>) -> Result<Report, FsckError> {
    let store = what.store;
    let leases = store.lease_states()?;
    let scope = Scope { depth: what.depth, share: None, foreign: Foreign::Sought };
    let findings = verify_present(store, &scope)?;
    let mut report = Report {
        builds: findings.builds.clone(),
        archived: store.builds_archived()?,
        objects: findings.objects,
        hashed: findings.hashed,
        untold: findings.untold.clone(),
        ..Report::default()
    };
    let names = spare(what, &mut report)?;
    damage_of(&findings, &names, &mut report);
    archived(store, &mut report);
    signatures(what, &mut report);
    channels(what, &mut report);
    if let Err(error) = Pins::read(store) {
        report.damage.push(damage("state/pins.json", "the builds that are kept", chain(&error)));
    }
    if let Err(error) = InUse::all(store) {
        report.damage.push(damage("state/in-use", "the builds that servers use", chain(&error)));
    }
    suites(store, &mut report);
    report.damage.extend(unprotected(store)?);
    leftovers(what, leases, &mut report)?;
    report.damage.sort_unstable();
    report.leftovers.sort_by_key(|left| left.kind);
    Ok(report)
}

pub(super) fn damage(path: &str, expected: &str, found: String) -> Damage {
    Damage { path: path.to_owned(), expected: expected.to_owned(), found }
}

/// What no build refers to. Where a build cannot be read nobody knows what it refers to, which is said.
fn spare(what: &Checked<'_>, report: &mut Report) -> Result<BTreeSet<String>, FsckError> {
    let orphans = match orphans(what.store) {
        Ok(orphans) => orphans,
        Err(RetentionError::Held(_)) => return Ok(BTreeSet::new()),
        Err(error) => return Err(error.into()),
    };
    let (names, objects): (Vec<_>, Vec<_>) =
        orphans.into_iter().map(|one| (one.path, one.bytes)).partition(|(path, _)| path.starts_with("pool/"));
    let known = names.iter().map(|(path, _)| path.clone()).collect();
    report.leave(Kind::Name, names);
    report.leave(Kind::Orphan, objects);
    Ok(known)
}

fn damage_of(findings: &Findings, names: &BTreeSet<String>, report: &mut Report) {
    let mut add = |path: &str, expected: String, found: String| {
        report.damage.push(Damage { path: path.to_owned(), expected, found });
    };
    for one in &findings.missing {
        add(&one.path, format!("sha256 {} of {} bytes", one.hash, one.size), "nothing".to_owned());
    }
    for one in &findings.damaged {
        for path in &one.paths {
            add(path, format!("sha256 {} of {} bytes", one.hash, one.size), one.found.clone());
        }
    }
    for one in &findings.links {
        add(&one.path, one.expected.clone(), one.found.clone());
    }
    for (build, why) in &findings.lists {
        add(&format!("builds/{build}"), "lists that can be read".to_owned(), why.clone());
    }
    for one in &findings.channels {
        add(&one.path, one.expected.clone(), one.found.clone());
    }
    for path in findings.foreign.iter().filter(|path| !names.contains(*path)) {
        add(path, "nothing, as no build has it".to_owned(), "a file".to_owned());
    }
}

fn archived(store: &Store, report: &mut Report) {
    for number in report.archived.clone() {
        let folder = store.archived(number);
        if let Err(error) = Held::read_in(&folder, number) {
            if !folder.exists() {
                report.archived.retain(|one| *one != number);
                continue;
            }
            let path = format!("archive/{number}");
            report.untold.push(path.clone());
            report.damage.push(damage(&path, "lists that can be read", chain(&error)));
        }
    }
}

fn signatures(what: &Checked<'_>, report: &mut Report) {
    for number in report.builds.clone() {
        let folder = what.store.build(number);
        let path = format!("builds/{number}/build.json.sig");
        let signature = match fs::read(folder.join("build.json.sig")) {
            Ok(signature) => signature,
            // A purge has taken the whole build since.
            Err(_) if !folder.exists() => {
                report.builds.retain(|one| *one != number);
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                report.damage.push(damage(&path, "a signature", "nothing".to_owned()));
                continue;
            }
            Err(error) => {
                report.damage.push(damage(&path, "a signature", error.to_string()));
                continue;
            }
        };
        let Some(keyring) = what.keyring else { continue };
        let Ok(json) = fs::read(folder.join("build.json")) else { continue };
        if let Err(error) = verify_detached(&json, &signature, keyring, &Policy::any(what.now)) {
            report.damage.push(damage(&path, "a good signature of build.json", chain(&error)));
        }
    }
}

/// What was seen of each suite. Without it an older state would be taken for a new one.
fn suites(store: &Store, report: &mut Report) {
    for folder in stale_folders(store) {
        let path = folder.join("seen.json");
        let Ok(bytes) = fs::read(&path) else { continue };
        if let Err(error) = serde_json::from_slice::<BTreeMap<String, serde_json::Value>>(&bytes) {
            let name = path.strip_prefix(store.root()).unwrap_or(&path).to_string_lossy();
            report.damage.push(damage(&name, "what was seen of a suite", error.to_string()));
        }
    }
}

/// What channels serve was looked at with the builds; this is how long clients take it.
fn channels(what: &Checked<'_>, report: &mut Report) {
    let names = match channel::names(what.store) {
        Ok(names) => names,
        Err(error) => {
            report.damage.push(damage("channels", "channels that can be read", chain(&error)));
            return;
        }
    };
    for name in names {
        // What cannot be read of it is among what was found already.
        let Ok(Some(ends)) = channel::ends(what.store, &name) else { continue };
        let Some(words) = ends.words(&name, "", what.now) else { continue };
        match ends.left(what.now) {
            Left::Nothing => {
                let path = format!("channels/{name}/{}/InRelease", ends.suite);
                report.damage.push(damage(&path, "a Release that has not ended", words));
            }
            Left::Enough | Left::Little => report.soon.push(words),
        }
    }
}
