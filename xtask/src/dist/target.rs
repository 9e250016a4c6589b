//! For which machines the agent can be built here.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;
use crate::process::{capture, run as run_command};

/// A Rust target, and what Debian calls its architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) triple: &'static str,
    pub(super) debian: &'static str,
}

/// Those without a C library first: what comes first of an architecture is taken if it is installed.
const KNOWN: [Target; 8] = [
    Target { triple: "x86_64-unknown-linux-musl", debian: "amd64" },
    Target { triple: "x86_64-unknown-linux-gnu", debian: "amd64" },
    Target { triple: "aarch64-unknown-linux-musl", debian: "arm64" },
    Target { triple: "aarch64-unknown-linux-gnu", debian: "arm64" },
    Target { triple: "i686-unknown-linux-musl", debian: "i386" },
    Target { triple: "i686-unknown-linux-gnu", debian: "i386" },
    Target { triple: "armv7-unknown-linux-musleabihf", debian: "armhf" },
    Target { triple: "armv7-unknown-linux-gnueabihf", debian: "armhf" },
];

impl Target {
    pub(super) fn named(triple: &str) -> Result<Self, Failure> {
        let named = KNOWN.into_iter().find(|target| target.triple == triple);
        named.ok_or_else(|| {
            let known: Vec<&str> = KNOWN.iter().map(|target| target.triple).collect();
            Failure::Usage(format!("--target: expected one of {}, found {triple:?}", known.join(", ")))
        })
    }

    /// The best one for this machine whose library is installed.
    pub(super) fn own() -> Result<Self, Failure> {
        own_of(std::env::consts::ARCH).find(Target::is_installed).ok_or_else(|| Failure::Missing {
            what: format!("a target of Rust for {}", std::env::consts::ARCH),
            hint: "add one with `cargo xtask setup`".to_owned(),
        })
    }

    pub(super) fn is_own(self) -> bool {
        own_of(std::env::consts::ARCH).any(|own| own == self)
    }

    pub(super) fn is_musl(self) -> bool {
        self.triple.contains("-musl")
    }

    fn is_installed(&self) -> bool {
        let sysroot = capture(Command::new("rustc").args(["--print", "sysroot"])).unwrap_or_default();
        let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot).trim());
        sysroot.join("lib/rustlib").join(self.triple).join("lib").is_dir()
    }
}

fn own_of(arch: &'static str) -> impl Iterator<Item = Target> {
    let arch = if arch == "x86" { "i686" } else { arch };
    KNOWN.into_iter().filter(move |target| {
        let first = target.triple.split('-').next().unwrap_or_default();
        first == arch || (arch == "arm" && first == "armv7")
    })
}

/// Adds this machine's target without a C library, where rustup is there to do it; without one the agent is built against
/// the C library, which is then linked into it.
pub(crate) fn add_own() -> Result<(), Failure> {
    let Some(target) = own_of(std::env::consts::ARCH).next() else {
        println!("no package of the agent is made for {}", std::env::consts::ARCH);
        return Ok(());
    };
    if target.is_installed() {
        println!("{} is there", target.triple);
        return Ok(());
    }
    if let Err(failure) = run_command(Command::new("rustup").args(["target", "add", target.triple])) {
        println!(
            "{} cannot be added ({}): the agent is built against the C library",
            target.triple,
            failure.chain()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_takes_the_one_without_a_c_library_first() {
        let triples = |arch| own_of(arch).map(|target| target.triple).collect::<Vec<_>>();
        assert_eq!(triples("x86_64"), ["x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu"]);
        assert_eq!(triples("arm")[0], "armv7-unknown-linux-musleabihf");
        assert_eq!(triples("x86")[0], "i686-unknown-linux-musl");
        assert_eq!(triples("mips"), Vec::<&str>::new());
    }

    #[test]
    fn a_target_that_is_not_known_is_refused() {
        assert_eq!(Target::named("aarch64-unknown-linux-musl").unwrap().debian, "arm64");
        assert!(
            Target::named("wasm32-unknown-unknown")
                .unwrap_err()
                .to_string()
                .starts_with("--target: expected one of")
        );
    }
}
