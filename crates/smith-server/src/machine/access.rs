//! Which mirror a machine takes a build from: one of its own region that has the build, or the default.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use smith_agent::protocol::Patch;
use smith_domain::id::BuildNumber;
use smith_repo::mirror::{Mirror, Place, mirrors};
use smith_repo::name::BuildNumber as RepoNumber;
use smith_repo::store::Store;

use super::job::{BuildAccess, NoBuild, Wanted};
use super::source::patch_of_build;

/// The name of the address for machines that no mirror of their region serves.
const DEFAULT: &str = "default";

/// Builds of a site, as its store and its mirrors have them.
#[derive(Debug)]
pub struct StoreAccess {
    store: PathBuf,
    /// Addresses by the names of mirrors, and `default`.
    addresses: BTreeMap<String, String>,
    /// What is said to machines of a build at an address never changes: it is read once.
    known: Mutex<HashMap<(BuildNumber, String), Patch>>,
}

/// Builds at addresses that are remembered. A rollout has one build and a mirror for each region.
const KNOWN_MAX: usize = 1_000;

impl StoreAccess {
    pub fn new(store: PathBuf, addresses: BTreeMap<String, String>) -> Self {
        Self { store, addresses, known: Mutex::default() }
    }

    /// The address for a machine of a region, or why there is none.
    fn address(&self, store: &Store, region: Option<&str>, build: RepoNumber) -> Result<String, String> {
        let all = mirrors(store).map_err(|error| error.to_string())?;
        let mut lacking = Vec::new();
        for mirror in all.iter().filter(|mirror| Some(mirror.region.as_str()) == region) {
            let Some(address) = self.addresses.get(mirror.name.as_str()) else { continue };
            if holds(mirror, build) {
                return Ok(address.clone());
            }
            lacking.push(mirror.name.to_string());
        }
        if !lacking.is_empty() {
            // The default may be on another continent; a region that has mirrors is served by them or not at all.
            return Err(format!("{} has not got it, expected it to be synced there", lacking.join(", ")));
        }
        self.addresses.get(DEFAULT).cloned().ok_or_else(|| {
            let region = region.unwrap_or("no region");
            format!("expected a mirror of {region} with an address in the settings, or a default, found none")
        })
    }
}

/// Whether a mirror has a build, as far as that can be seen from here.
fn holds(mirror: &Mirror, build: RepoNumber) -> bool {
    match &mirror.place {
        Place::Directory { path } => path.join("builds").join(build.to_string()).is_dir(),
        // A bucket is asked by the machine itself, which says what it found.
        Place::S3(_) => true,
    }
}

impl BuildAccess for StoreAccess {
    fn patch_for(&self, wanted: &Wanted, build: BuildNumber) -> Result<Patch, NoBuild> {
        let failed = |why: String| NoBuild { build, machine: wanted.machine.clone(), why };
        let number = RepoNumber(build.0);
        let store = Store::open(&self.store).map_err(|error| failed(error.to_string()))?;
        let address = self.address(&store, wanted.region.as_deref(), number).map_err(failed)?;
        let key = (build, address);
        // Nobody waits for a disk behind this lock: what two read at the same time is the same.
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(patch) = known {
            return Ok(patch);
        }
        let patch = patch_of_build(&store, number, &key.1).map_err(|error| failed(error.to_string()))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(key, patch.clone());
        Ok(patch)
    }
}

/// A site without a store has no builds for machines.
#[derive(Debug, Clone, Copy)]
pub struct NoStore;

impl BuildAccess for NoStore {
    fn patch_for(&self, wanted: &Wanted, build: BuildNumber) -> Result<Patch, NoBuild> {
        let machine = wanted.machine.clone();
        Err(NoBuild { build, machine, why: "expected a `store` in the settings, found none".to_owned() })
    }
}
