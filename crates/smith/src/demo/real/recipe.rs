//! The recipes: what this computer's own apt sources name, cut to what the machines have installed; once as the release came
//! out, and once with everything that was fixed since.

use std::path::Path;

use smith_repo::name::PartName;
use smith_repo::upstream::{Closure, Machine, Upstream};
use smith_server::config::recipe::written;

use crate::failure::{Exit, Failure};

/// The folder of dpkg status files, beside the recipes.
pub(super) const PROFILES: &str = "profiles";

/// As Debian calls the architecture of this program.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The recipe without later fixes, and the one with them.
pub(super) fn recipes(suite: &str) -> Result<[String; 2], Failure> {
    let architecture = PartName::new(architecture()).map_err(|error| Failure::new(Exit::Bug, error))?;
    let computer = Machine { root: Path::new("/").to_owned(), architecture };
    let (upstreams, _) = computer.upstreams().map_err(|error| Failure::new(Exit::BadInput, error))?;
    let (before, after) =
        (of_release(&upstreams, suite, Later::Without), of_release(&upstreams, suite, Later::With));
    if before.is_empty() || count(&after) == count(&before) {
        let error = format!(
            "expected sources of {suite} and of its security updates in the apt configuration of this computer, found {}",
            if before.is_empty() { "no source of the release" } else { "no later updates" }
        );
        return Err(Failure::new(Exit::NotThere, error).with_hint("`smith demo --simulated` needs neither"));
    }
    Ok([written(&before), written(&after)])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Later {
    Without,
    With,
}

fn count(upstreams: &[Upstream]) -> usize {
    upstreams.iter().map(|one| one.suites.len()).sum()
}

/// The suites of one release, `bookworm` and `bookworm-security` but not what somebody else calls `cloud-bookworm`, and of those
/// only what the machines have installed or will need for it.
fn of_release(upstreams: &[Upstream], suite: &str, later: Later) -> Vec<Upstream> {
    let is_of_release = |name: &str| {
        let rest = name.strip_prefix(suite);
        name == suite || later == Later::With && rest.is_some_and(|rest| rest.starts_with('-'))
    };
    let cut = |one: &Upstream| {
        let mut one = one.clone();
        one.suites.retain(|name| is_of_release(name.as_str()));
        one.filter.installed = vec![PROFILES.into()];
        one.filter.closure = Closure::Depends;
        (!one.suites.is_empty()).then_some(one)
    };
    upstreams.iter().filter_map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_people_s_sources_and_later_suites_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/apt/sources.list.d");
        std::fs::create_dir_all(&folder).unwrap();
        let source = |name: &str, uri: &str, suites: &str| {
            let key = root.path().join("key.gpg");
            std::fs::write(&key, "").unwrap();
            let text = format!(
                "Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\nSigned-By: {}\n",
                key.display()
            );
            std::fs::write(folder.join(name), text).unwrap();
        };
        source("a.sources", "http://a.example/debian", "bookworm bookworm-updates");
        source("b.sources", "http://b.example/security", "bookworm-security");
        source("c.sources", "http://c.example/cloud", "cloud-bookworm nodistro");
        let machine = Machine { root: root.path().to_owned(), architecture: PartName::new("amd64").unwrap() };
        let (upstreams, unread) = machine.upstreams().unwrap();
        assert_eq!((upstreams.len(), unread.len()), (3, 0));
        let suites = |later| {
            let found = of_release(&upstreams, "bookworm", later);
            found.iter().flat_map(|one| one.suites.iter().map(ToString::to_string)).collect::<Vec<_>>()
        };
        assert_eq!(suites(Later::Without), ["bookworm"]);
        assert_eq!(suites(Later::With), ["bookworm", "bookworm-updates", "bookworm-security"]);
        let text = written(&of_release(&upstreams, "bookworm", Later::With));
        let recipe = smith_server::config::recipe::load("r.yaml", text.as_bytes(), Path::new("/x")).unwrap();
        assert_eq!(recipe.upstreams[1].filter.installed, [Path::new("/x/profiles")]);
        assert_eq!(recipe.upstreams[1].filter.closure, Closure::Depends);
    }
}
