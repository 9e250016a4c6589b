//! Many package files at once, on all cores.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::hash::Sha256;
use crate::ingest::{DebError, Destination, LocalDeb};
use crate::name::{PartName, RelPath};

/// Reading is bound by the hash and then by the disk; more threads than this only compete.
const THREADS_MAX: usize = 16;

/// A folder in a folder in a folder; a loop of links would never end.
const DEPTH_MAX: usize = 16;

/// What became of the files.
#[derive(Debug, Default)]
pub struct Ingested {
    /// Sorted by where they are to lie; a file that is there twice is named once.
    pub debs: Vec<LocalDeb>,
    /// In the order in which they were given.
    pub refused: Vec<Refused>,
}

/// A file that cannot be published, and why.
#[derive(Debug)]
pub struct Refused {
    pub path: PathBuf,
    pub error: DebError,
}

/// All `.deb` files below a folder, sorted. Links to folders are not followed.
pub fn find_debs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if depth < DEPTH_MAX {
                    folders.push((path, depth + 1));
                }
            } else if path.extension().is_some_and(|extension| extension == "deb") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads all these files. Two different files for one package in one version are refused: nobody could say which is meant.
pub fn ingest(paths: &[PathBuf], component: &PartName, destination: Destination<'_>) -> Ingested {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(number) else { return done };
            done.push((number, LocalDeb::read(path, component, destination)));
        }
    };
    let threads =
        thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX).min(paths.len().max(1));
    let mut done: Vec<(usize, Result<LocalDeb, DebError>)> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    });
    done.sort_by_key(|(number, _)| *number);
    sort_out(paths, done)
}

fn sort_out(paths: &[PathBuf], done: Vec<(usize, Result<LocalDeb, DebError>)>) -> Ingested {
    let mut ingested = Ingested::default();
    let mut hashes: BTreeMap<RelPath, Sha256> = BTreeMap::new();
    for (number, deb) in done {
        let deb = deb.and_then(|deb| match hashes.get(&deb.filename) {
            Some(other) if *other == deb.sha256 => Ok(None),
            Some(other) => {
                let name = deb.filename.file_name().to_owned();
                Err(DebError::Twice { name, hash: deb.sha256, other: *other })
            }
            None => Ok(Some(deb)),
        });
        match deb {
            Ok(Some(deb)) => {
                hashes.insert(deb.filename.clone(), deb.sha256);
                ingested.debs.push(deb);
            }
            Ok(None) => {}
            Err(error) => ingested.refused.push(Refused { path: paths[number].clone(), error }),
        }
    }
    ingested.debs.sort_by(|one, other| one.filename.cmp(&other.filename));
    ingested
}

#[cfg(test)]
mod tests;
