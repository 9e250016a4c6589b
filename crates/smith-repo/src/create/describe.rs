//! What is said of a build and of its packages.

use std::collections::BTreeMap;

use crate::create::CreateError;
use crate::create::gather::{Frozen, Source, stem};
use crate::create::run::{Chosen, Local, Run, Signing};
use crate::deb822::{Lines, PackageRecord, Stanzas};
use crate::fetch::without_password;
use crate::hash::Sha256;
use crate::manifest::{Before, BuildInfo, Change, Listed, Origin, PackageLine, PackedList, UpstreamInfo};
use crate::mirror::{Held, packages_text};
use crate::name::BuildNumber;
use crate::select::Choice;

impl Run<'_> {
    /// The list of the build's packages, packed.
    pub(super) fn packages(
        &self,
        frozen: &[Frozen],
        sources: &[Source],
        chosen: &[Chosen<'_>],
        locals: &[Local<'_>],
        parent: Option<&Held>,
    ) -> Result<PackedList, CreateError> {
        let stems: Vec<String> = sources.iter().map(|source| stem(source.part.as_ref())).collect();
        let lines: Vec<(Lines<'_>, Lines<'_>)> =
            sources.iter().map(|source| (Lines::of(&source.text), Lines::of(&source.before))).collect();
        let mut packages = Vec::with_capacity(chosen.len());
        for one in chosen {
            let source = &sources[one.source];
            let (now, before) = &lines[one.source];
            // Both texts are whole indexes, so the lines are those of the index.
            let listed = match one.from {
                Choice::Upstream => {
                    Listed { index: source.path.as_str(), line: now.line(&one.record.stanza), build: None }
                }
                Choice::BuildBefore => Listed {
                    index: stems[one.source].as_str(),
                    line: before.line(&one.record.stanza),
                    build: parent.map(|parent| parent.info.number),
                },
            };
            let origin = Origin {
                upstream: self.recipe.upstreams[source.upstream].name.clone(),
                suite: frozen[source.suite].suite.as_str(),
                component: source.part.as_ref().map_or("", |(component, _)| component.as_str()),
            };
            packages.push(line(one.record, origin, one.path.as_str(), Some(listed)));
        }
        for local in locals {
            for deb in &local.debs {
                let failed = |error: String| CreateError::Folder {
                    path: deb.path.clone(),
                    source: std::io::Error::other(error),
                };
                for stanza in Stanzas::new(&deb.stanza).flatten() {
                    let record = PackageRecord::read(&stanza).map_err(|error| failed(error.to_string()))?;
                    let origin = Origin {
                        upstream: local.folder.name.clone(),
                        suite: local.folder.suite.as_str(),
                        component: local.folder.component.as_str(),
                    };
                    let path = deb.filename.as_str();
                    let path = path.strip_prefix("pool/").unwrap_or(path);
                    packages.push(line(&record, origin, path, None));
                }
            }
        }
        // Without the parent's list there is no difference to it, and mirrors take the whole.
        let before = parent.and_then(|parent| {
            let packed = packages_text(self.store, parent.info.number).ok()?;
            Before::read(&packed, parent.info.packages).ok()
        });
        PackedList::of(packages, before.as_ref()).map_err(CreateError::Pack)
    }

    /// What is said of the build, but for what its lists say.
    pub(super) fn info(
        &self,
        number: BuildNumber,
        parent: Option<&Held>,
        config: Sha256,
        frozen: &[Frozen],
        (changes, notes): (&[Change], &[String]),
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
            notes: notes.to_vec(),
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

/// What the record says, and where it is from.
fn line<'a>(
    record: &PackageRecord<'a>,
    origin: Origin<&'a str>,
    path: &'a str,
    listed: Option<Listed<&'a str>>,
) -> PackageLine<'a> {
    PackageLine {
        name: record.package,
        arch: record.architecture,
        version: record.version.as_str(),
        origin,
        sha256: record.sha256,
        size: record.size,
        path,
        source: record.source,
        source_version: record.source_version,
        section: record.section,
        listed,
    }
}
