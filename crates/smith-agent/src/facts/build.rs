//! Which build the machine was last patched to, and how much of the machine that build knew.

use smith_agent::protocol::Patched;

use crate::op::{CannotKeep, Host, read_bounded, replace};

const FILE: &str = "/var/lib/smith/build";

/// A few numbers.
const MOST: u64 = 4 << 10;

/// The first line is the number. It is what the job said: how many packages were found to be as its lists say, and how many these
/// do not know, stands below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installed {
    pub(crate) build: u32,
    pub(crate) verified: Option<u32>,
    pub(crate) unknown: Option<u32>,
}

impl Installed {
    pub(crate) fn of(patched: &Patched) -> Self {
        Self { build: patched.build, verified: Some(patched.verified), unknown: Some(patched.unknown) }
    }

    pub(crate) fn load(host: &Host) -> Option<Self> {
        let content = read_bounded(&host.path(FILE), MOST).ok().flatten()?;
        let text = String::from_utf8_lossy(&content).into_owned();
        let number = |word: &str| {
            text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' ')?.trim().parse().ok())
        };
        let build = text.lines().next()?.trim().parse().ok()?;
        Some(Self { build, verified: number("verified"), unknown: number("unknown") })
    }

    pub(crate) fn keep(&self, host: &Host) -> Result<(), CannotKeep> {
        let mut text = format!("{}\n", self.build);
        for (word, number) in [("verified", self.verified), ("unknown", self.unknown)] {
            if let Some(number) = number {
                text += &format!("{word} {number}\n");
            }
        }
        replace(&host.path(FILE), text.as_bytes())
    }

    /// The number where it says something of the machine: a repository that does not know most of its packages is no build of it.
    pub(crate) fn proven(&self) -> Option<u32> {
        let is_most_known = match (self.verified, self.unknown) {
            (Some(verified), Some(unknown)) => verified > unknown,
            _ => true,
        };
        (is_most_known && self.build > 0).then_some(self.build)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_says_little_of_the_machine_is_not_told_as_its_build() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::at(root.path());
        std::fs::create_dir_all(root.path().join("var/lib/smith")).unwrap();
        assert_eq!(Installed::load(&host), None);
        for (build, verified, unknown, proven) in
            [(77, 1, 184, None), (77, 180, 5, Some(77)), (0, 180, 5, None), (3, 0, 0, None)]
        {
            let patched = Patched { build, verified, unknown, ..Patched::default() };
            let installed = Installed::of(&patched);
            installed.keep(&host).unwrap();
            assert_eq!(Installed::load(&host), Some(installed.clone()));
            assert_eq!(installed.proven(), proven);
        }
        std::fs::write(root.path().join(FILE.trim_start_matches('/')), "725\n").unwrap();
        assert_eq!(Installed::load(&host).and_then(|installed| installed.proven()), Some(725));
    }
}
