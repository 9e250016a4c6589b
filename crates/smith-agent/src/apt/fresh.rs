//! Whether the lists of the build are on the machine already, whole and believed.
//!
//! A check comes before nearly every patch. What it fetched is not fetched again if nothing can be wrong with it: it was
//! authenticated with the job's own keyring, each InRelease is the one that the job names, and each list has the hash that it says.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use sha2::{Digest as _, Sha256};

use super::home::{Home, put};
use super::lists::sha256;
use super::status::hex;
use super::wish::{Asked, Wish};
use crate::op::Host;

/// Larger than any InRelease; that of Debian is 150 KiB.
const RELEASE_MAX: u64 = 8 << 20;

/// What the private lists are to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lists {
    /// Those of the build, whole.
    Here,
    /// Of another build, or not known to be of this one.
    Other,
    /// A release is the build's and its lists are not what it says. apt would not look: the release is the newest.
    Damaged,
}

/// Whether something has to be fetched. All that cannot be read, or is not known, is.
pub(crate) fn look(home: &Home, wish: &Wish<'_>, host: &Host, native: &str) -> Lists {
    let architectures = architectures(host, native);
    let of = |asked: &Asked<'_>| of_release(home, asked, &architectures).unwrap_or(Lists::Other);
    let worst = wish.releases.iter().map(of).max().unwrap_or(Lists::Other);
    let is_believed = fs::read_to_string(home.stamp()).is_ok_and(|stamp| stamp == digest(home));
    if is_believed { worst } else { worst.max(Lists::Other) }
}

/// Throws the lists away, so that apt begins anew.
pub(crate) fn forget(home: &Home) -> io::Result<()> {
    for entry in fs::read_dir(home.lists())? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Notes what the lists were fetched with.
pub(crate) fn stamp(home: &Home) -> io::Result<()> {
    put(&home.stamp(), digest(home).as_bytes())
}

/// Nobody takes what is being fetched for something whole.
pub(crate) fn unstamp(home: &Home) -> io::Result<()> {
    match fs::remove_file(home.stamp()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn digest(home: &Home) -> String {
    hex(&Sha256::digest(&home.fetched_with))
}

fn of_release(home: &Home, asked: &Asked<'_>, architectures: &[String]) -> io::Result<Lists> {
    let Some(expected) = asked.in_release_sha256 else { return Ok(Lists::Other) };
    let stem = asked.list_stem();
    let release = home.lists().join(format!("{stem}_InRelease"));
    if fs::metadata(&release)?.len() > RELEASE_MAX || !sha256(&release)?.eq_ignore_ascii_case(expected) {
        return Ok(Lists::Other);
    }
    let text = fs::read_to_string(&release)?;
    let hashes = hashes(&text);
    // What is for all architectures can have a list of its own, which is apt's to decide.
    let has_own = hashes.keys().any(|name| name.ends_with("/binary-all/Packages"));
    if has_own && !text.contains("\nNo-Support-for-Architecture-all: Packages") {
        return Ok(Lists::Other);
    }
    for component in asked.components {
        for architecture in architectures {
            let list = format!("{component}/binary-{architecture}/Packages");
            // A release that says nothing of the plain form says nothing that could be compared.
            let Some(expected) = hashes.get(list.as_str()) else { return Ok(Lists::Other) };
            let name = list.replace('_', "%5f").replace('~', "%7e").replace('/', "_");
            let found = sha256(&home.lists().join(format!("{stem}_{name}")));
            if !found.is_ok_and(|found| found.eq_ignore_ascii_case(expected)) {
                return Ok(Lists::Damaged);
            }
        }
    }
    Ok(Lists::Here)
}

/// The names of a release's `SHA256` field, and their hashes.
fn hashes(text: &str) -> BTreeMap<&str, &str> {
    let inside =
        text.lines().skip_while(|line| *line != "SHA256:").skip(1).take_while(|line| line.starts_with(' '));
    let parts = inside.filter_map(|line| {
        let mut words = line.split_whitespace();
        let (hash, _, name) = (words.next()?, words.next()?, words.next()?);
        Some((name, hash))
    });
    parts.collect()
}

/// The machine's own architecture and those that it takes packages of, too.
fn architectures(host: &Host, native: &str) -> Vec<String> {
    let file = fs::read_to_string(host.path("/var/lib/dpkg/arch")).unwrap_or_default();
    let mut all: Vec<String> = file.split_whitespace().map(str::to_owned).collect();
    all.push(native.to_owned());
    all.sort_unstable();
    all.dedup();
    all
}
