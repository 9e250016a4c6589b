//! The base: a release as it was on the day it came out, fetched once and shared by all machines of all labs, which never write
//! into it.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

use crate::down::refuse_mounts;
use crate::error::{Doing as _, LabError};
use crate::name::Suite;
use crate::place::Place;
use crate::tool::{LONG, Tool};
use crate::up::Progress;
use crate::upstream::Upstream;

/// What machines have: what booting, ssh and faults need, and a dozen packages that are often in need of a fix.
const PACKAGES: [&str; 22] = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "ifupdown",
    "iproute2",
    "procps",
    "libfaketime",
    "ca-certificates",
    "curl",
    "gnupg",
    "less",
    "libxml2",
    "logrotate",
    "openssl",
    "perl",
    "python3-minimal",
    "rsync",
    "sudo",
    "vim-tiny",
    "wget",
    "xz-utils",
];

/// Goes into the name of a base: another number where what is written below changes.
const RECIPE: u32 = 1;

/// Units that would work on their own where a rehearsal wants nothing to happen but what it does, or that take memory for
/// nothing: there is no screen to log in at and no disk to trim.
const MASKED: [&str; 10] = [
    "apt-daily.service",
    "apt-daily.timer",
    "apt-daily-upgrade.service",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "logrotate.timer",
    "systemd-networkd.service",
];

/// The log of a machine stays in memory, little of it.
const JOURNAL: &str = "[Journal]\nStorage=volatile\nRuntimeMaxUse=4M\nForwardToSyslog=no\n";

/// One host key, no slow look-ups, and room for a controller that opens many sessions at once.
const SSHD: &str = "HostKey /etc/ssh/ssh_host_ed25519_key\nUseDNS no\nPermitRootLogin prohibit-password\n\
                    PasswordAuthentication no\nMaxStartups 100:30:200\n";

/// The folder of the base in the cache: another release, archive, list of packages or recipe is another base.
pub(crate) fn key(suite: &Suite, upstream: &Upstream) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{RECIPE}\n{}\n{}\n", upstream.line(suite), PACKAGES.join(",")));
    let hash: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{suite}-{hash}")
}

pub(crate) fn path(place: &Place, key: &str) -> PathBuf {
    place.cache().join(key)
}

/// Makes the base unless it is there. It gets its name when it is whole.
pub(crate) fn ensure(
    place: &Place,
    key: &str,
    suite: &Suite,
    upstream: &Upstream,
    progress: Progress<'_>,
) -> Result<PathBuf, LabError> {
    let whole = path(place, key);
    if whole.is_dir() {
        return Ok(whole);
    }
    let cache = place.cache();
    fs::create_dir_all(cache).doing("making", cache)?;
    let lock = File::open(cache).doing("opening", cache)?;
    flock(&lock, FlockOperation::LockExclusive).doing("locking", cache)?;
    if whole.is_dir() {
        return Ok(whole);
    }
    progress(&format!("fetching {suite} from {}, once for all labs", upstream.address));
    let partial = cache.join(format!("{key}.partial"));
    if partial.exists() {
        refuse_mounts(&partial)?;
        fs::remove_dir_all(&partial).doing("removing", &partial)?;
    }
    Tool::apart("mmdebstrap", LONG)
        .args(["--mode=root", "--variant=apt", "--format=directory", "--quiet"])
        .args(["--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Retries \"3\""])
        .arg(format!("--include={}", PACKAGES.join(",")))
        .arg(suite.as_str())
        .arg(&partial)
        .arg(upstream.line(suite))
        .run()?;
    trim(&partial)?;
    fs::rename(&partial, &whole).doing("renaming", &partial)?;
    Ok(whole)
}

fn trim(root: &Path) -> Result<(), LabError> {
    let etc = root.join("etc");
    let units = etc.join("systemd/system");
    let generators = etc.join("systemd/system-generators");
    let journal = etc.join("systemd/journald.conf.d");
    let sshd = etc.join("ssh/sshd_config.d");
    for dir in [&units, &generators, &journal, &sshd] {
        fs::create_dir_all(dir).doing("making", dir)?;
    }
    let masked = MASKED.iter().map(|unit| units.join(unit));
    for path in masked.chain([generators.join("systemd-getty-generator")]) {
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path).doing("removing", &path)?;
        }
        symlink("/dev/null", &path).doing("linking", &path)?;
    }
    write(&journal.join("smith-lab.conf"), JOURNAL)?;
    write(&sshd.join("smith-lab.conf"), SSHD)?;
    // Each machine gets keys and an identity of its own.
    let ssh = etc.join("ssh");
    for entry in fs::read_dir(&ssh).doing("reading", &ssh)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("ssh_host_") {
            fs::remove_file(entry.path()).doing("removing", &entry.path())?;
        }
    }
    // mmdebstrap copies these from this computer.
    write(&etc.join("resolv.conf"), "")?;
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).doing("changing", root)
}

fn write(path: &Path, text: &str) -> Result<(), LabError> {
    fs::write(path, text).doing("writing", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_release_or_archive_is_another_base() {
        let key = |suite: &str, address: &str| {
            let suite = suite.parse().unwrap();
            key(&suite, &Upstream::find(&suite, Some(address)).unwrap())
        };
        let one = key("bookworm", "http://a.example/debian");
        assert!(one.starts_with("bookworm-") && one.len() == "bookworm-".len() + 12, "{one}");
        assert_eq!(one, key("bookworm", "http://a.example/debian"));
        assert_ne!(one, key("bookworm", "http://b.example/debian"));
        assert_ne!(one, key("trixie", "http://a.example/debian"));
    }
}
