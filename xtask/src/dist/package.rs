//! The agent's Debian package.

use std::path::{Path, PathBuf};

use super::stage::{Pressing, Stage, VERSION};
use super::target::Target;
use crate::failure::Failure;

/// Where the files lie that are not built.
const SOURCE: &str = "crates/smith-agent/package";

const FOLDERS: [(&str, u32); 5] = [
    ("etc/smith", 0o755),
    ("etc/smith/drain.d", 0o755),
    ("etc/smith/undrain.d", 0o755),
    ("etc/smith/health.d", 0o755),
    ("var/lib/smith", 0o700),
];

/// A file of [`SOURCE`], where it goes, and its permissions.
const FILES: [(&str, &str, u32); 6] = [
    ("smith-agent-settle.service", "usr/lib/systemd/system/smith-agent-settle.service", 0o644),
    ("README.Debian", "usr/share/doc/smith-agent/README.Debian", 0o644),
    ("copyright", "usr/share/doc/smith-agent/copyright", 0o644),
    ("postinst", "DEBIAN/postinst", 0o755),
    ("prerm", "DEBIAN/prerm", 0o755),
    ("postrm", "DEBIAN/postrm", 0o755),
];

const PROGRAM: &str = "usr/sbin/smith-agent";
const MANUAL: &str = "usr/share/man/man8/smith-agent.8";

/// Makes the package of this program in the folder.
pub(super) fn make(binary: &Path, target: Target, folder: &Path) -> Result<PathBuf, Failure> {
    let package = folder.join(format!("smith-agent_{VERSION}_{}.deb", target.debian));
    let stage = Stage::begin(folder.join(format!("stage-{}", target.debian)))?;
    for (path, mode) in FOLDERS {
        stage.folder(path, mode)?;
    }
    stage.copy(binary, PROGRAM, 0o755)?;
    for (from, to, mode) in FILES {
        stage.copy(&Path::new(SOURCE).join(from), to, mode)?;
    }
    stage.page(&Path::new(SOURCE).join("smith-agent.8"), MANUAL)?;
    stage.seal(&package, Pressing::Hard, |size| control(target, size))?;
    Ok(package)
}

fn control(target: Target, installed_size: u64) -> String {
    format!(
        "Package: smith-agent\n\
         Version: {VERSION}\n\
         Architecture: {}\n\
         Maintainer: The smith authors <smith@localhost>\n\
         Installed-Size: {installed_size}\n\
         Depends: apt (>= 1.2), dpkg (>= 1.18)\n\
         Recommends: openssh-server (>= 1:7.2)\n\
         Section: admin\n\
         Priority: optional\n\
         Multi-Arch: foreign\n\
         Description: does the work of the patch system smith on a machine\n \
         A controller comes over ssh and asks for one of a few things: what the machine\n \
         is, what a patch would change, the patch itself, a reboot, whether the machine\n \
         is well. Each is done once, outlives the connection, and is told with what was\n \
         found afterwards. There is no way to ask for a command of one's own.\n",
        target.debian
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_one_that_dpkg_reads() {
        let text = control(Target { triple: "x", debian: "amd64" }, 12);
        assert!(text.contains("\nArchitecture: amd64\n") && text.contains("\nInstalled-Size: 12\n"));
        let (_, description) = text.split_once("Description: ").unwrap();
        assert!(
            description.lines().skip(1).all(|line| line.starts_with(' ') && line.len() <= 80),
            "{description}"
        );
        assert!(description.ends_with('\n'));
    }
}
