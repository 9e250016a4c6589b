//! What a repair would come to, counted as the repair itself counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;

use serde::Serialize;

use crate::channel;
use crate::hash::Sha256;
use crate::mirror::Held;
use crate::mirror::repair::{Supply, hurt, inode, outlived};
use crate::mirror::verify::{Findings, pool_links, relative};
use crate::store::{Layout, Store, StoreError};
use crate::words::counted;

/// What a repair does, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RepairPlan {
    /// Objects that are fetched, and their bytes.
    pub fetch: u64,
    pub fetch_bytes: u64,
    /// Names that are missing or wrong and are made anew.
    pub names: u64,
    /// Channels whose views are made anew.
    pub channels: u64,
    /// What is put away into the trash.
    pub put_away: u64,
}

impl fmt::Display for RepairPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (objects, bytes) = (counted(self.fetch, "object"), self.fetch_bytes);
        let (names, channels) = (counted(self.names, "name"), counted(self.channels, "channel"));
        let away = counted(self.put_away, "file");
        write!(
            f,
            "{objects} ({bytes} bytes) fetched again, {names} and {channels} made anew, {away} put away"
        )
    }
}

/// What a repair would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Planned {
    pub plan: RepairPlan,
    /// What would be put away, by its path below the store.
    pub away: Vec<String>,
}

/// Where an object will be.
enum Will {
    Come,
    /// It is this file already, under one of its names.
    Be(u64),
}

/// Changes nothing.
pub fn plan_repair(store: &Store, findings: &Findings, supply: Supply<'_>) -> Result<Planned, StoreError> {
    let mut planned = Planned::default();
    if findings.is_sound() {
        return Ok(planned);
    }
    let will = planned.objects(store, findings);
    planned.names(store, findings, &will)?;
    let away: BTreeSet<String> = planned.away.iter().map(|path| format!("{path}/")).collect();
    let is_alone = |path: &&String| !away.iter().any(|folder| path.starts_with(folder));
    planned.away.extend(findings.foreign.iter().filter(is_alone).cloned());
    let seek = |path: &str| supply.seek(path);
    for name in channel::names(store)? {
        let can = hurt(store, &name).is_ok_and(|hurt| hurt) && channel::can_mend(store, &name, &seek).is_ok();
        planned.plan.channels += u64::from(can);
    }
    planned.plan.put_away = planned.away.len() as u64;
    Ok(planned)
}

impl Planned {
    fn objects(&mut self, store: &Store, findings: &Findings) -> BTreeMap<Sha256, Will> {
        let mut lost: BTreeMap<Sha256, u64> = BTreeMap::new();
        for one in findings.missing.iter().filter(|one| one.path == Layout::object_path(&one.hash)) {
            lost.insert(one.hash, one.size);
        }
        for one in &findings.damaged {
            let object = Layout::object_path(&one.hash);
            if one.paths.contains(&object) {
                lost.insert(one.hash, one.size);
                self.away.push(object);
            }
        }
        let mut will = BTreeMap::new();
        for (hash, size) in lost {
            let there = outlived(store, findings, &hash).and_then(|name| inode(&name));
            if there.is_none() {
                self.plan.fetch += 1;
                self.plan.fetch_bytes += size;
            }
            will.insert(hash, there.map_or(Will::Come, Will::Be));
        }
        will
    }

    fn names(
        &mut self,
        store: &Store,
        findings: &Findings,
        will: &BTreeMap<Sha256, Will>,
    ) -> Result<(), StoreError> {
        let mut hashes: BTreeSet<Sha256> = findings.damaged.iter().map(|one| one.hash).collect();
        hashes.extend(findings.missing.iter().map(|one| one.hash));
        let loose: BTreeSet<&String> = findings.links.iter().map(|one| &one.path).collect();
        let mut seen = BTreeSet::new();
        for number in store.builds_present()? {
            let Ok(held) = Held::read(store, number) else { continue };
            for file in held.manifest.files() {
                let name = file.below(store, number);
                let path = relative(store, &name);
                if !(hashes.contains(&file.hash) || loose.contains(&path)) || !seen.insert(path.clone()) {
                    continue;
                }
                let leads = match will.get(&file.hash) {
                    Some(Will::Come) => true,
                    Some(Will::Be(file)) => inode(&name) != Some(*file),
                    None => {
                        inode(&store.object(&file.hash)).is_some_and(|object| inode(&name) != Some(object))
                    }
                };
                self.plan.names += u64::from(leads);
                if leads && fs::symlink_metadata(&name).is_ok_and(|metadata| !metadata.is_file()) {
                    self.away.push(path);
                }
            }
            for link in pool_links(&held).into_keys() {
                let path = store.build(number).join(link);
                if loose.contains(&relative(store, &path)) {
                    self.plan.names += 1;
                    self.away.extend(fs::symlink_metadata(&path).is_ok().then(|| relative(store, &path)));
                }
            }
        }
        Ok(())
    }
}
