//! What is said of a build and of its packages.

use std::collections::BTreeMap;

use crate::create::CreateError;
use crate::create::gather::{Frozen, Source, stem};
use crate::create::run::{Chosen, Local, Run, Signing};
use crate::deb822::{Lines, PackageRecord, Stanzas};
use crate::fetch::without_password;
use crate::hash::Sha256;
use crate::manifest::{BuildInfo, Change, Listed, Origin, PackageEntry, UpstreamInfo};
use crate::mirror::Held;
use crate::name::{BuildNumber, RelPath};
use crate::select::Choice;

impl Run<'_> {
    pub(super) fn packages(
        &self,
        frozen: &[Frozen],
        sources: &[Source],
        chosen: &[Chosen<'_>],
        locals: &[Local<'_>],
        parent: Option<&Held>,
    ) -> Result<Vec<PackageEntry>, CreateError> {
        let mut packages = Vec::with_capacity(chosen.len());
        let lines: Vec<(Lines<'_>, Lines<'_>)> =
            sources.iter().map(|source| (Lines::of(&source.text), Lines::of(&source.before))).collect();
        for one in chosen {
            let source = &sources[one.source];
            let component = source.part.as_ref().map(|(component, _)| component.to_string());
            let origin = Origin {
                upstream: self.recipe.upstreams[source.upstream].name.clone(),
                suite: frozen[source.suite].suite.to_string(),
                component: component.unwrap_or_default(),
            };
            let listed = listed(one, source, &lines[one.source], parent);
            packages
                .push(PackageEntry { listed: Some(listed), ..entry(one.record, origin, one.path.clone()) });
        }
        for local in locals {
            for deb in &local.debs {
                let failed = |error: String| CreateError::Folder {
                    path: deb.path.clone(),
                    source: std::io::Error::other(error),
                };
                for stanza in Stanzas::new(&deb.stanza).flatten() {
                    let record = PackageRecord::read(&stanza).map_err(|error| failed(error.to_string()))?;
                    let path = deb.filename.as_str().strip_prefix("pool/").unwrap_or(deb.filename.as_str());
                    let origin = Origin {
                        upstream: local.folder.name.clone(),
                        suite: local.folder.suite.to_string(),
                        component: local.folder.component.to_string(),
                    };
                    packages.push(entry(&record, origin, RelPath::new(path)?));
                }
            }
        }
        Ok(packages)
    }

    /// What is said of the build, but for what its lists say.
    pub(super) fn info(
        &self,
        number: BuildNumber,
        parent: Option<&Held>,
        config: Sha256,
        frozen: &[Frozen],
        changes: &[Change],
    ) -> BuildInfo {
        let upstream = |one: &Frozen| UpstreamInfo {
            name: self.recipe.upstreams[one.upstream].name.clone(),
            suite: one.suite.clone(),
            uri: without_password(&one.believed.uri),
            uris: self.addresses(one.upstream, parent).iter().map(|uri| without_password(uri)).collect(),
            release: one.believed.hash,
            date: one.believed.release.date,
            valid_until: one.believed.release.valid_until,
            signers: one.believed.signers.iter().map(|signer| signer.fingerprint.to_string()).collect(),
            indexes: one.indexes.iter().cloned().collect(),
            absent: one.absent.clone(),
        };
        BuildInfo {
            format: BuildInfo::FORMAT,
            number,
            parent: parent.map(|held| held.info.number),
            created_at: self.now,
            made_by: self.made_by.to_owned(),
            config,
            upstreams: frozen.iter().map(upstream).collect(),
            changes: changes.to_vec(),
            manifest: Sha256::of(b""),
            packages: Sha256::of(b""),
            package_count: 0,
            file_count: 0,
            bytes: 0,
            signed_by: match self.manner.signing {
                Signing::Here => self.signer.fingerprints().iter().map(ToString::to_string).collect(),
                Signing::Elsewhere => Vec::new(),
            },
            lazy_count: 0,
            signed_apart: BTreeMap::new(),
        }
    }
}

/// Where a package was found. Both texts are whole indexes, so the lines are those of the index.
fn listed(
    one: &Chosen<'_>,
    source: &Source,
    (now, before): &(Lines<'_>, Lines<'_>),
    parent: Option<&Held>,
) -> Listed {
    match one.from {
        Choice::Upstream => {
            let line = now.line(&one.record.stanza);
            Listed { index: source.path.clone(), line, build: None }
        }
        Choice::BuildBefore => {
            let line = before.line(&one.record.stanza);
            let build = parent.map(|parent| parent.info.number);
            Listed { index: stem(source.part.as_ref()), line, build }
        }
    }
}

fn entry(record: &PackageRecord<'_>, origin: Origin, path: RelPath) -> PackageEntry {
    PackageEntry {
        name: record.package.to_owned(),
        arch: record.architecture.to_owned(),
        version: record.version.as_str().to_owned(),
        origin,
        sha256: record.sha256,
        size: record.size,
        path,
        source: record.source.map(str::to_owned),
        source_version: record.source_version.map(str::to_owned),
        section: record.section.map(str::to_owned),
        listed: None,
    }
}
