//! Which crate may depend on which. A crate exists because it forbids a dependency, so the table is the architecture.

use super::report::Report;
use crate::metadata::{Kind, Metadata, Package};

/// A crate of the workspace and those of ours that it may depend on, in what it ships and in how it is built.
/// Tests may take what they need.
const TABLE: [(&str, &[&str]); 11] = [
    ("smith-domain", &[]),
    ("smith-journal", &["smith-domain"]),
    ("smith-repo", &[]),
    ("smith-patchfile", &[]),
    ("smith-agent", &[]),
    ("smith-api", &[]),
    (
        "smith-server",
        &["smith-domain", "smith-journal", "smith-repo", "smith-patchfile", "smith-agent", "smith-api"],
    ),
    // The domain for plans made without a server, the simulator for `smith rollout simulate`, the lab for `smith lab`, the agent
    // for the protocol that people ask it in.
    (
        "smith",
        &[
            "smith-agent",
            "smith-api",
            "smith-lab",
            "smith-server",
            "smith-repo",
            "smith-journal",
            "smith-sim",
            "smith-domain",
        ],
    ),
    ("smith-sim", &["smith-domain", "smith-journal", "smith-server"]),
    ("smith-lab", &["smith-agent"]),
    ("xtask", &[]),
];

pub(crate) fn check(metadata: &Metadata, report: &mut Report) {
    for package in &metadata.packages {
        let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == package.name) else {
            let known: Vec<&str> = TABLE.iter().map(|(name, _)| *name).collect();
            let message = format!("expected a crate of the table ({}), found another", known.join(", "));
            report.find(&package.name, 0, message);
            continue;
        };
        check_package(metadata, package, allowed, report);
    }
}

fn check_package(metadata: &Metadata, package: &Package, allowed: &[&str], report: &mut Report) {
    for dependency in &package.dependencies {
        let is_tests_only = dependency.kind == Kind::Dev;
        if is_tests_only || !metadata.has_package(&dependency.name) {
            continue;
        }
        if !allowed.contains(&dependency.name.as_str()) {
            let allowed = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
            let found = &dependency.name;
            let message = format!("expected dependencies of ours among {allowed}, found {found}");
            report.find(&package.name, 0, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn findings(packages: &[(&str, &[(&str, Kind)])]) -> Vec<String> {
        let package = |&(name, dependencies): &(&str, &[(&str, Kind)])| Package {
            name: name.to_owned(),
            dependencies: dependencies
                .iter()
                .map(|&(name, kind)| Dependency { name: name.to_owned(), kind })
                .collect(),
        };
        let packages = packages.iter().map(package).collect();
        let mut report = Report::default();
        check(&Metadata { target_directory: "t".into(), packages }, &mut report);
        report.findings().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_table_is_kept() {
        let journal = ("smith-journal", &[("smith-domain", Kind::Normal), ("serde", Kind::Normal)] as &[_]);
        assert_eq!(findings(&[journal, ("smith-domain", &[])]), Vec::<String>::new());
    }

    #[test]
    fn the_domain_depends_on_nothing_of_ours_to_run_or_to_build() {
        for kind in [Kind::Normal, Kind::Build] {
            assert_eq!(
                findings(&[("smith-domain", &[("smith-journal", kind)]), ("smith-journal", &[])]),
                ["smith-domain: expected dependencies of ours among none, found smith-journal"]
            );
        }
        let tests_only = [("smith-domain", &[("smith-sim", Kind::Dev)] as &[_]), ("smith-sim", &[])];
        assert_eq!(findings(&tests_only), Vec::<String>::new());
    }

    #[test]
    fn an_unknown_crate_is_found() {
        let found = findings(&[("smith-common", &[])]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("smith-common: expected a crate of the table (smith-domain,"),
            "{found:?}"
        );
    }

    #[test]
    fn every_crate_in_a_row_has_a_row() {
        let names: Vec<&str> = TABLE.iter().map(|(name, _)| *name).collect();
        assert!(TABLE.iter().flat_map(|(_, allowed)| allowed.iter()).all(|name| names.contains(name)));
    }
}
