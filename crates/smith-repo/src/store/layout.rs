//! Which path is what.

use std::path::{Path, PathBuf};

use crate::hash::Sha256;
use crate::name::{BuildNumber, ChannelName, RelPath, UpstreamName};

/// The paths of a store. Nothing here looks whether they exist.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) const FOLDERS: [&'static str; 14] = [
        "objects/sha256",
        "pool",
        "builds",
        "unsigned",
        "archive",
        "channels",
        "views",
        "incoming",
        "partial",
        "trash",
        "leases",
        "state/compressed",
        "state/upstream",
        "keys",
    ];

    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn marker(&self) -> PathBuf {
        self.root.join("smith-store")
    }

    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub fn objects(&self) -> PathBuf {
        self.root.join("objects/sha256")
    }

    /// Every object by its content.
    pub fn object(&self, hash: &Sha256) -> PathBuf {
        self.root.join(Self::object_path(hash))
    }

    /// Where an object lies below the root, on every store alike.
    pub fn object_path(hash: &Sha256) -> String {
        let hex = hash.hex();
        format!("objects/sha256/{}/{}", &hex[..2], &hex[2..])
    }

    pub fn pool(&self, upstream: &UpstreamName) -> PathBuf {
        self.root.join("pool").join(upstream)
    }

    pub fn pool_file(&self, upstream: &UpstreamName, path: &RelPath) -> PathBuf {
        path.below(&self.pool(upstream))
    }

    pub fn builds(&self) -> PathBuf {
        self.root.join("builds")
    }

    pub fn build(&self, number: BuildNumber) -> PathBuf {
        self.builds().join(number.to_string())
    }

    /// Builds that wait for signatures which are made elsewhere.
    pub fn unsigned(&self) -> PathBuf {
        self.root.join("unsigned")
    }

    pub fn unsigned_build(&self, number: BuildNumber) -> PathBuf {
        self.unsigned().join(number.to_string())
    }

    pub fn archive(&self) -> PathBuf {
        self.root.join("archive")
    }

    pub fn archived(&self, number: BuildNumber) -> PathBuf {
        self.archive().join(number.to_string())
    }

    pub fn channels(&self) -> PathBuf {
        self.root.join("channels")
    }

    pub fn channel(&self, name: &ChannelName) -> PathBuf {
        self.channels().join(name)
    }

    pub fn channel_history(&self, name: &ChannelName) -> PathBuf {
        self.channels().join(format!("{name}.json"))
    }

    /// What channels serve: a folder for each move.
    pub fn views(&self) -> PathBuf {
        self.root.join("views")
    }

    pub fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    pub fn partial(&self) -> PathBuf {
        self.root.join("partial")
    }

    pub fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    pub fn leases(&self) -> PathBuf {
        self.root.join("leases")
    }

    pub fn state_of(&self, upstream: &UpstreamName) -> PathBuf {
        self.root.join("state/upstream").join(upstream)
    }

    pub fn compressed(&self) -> PathBuf {
        self.root.join("state/compressed")
    }

    pub fn pins(&self) -> PathBuf {
        self.root.join("state/pins.json")
    }

    /// What servers use, a file for each site.
    pub fn in_use(&self) -> PathBuf {
        self.root.join("state/in-use")
    }

    /// The highest number that was ever given.
    pub fn numbers(&self) -> PathBuf {
        self.root.join("state/numbers")
    }

    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }
}
