//! What a build was made from.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::create::CreateError;
use crate::hash::Sha256;
use crate::manifest::{BuildInfo, BuildState, Change, UpstreamInfo};
use crate::mirror::{Held, HeldError, INFO, INFO_MAX, SIGNATURE, read_some};
use crate::name::BuildNumber;
use crate::pgp::{ClearSigned, KeyFolder, Keyring, Policy, verify_detached};
use crate::store::Store;

/// A Release with its signatures.
const RELEASE_MAX: u64 = 16 << 20;

/// Of one build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provenance {
    pub build: BuildNumber,
    pub state: BuildState,
    pub created_at: Timestamp,
    pub made_by: String,
    /// The builds that it came after, the nearest first, as far as this store knows them.
    pub parents: Vec<BuildNumber>,
    /// The hash of the recipe and of everything else that was decided here.
    pub recipe: Sha256,
    pub manifest: Sha256,
    pub packages: Sha256,
    pub package_count: u64,
    /// Keys that the words about the build name as signers of its indexes.
    pub signed_by: Vec<String>,
    /// Of the words themselves, by the keys that the store exports now.
    pub signature: Signature,
    pub suites: Vec<SuiteProvenance>,
    pub changes: Vec<Change>,
}

/// What the signature of a build's words is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Signature {
    Good { signers: Vec<String>, at: Vec<Timestamp> },
    Waiting,
    NotBelieved { why: String },
}

/// One suite as it was frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuiteProvenance {
    #[serde(flatten)]
    pub suite: UpstreamInfo,
    /// The Release as it came from the upstream, in the folder of the build.
    pub kept_at: PathBuf,
    pub evidence: Evidence,
}

/// Whether the Release that is kept is the one that the build names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    Same,
    Another,
    Missing,
}

/// Where the folder of a build is, live, archived or waiting for its signatures.
pub(super) fn place_of(store: &Store, number: BuildNumber) -> Result<(BuildState, PathBuf), HeldError> {
    let places = [
        (BuildState::Ready, store.build(number)),
        (BuildState::Archived, store.archived(number)),
        (BuildState::Unsigned, store.unsigned_build(number)),
    ];
    places.into_iter().find(|(_, folder)| folder.exists()).ok_or(HeldError::Absent { number })
}

pub fn provenance(store: &Store, number: BuildNumber, now: Timestamp) -> Result<Provenance, CreateError> {
    let (state, folder) = place_of(store, number)?;
    let info = Held::info_in(&folder, number)?;
    let signature = match state {
        BuildState::Unsigned => Signature::Waiting,
        BuildState::Ready | BuildState::Archived => signature_of(store, &folder, now),
    };
    let suites = info.upstreams.iter().map(|suite| suite_of(&folder, suite)).collect();
    Ok(Provenance {
        build: number,
        state,
        created_at: info.created_at,
        made_by: info.made_by.clone(),
        parents: parents(store, &info),
        recipe: info.config,
        manifest: info.manifest,
        packages: info.packages,
        package_count: info.package_count,
        signed_by: info.signed_by,
        signature,
        suites,
        changes: info.changes,
    })
}

fn parents(store: &Store, info: &BuildInfo) -> Vec<BuildNumber> {
    let mut parents: Vec<BuildNumber> = Vec::new();
    let mut next = info.parent;
    // Numbers fall from parent to parent, so this ends also where somebody has written a circle.
    while let Some(number) = next.filter(|number| parents.last().unwrap_or(&info.number) > number) {
        parents.push(number);
        let found = place_of(store, number).and_then(|(_, folder)| Held::info_in(&folder, number));
        next = found.ok().and_then(|info| info.parent);
    }
    parents
}

fn signature_of(store: &Store, folder: &Path, now: Timestamp) -> Signature {
    let verified = || -> Result<Signature, String> {
        let keys = KeyFolder::new(&store.keys()).export().map_err(|error| error.to_string())?;
        let keyring =
            Keyring::parse(&keys).map_err(|_| "the store has no keys to verify it with".to_owned())?;
        let read = |name: &str| read_some(&folder.join(name), INFO_MAX).map_err(|error| error.to_string());
        let signers = verify_detached(&read(INFO)?, &read(SIGNATURE)?, &keyring, &Policy::any(now));
        let signers = signers.map_err(|error| error.to_string())?;
        let at = signers.iter().map(|signer| signer.at).collect();
        let signers = signers.into_iter().map(|signer| signer.fingerprint.to_string()).collect();
        Ok(Signature::Good { signers, at })
    };
    verified().unwrap_or_else(|why| Signature::NotBelieved { why })
}

fn suite_of(folder: &Path, suite: &UpstreamInfo) -> SuiteProvenance {
    let kept = Path::new(suite.name.as_str()).join("provenance").join(suite.suite.as_str().replace('/', "%"));
    let read = |name: &str| read_some(&folder.join(&kept).join(name), RELEASE_MAX).ok();
    let (name, text) = match read("InRelease") {
        Some(message) => ("InRelease", ClearSigned::parse(&message).map(|parsed| parsed.text).ok()),
        None => ("Release", read("Release")),
    };
    let evidence = match text {
        None => Evidence::Missing,
        Some(text) if Sha256::of(&text) == suite.release => Evidence::Same,
        Some(_) => Evidence::Another,
    };
    SuiteProvenance { suite: suite.clone(), kept_at: kept.join(name), evidence }
}
