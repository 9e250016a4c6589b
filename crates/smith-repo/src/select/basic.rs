//! The packages of a minimal system.

use std::collections::BTreeSet;

use crate::deb822::PackageRecord;
use crate::select::closure::Names;
use crate::select::{Candidate, Choice};
use crate::upstream::Closure;

/// The names of all packages of priority required and important, and of what they need.
pub(crate) fn basic<'a>(records: impl Iterator<Item = &'a PackageRecord<'a>>) -> BTreeSet<String> {
    let candidates: Vec<Candidate<'a>> = records
        .map(|record| Candidate {
            name: record.package,
            version: record.version.as_str(),
            arch: record.architecture,
            sha256: record.sha256,
            section: record.section.unwrap_or_default(),
            priority: record.priority.unwrap_or_default(),
            source: record.source_name(),
            pre_depends: record.pre_depends.unwrap_or_default(),
            depends: record.depends.unwrap_or_default(),
            recommends: "",
            provides: record.provides.unwrap_or_default(),
            upstream: 0,
            distribution: "",
            index: 0,
            from: Choice::Upstream,
        })
        .collect();
    let is_basic = |one: &&Candidate<'_>| matches!(one.priority, "required" | "important");
    let roots = candidates.iter().filter(is_basic).map(|one| one.name).collect();
    let names = Names::of(candidates.iter()).close(roots, Closure::Depends);
    names.into_iter().map(str::to_owned).collect()
}
