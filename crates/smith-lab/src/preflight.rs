//! What a lab needs of a computer, looked for before anything is made, with a name for everything that is missing.

use std::path::Path;

use crate::cgroup;
use crate::error::{INOTIFY_OF_MACHINE, LabError};

/// Programs and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 15] = [
    ("apt-get", "apt"),
    ("ip", "iproute2"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mmdebstrap", "mmdebstrap"),
    ("mount", "mount"),
    ("nft", "nftables"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("setsid", "util-linux"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("systemd-nspawn", "systemd-container"),
    ("tc", "iproute2"),
    ("timeout", "coreutils"),
    ("unshare", "util-linux"),
];

/// What the kernel must offer, told by a path that is there then, or a word in a list.
const KERNEL: [(&str, &str); 2] =
    [("/dev/loop-control", "loop devices"), ("/proc/self/ns/net", "network namespaces")];

/// # Errors
/// Names everything that is missing, and the packages that have it.
pub fn preflight() -> Result<(), LabError> {
    let mut missing = Vec::new();
    let mut packages = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("the rights of root".to_owned());
    }
    for (program, package) in PROGRAMS {
        if !is_installed(program) {
            missing.push(program.to_owned());
            if !packages.contains(&package) {
                packages.push(package);
            }
        }
    }
    missing.extend(
        KERNEL.iter().filter(|(path, _)| !Path::new(path).exists()).map(|(_, what)| (*what).to_owned()),
    );
    let systems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    for needed in ["overlay", "ext4"] {
        // A module that is loaded on demand is not in the list before; where there are modules, it is taken for there.
        let is_there =
            systems.split_whitespace().any(|word| word == needed) || Path::new("/proc/modules").exists();
        if !is_there {
            missing.push(format!("the file system {needed}"));
        }
    }
    if cgroup::hierarchy().is_none() {
        missing.push("cgroups of the second version at /sys/fs/cgroup or /sys/fs/cgroup/unified".to_owned());
    }
    if missing.is_empty() { Ok(()) } else { Err(LabError::Preflight { missing, packages }) }
}

/// Machines that find none left stop while they boot, and say why where nobody looks.
pub(crate) fn enough_inotify(machines: usize) -> Result<(), LabError> {
    let text = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_instances").unwrap_or_default();
    match text.trim().parse() {
        Ok(limit) if machines * INOTIFY_OF_MACHINE > limit => Err(LabError::Inotify { machines, limit }),
        // Where nobody says how many there may be, it is tried.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let administrators = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&path).chain(administrators).any(|dir| dir.join(program).is_file())
}
