//! Builds out of a bucket, and what only they referred to.
//!
//! Mark and sweep: what the builds that stay and the channels refer to stays, and of the rest what has the form of a thing of
//! ours goes. So a purge that was killed is finished by the next one, and what a killed push left goes too. Whoever calls
//! this sees to it that nobody pushes at the same time.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::manifest::Area;
use crate::mirror::Mode;
use crate::mirror::held::INFO;
use crate::mirror::s3::channel::{Phase, Pointer};
use crate::mirror::s3::naming::Naming;
use crate::mirror::s3::{S3, S3Error};
use crate::name::{BuildNumber, ChannelName};
use crate::retention::{Keep, Roots};

/// Which builds shall go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    These(Vec<BuildNumber>),
    /// All that are not among these.
    AllBut(Vec<BuildNumber>),
}

impl Wanted {
    pub(crate) fn of(&self, held: &[BuildNumber]) -> Vec<BuildNumber> {
        let takes = |build: &BuildNumber| match self {
            Self::These(builds) => builds.contains(build),
            Self::AllBut(builds) => !builds.contains(build),
        };
        held.iter().copied().filter(takes).collect()
    }
}

/// What went, or would go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BucketPurge {
    pub builds: Vec<BuildNumber>,
    /// Builds that were wished away and stay.
    pub kept: BTreeMap<BuildNumber, Vec<Keep>>,
    pub keys: u64,
    pub bytes: u64,
}

impl S3 {
    pub fn purge(&self, wanted: &Wanted, roots: &Roots, mode: Mode) -> Result<BucketPurge, S3Error> {
        let (held, channels) = (self.builds()?, self.channels()?);
        let reasons = reasons(&held, &channels, roots);
        let mut purge = BucketPurge::default();
        for build in wanted.of(&held) {
            match reasons.get(&build) {
                Some(why) => drop(purge.kept.insert(build, why.clone())),
                None => purge.builds.push(build),
            }
        }
        let staying = held.iter().filter(|build| !purge.builds.contains(build));
        let living = self.living(staying.copied().collect(), &purge.builds, &channels)?;
        let there = self.list("")?;
        let dead: Vec<String> = there.keys().filter(|key| !living.keeps(key)).cloned().collect();
        purge.keys = dead.len() as u64;
        purge.bytes = dead.iter().filter_map(|key| there.get(key)).sum();
        if mode == Mode::DryRun || dead.is_empty() {
            return Ok(purge);
        }
        // First they are no builds any more, then nobody is sent to them, then their files go.
        for build in &purge.builds {
            self.delete(&format!("builds/{build}/{INFO}"))?;
        }
        self.write_index()?;
        self.delete_all(&dead)?;
        Ok(purge)
    }

    fn living(
        &self,
        staying: Vec<BuildNumber>,
        going: &[BuildNumber],
        channels: &BTreeMap<ChannelName, Pointer>,
    ) -> Result<Living, S3Error> {
        let mut living = Living { channels: channels.clone(), ..Living::default() };
        for build in &staying {
            let manifest = self.manifest(*build)?;
            let naming = Naming::of(*build, &manifest);
            living.know(&naming);
            for file in manifest.files() {
                living.keys.insert(naming.key(file));
                if file.area == Area::Tree {
                    living.take_tree(&naming, *build, file.path.as_str());
                }
            }
        }
        for build in going {
            // One whose files cannot be read is no reason to keep it; what it alone knew of stays.
            if let Ok(manifest) = self.manifest(*build) {
                living.know(&Naming::of(*build, &manifest));
            }
        }
        living.builds = staying.into_iter().collect();
        Ok(living)
    }
}

fn reasons(
    held: &[BuildNumber],
    channels: &BTreeMap<ChannelName, Pointer>,
    roots: &Roots,
) -> BTreeMap<BuildNumber, Vec<Keep>> {
    let mut kept: BTreeMap<BuildNumber, Vec<Keep>> = BTreeMap::new();
    let mut keep = |build: BuildNumber, why: Keep| kept.entry(build).or_default().push(why);
    for (channel, pointer) in channels {
        keep(pointer.to, Keep::Channel { channel: channel.clone() });
        let back: BTreeSet<BuildNumber> = pointer.from.into_iter().chain(pointer.previous()).collect();
        for from in back.into_iter().filter(|from| *from != pointer.to) {
            keep(from, Keep::WayBack { channel: channel.clone() });
        }
    }
    for (build, machines) in &roots.recorded {
        keep(*build, Keep::Recorded { machines: *machines });
    }
    for build in &roots.rolling {
        keep(*build, Keep::Rolling);
    }
    for (build, why) in &roots.in_use {
        keep(*build, why.clone());
    }
    if let Some(newest) = held.last() {
        keep(*newest, Keep::Newest);
    }
    kept
}

/// What must stay, and what has the form of a thing of ours.
#[derive(Debug, Default)]
struct Living {
    builds: BTreeSet<BuildNumber>,
    keys: BTreeSet<String>,
    channels: BTreeMap<ChannelName, Pointer>,
    /// Folders of suites with a slash at the end, of all builds that are known.
    suites: BTreeSet<String>,
    pools: BTreeSet<String>,
}

impl Living {
    fn know(&mut self, naming: &Naming) {
        self.suites.extend(naming.suites().map(|suite| format!("{suite}/")));
        self.pools.extend(naming.pools());
    }

    /// A channel has the tree of its build, and of all builds the indexes that a client may still ask for by hash.
    fn take_tree(&mut self, naming: &Naming, build: BuildNumber, path: &str) {
        for (name, pointer) in &self.channels {
            if pointer.to == build || path.contains("/by-hash/") {
                self.keys.extend(naming.of_channel(name, path));
            }
        }
    }

    fn keeps(&self, key: &str) -> bool {
        if self.keys.contains(key) {
            return true;
        }
        if let Some((number, _)) = key.strip_prefix("builds/").and_then(|rest| rest.split_once('/')) {
            return number.parse().map_or(true, |build| self.builds.contains(&build));
        }
        if self.pools.iter().any(|pool| key.starts_with(pool.as_str())) {
            return false;
        }
        // A suite can lie within another; the innermost says whose the next folder is.
        let ends = key.rmatch_indices('/').map(|(at, _)| at + 1);
        let suite = ends.map(|at| key.split_at(at)).find(|(suite, _)| self.suites.contains(*suite));
        match suite.and_then(|(_, rest)| rest.split_once('/')) {
            Some((name, _)) => self.keeps_folder(name),
            None => true,
        }
    }

    /// A file in the folder of this name, of a suite, that nothing refers to.
    fn keeps_folder(&self, name: &str) -> bool {
        if let Ok(build) = name.parse::<BuildNumber>() {
            // What is foreign in a build is for a verification to find.
            return self.builds.contains(&build);
        }
        match ChannelName::new(name).ok().and_then(|name| self.channels.get(&name)) {
            Some(pointer) => pointer.phase == Phase::Moving,
            None => true,
        }
    }
}
