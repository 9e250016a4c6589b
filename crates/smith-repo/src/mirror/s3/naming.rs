//! Which key is what.
//!
//! A bucket has no links, so the packages of an upstream lie beside its `dists` once, and every build and channel is a folder
//! within the folder of each suite: `debian/dists/bookworm/725/…`, `debian/dists/bookworm/prod/…`. apt takes `bookworm/725`
//! for a suite and checks that its Release is of `bookworm`.

use std::collections::BTreeSet;

use crate::manifest::{Area, FileEntry, Manifest};
use crate::name::{BuildNumber, ChannelName};

/// The first key that is written: who finds it knows that names are those of a bucket.
pub(crate) const MARKER: &str = "smith-bucket";

pub(crate) const FORMAT: &str = "smith bucket 1\n";

/// What makes a folder a suite.
const RELEASE: &str = "InRelease";

/// The keys of a build's files.
#[derive(Debug, Clone)]
pub(crate) struct Naming {
    build: BuildNumber,
    /// Folders of suites as a build has them: `debian/dists/bookworm`.
    suites: BTreeSet<String>,
    upstreams: BTreeSet<String>,
}

impl Naming {
    pub(crate) fn of(build: BuildNumber, manifest: &Manifest) -> Self {
        let (mut suites, mut upstreams) = (BTreeSet::new(), BTreeSet::new());
        for file in manifest.files() {
            let path = file.path.as_str();
            upstreams.extend(path.split_once('/').map(|(upstream, _)| upstream.to_owned()));
            if file.area == Area::Tree
                && let Some((suite, RELEASE)) = path.rsplit_once('/')
                && !is_provenance(path)
            {
                suites.insert(suite.to_owned());
            }
        }
        Self { build, suites, upstreams }
    }

    pub(crate) fn key(&self, file: &FileEntry) -> String {
        let path = file.path.as_str();
        match file.area {
            Area::Tree => {
                let own = || format!("builds/{}/{path}", self.build);
                self.in_suite(path, &self.build.to_string()).unwrap_or_else(own)
            }
            Area::Pool => match path.split_once('/') {
                Some((upstream, rest)) => format!("{upstream}/pool/{rest}"),
                // Builds have no such file; if one had, it would be nobody else's.
                None => format!("builds/{}/{path}", self.build),
            },
        }
    }

    /// Where a channel has its copy of a file of the tree; none of what apt does not ask for.
    pub(super) fn of_channel(&self, channel: &ChannelName, path: &str) -> Option<String> {
        self.in_suite(path, channel.as_str())
    }

    fn in_suite(&self, path: &str, name: &str) -> Option<String> {
        if is_provenance(path) {
            return None;
        }
        let ends = path.rmatch_indices('/').map(|(at, _)| at);
        let (suite, rest) =
            ends.map(|at| (&path[..at], &path[at + 1..])).find(|(suite, _)| self.suites.contains(*suite))?;
        Some(format!("{suite}/{name}/{rest}"))
    }

    /// Folders in which only this build has something.
    pub(super) fn own(&self) -> Vec<String> {
        let build = self.build;
        let suites = self.suites.iter().map(|suite| format!("{suite}/{build}/"));
        suites.chain([format!("builds/{build}/")]).collect()
    }

    /// Folders that it shares with other builds.
    pub(super) fn pools(&self) -> Vec<String> {
        self.upstreams.iter().map(|upstream| format!("{upstream}/pool/")).collect()
    }

    pub(super) fn suites(&self) -> impl Iterator<Item = &String> {
        self.suites.iter()
    }
}

/// The Releases of the upstreams as they were, which are not suites of ours.
fn is_provenance(path: &str) -> bool {
    path.split('/').nth(1) == Some("provenance")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Sha256;
    use crate::name::RelPath;

    fn file(area: Area, path: &str) -> FileEntry {
        FileEntry { area, path: RelPath::new(path).expect("a path"), hash: Sha256::of(b""), size: 0 }
    }

    #[test]
    fn a_build_and_a_channel_are_folders_of_each_suite() {
        let files = [
            file(Area::Tree, "debian/dists/stable/InRelease"),
            file(Area::Tree, "debian/dists/stable/updates/InRelease"),
            file(Area::Tree, "own/InRelease"),
            file(Area::Tree, "own/provenance/.%/InRelease"),
            file(Area::Pool, "debian/main/x.deb"),
        ];
        let naming = Naming::of(BuildNumber(7), &Manifest::new(files.to_vec()).expect("a manifest"));
        let key = |area, path| naming.key(&file(area, path));
        for (area, path, expected) in [
            (Area::Tree, "debian/dists/stable/main/Packages", "debian/dists/stable/7/main/Packages"),
            (Area::Tree, "debian/dists/stable/updates/InRelease", "debian/dists/stable/updates/7/InRelease"),
            (Area::Tree, "own/Packages.gz", "own/7/Packages.gz"),
            (Area::Tree, "own/provenance/.%/InRelease", "builds/7/own/provenance/.%/InRelease"),
            (Area::Tree, "debian/README", "builds/7/debian/README"),
            (Area::Pool, "debian/main/x.deb", "debian/pool/main/x.deb"),
        ] {
            assert_eq!(key(area, path), expected);
        }
        let prod = ChannelName::new("prod").expect("a name");
        let copy = |path| naming.of_channel(&prod, path);
        let expected = Some("debian/dists/stable/prod/InRelease".to_owned());
        assert_eq!(copy("debian/dists/stable/InRelease"), expected);
        assert_eq!(copy("own/provenance/.%/InRelease"), None);
        assert_eq!(naming.pools(), ["debian/pool/", "own/pool/"]);
        assert!(naming.own().contains(&"debian/dists/stable/7/".to_owned()));
    }
}
