//! Where the base comes from: the archive that this computer's own apt uses, as apt itself understands its configuration.

use crate::error::LabError;
use crate::name::Suite;
use crate::tool::{SHORT, Tool};

/// One archive with one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub(crate) address: String,
    /// The file with the keys that sign it, where the source names one.
    keyring: Option<String>,
}

impl Upstream {
    /// # Errors
    /// If no source of this computer is the archive of a distribution.
    pub(crate) fn find(suite: &Suite, mirror: Option<&str>) -> Result<Self, LabError> {
        if let Some(address) = mirror {
            return Ok(Self { address: address.to_owned(), keyring: None });
        }
        let format = "$(ORIGIN)|$(LABEL)|$(CODENAME)|$(SUITE)|$(REPO_URI)|$(SIGNED_BY)";
        let text = Tool::new("apt-get", SHORT)
            .args(["indextargets", "--format", format, "Created-By: Packages"])
            .run()?;
        choose(&text, suite).ok_or_else(|| LabError::NoUpstream { suite: suite.clone() })
    }

    /// The line of a sources file, security and other later updates left out: upgrades must be there to be found.
    pub(crate) fn line(&self, suite: &Suite) -> String {
        let option = self.keyring.as_ref().map_or_else(String::new, |path| format!("[signed-by={path}] "));
        format!("deb {option}{} {suite} main", self.address)
    }
}

/// The source of just this release before one of its distribution with another release.
fn choose(text: &str, suite: &Suite) -> Option<Upstream> {
    let mut other = None;
    for line in text.lines() {
        let mut fields = line.split('|');
        let (Some(origin), Some(label), Some(codename), Some(archive), Some(address)) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        // Debian's own, not its security archive, whose label differs; nor anybody else's.
        if origin != label || !matches!(origin, "Debian" | "Ubuntu") {
            continue;
        }
        let keyring = fields.next().filter(|path| path.starts_with('/')).map(str::to_owned);
        let found = Upstream { address: address.trim_end_matches('/').to_owned(), keyring };
        if codename == suite.as_str() || archive == suite.as_str() {
            return Some(found);
        }
        other = other.or(Some(found));
    }
    other
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "\
Debian|Debian-Security|bookworm-security|oldstable-security|http://a.example/security/|$(SIGNED_BY)
Vendor|Vendor|bookworm|bookworm|http://v.example/|$(SIGNED_BY)
Debian|Debian|bookworm-updates|oldstable-updates|http://b.example/debian/|$(SIGNED_BY)
Debian|Debian|bookworm|oldstable|http://c.example/debian/|/usr/share/keyrings/k.gpg
";

    #[test]
    fn the_archive_of_the_release_is_found() {
        let line = |suite: &str| {
            let suite = suite.parse().unwrap();
            choose(TARGETS, &suite).map(|upstream| upstream.line(&suite))
        };
        let expected = "deb [signed-by=/usr/share/keyrings/k.gpg] http://c.example/debian bookworm main";
        assert_eq!(line("bookworm").as_deref(), Some(expected));
        assert_eq!(line("trixie").as_deref(), Some("deb http://b.example/debian trixie main"));
        assert_eq!(choose("", &"bookworm".parse().unwrap()), None);
    }
}
