//! Two builds of the world as it is now: of two Debian releases without their security fixes, and with them.

use std::fs;

use crate::site::{KEYRING, Site, upstream};

/// The closure of a minimal system with a kernel, and what installers ask for.
const TAKE: &str = "{priorities: [required, important], packages: [linux-image-amd64, apt-utils, usr-is-merged], closure: depends}";

/// Nothing, with a word, on a machine that has Debian from nowhere.
pub(crate) fn world() -> Option<Site> {
    let (main, security) = upstream()?;
    let site = Site::new();
    let part = |name: &str, uri: &str, suites: &str| {
        format!(
            "  - upstream: {name}\n    uris: {uri}\n    suites: [{suites}]\n    components: [main]\n    \
             architectures: [amd64]\n    keyring: {KEYRING}\n    take: {TAKE}\n"
        )
    };
    let main = part("debian", &main, "bookworm, trixie");
    let security = part("debian-security", &security, "bookworm-security, trixie-security");
    fs::write(site.path("without.yaml"), format!("upstreams:\n{main}")).unwrap();
    fs::write(site.path("with.yaml"), format!("upstreams:\n{main}{security}")).unwrap();
    site.smith(&["build", "create", "without.yaml"]);
    site.smith(&["build", "create", "with.yaml"]);
    Some(site)
}
