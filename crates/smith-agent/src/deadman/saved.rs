//! Copies of the network's configuration, and the way back to them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::{Sync, keep};
use crate::op::Host;

/// What says what the machine's network is.
const PLACES: [&str; 8] = [
    "/etc/network",
    "/etc/netplan",
    "/etc/systemd/network",
    "/etc/systemd/resolved.conf",
    "/etc/NetworkManager/NetworkManager.conf",
    "/etc/NetworkManager/conf.d",
    "/etc/NetworkManager/system-connections",
    "/etc/resolv.conf",
];

/// More files than a network has; then something else lies there, and it is not ours to copy.
const FILES: usize = 512;

/// Longer than any of these files.
const LONGEST: u64 = 1 << 20;

/// Deeper than any of these folders.
const DEPTH: usize = 8;

/// A file or link of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) path: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// The copy's number in the operation's folder.
    File {
        copy: usize,
        mode: u32,
        uid: u32,
        gid: u32,
    },
    Link {
        target: String,
    },
}

/// Copies everything.
pub(super) fn save(host: &Host, folder: &Path) -> io::Result<Vec<Saved>> {
    let of = |what: &str, error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"));
    let paths = listed(host).map_err(|error| of("the network's configuration cannot be read", error))?;
    let mut saved = Vec::new();
    for (copy, path) in paths.into_iter().enumerate() {
        let kind = save_one(host, &path, &folder.join(format!("network/{copy}")), copy)
            .map_err(|error| of(&format!("{path} cannot be copied"), error))?;
        saved.push(Saved { path, kind });
    }
    Ok(saved)
}

fn save_one(host: &Host, path: &str, to: &Path, copy: usize) -> io::Result<Kind> {
    let from = host.path(path);
    let meta = fs::symlink_metadata(&from)?;
    if meta.is_symlink() {
        return Ok(Kind::Link { target: fs::read_link(&from)?.to_string_lossy().into_owned() });
    }
    if meta.len() > LONGEST {
        return Err(io::Error::other(format!("expected at most {LONGEST} bytes, found {}", meta.len())));
    }
    keep(to, &fs::read(&from)?, Sync::Soon)?;
    Ok(Kind::File { copy, mode: meta.permissions().mode() & 0o7777, uid: meta.uid(), gid: meta.gid() })
}

/// Files and links, by their absolute paths, in order.
fn listed(host: &Host) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for place in PLACES {
        list(host, place, 0, &mut found)?;
    }
    Ok(found)
}

fn list(host: &Host, path: &str, depth: usize, found: &mut BTreeSet<String>) -> io::Result<()> {
    let meta = match fs::symlink_metadata(host.path(path)) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if meta.is_dir() && depth < DEPTH {
        for entry in fs::read_dir(host.path(path))? {
            let name = entry?.file_name();
            // Names that are no text are no configuration.
            if let Some(name) = name.to_str() {
                list(host, &format!("{path}/{name}"), depth + 1, found)?;
            }
        }
    } else if meta.is_file() || meta.is_symlink() {
        found.insert(path.to_owned());
        if found.len() > FILES {
            return Err(io::Error::other(format!("expected at most {FILES} files, found more")));
        }
    }
    Ok(())
}

/// Brings back what was changed or is gone, and puts aside what is new. What was done is told, file by file.
pub(super) fn restore(host: &Host, folder: &Path, saved: &[Saved]) -> Vec<String> {
    let mut told = Vec::new();
    for one in saved {
        match bring_back(host, folder, one) {
            Ok(true) => told.push(format!("{} is as it was", one.path)),
            Ok(false) => {}
            Err(error) => told.push(format!("{} cannot be brought back: {error}", one.path)),
        }
    }
    let known: BTreeSet<&str> = saved.iter().map(|one| one.path.as_str()).collect();
    let now = listed(host).unwrap_or_default();
    for (number, path) in now.iter().filter(|path| !known.contains(path.as_str())).enumerate() {
        let aside = folder.join(format!("network-new/{number}"));
        let moved = keep_aside(&host.path(path), &aside).and_then(|()| fs::remove_file(host.path(path)));
        told.push(match moved {
            Ok(()) => format!("{path} is new and was put aside as {}", aside.display()),
            Err(error) => format!("{path} is new and cannot be put aside: {error}"),
        });
    }
    told
}

fn keep_aside(from: &Path, aside: &Path) -> io::Result<()> {
    if fs::symlink_metadata(from)?.is_symlink() {
        return keep(aside, fs::read_link(from)?.to_string_lossy().as_bytes(), Sync::Now);
    }
    keep(aside, &fs::read(from)?, Sync::Now)
}

/// Whether it had to be done.
fn bring_back(host: &Host, folder: &Path, saved: &Saved) -> io::Result<bool> {
    let path = host.path(&saved.path);
    let now = fs::symlink_metadata(&path).ok();
    match &saved.kind {
        Kind::Link { target } => {
            if fs::read_link(&path).is_ok_and(|found| found.as_os_str() == target.as_str()) {
                return Ok(false);
            }
            if now.is_some() {
                fs::remove_file(&path)?;
            }
            make_room(&path)?;
            symlink(target, &path)?;
        }
        Kind::File { copy, mode, uid, gid } => {
            let bytes = fs::read(folder.join(format!("network/{copy}")))?;
            let same = |meta: fs::Metadata| {
                meta.is_file()
                    && meta.permissions().mode() & 0o7777 == *mode
                    && meta.uid() == *uid
                    && meta.gid() == *gid
            };
            if now.is_some_and(same) && fs::read(&path)? == bytes {
                return Ok(false);
            }
            make_room(&path)?;
            keep(&path, &bytes, Sync::Now)?;
            chown(&path, Some(*uid), Some(*gid))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
        }
    }
    Ok(true)
}

/// The folder of a file that is to come back may be gone with its package.
fn make_room(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let host = Host::at(root.path());
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("etc/network/interfaces.d")).unwrap();
        fs::create_dir_all(at("etc/netplan")).unwrap();
        fs::write(at("etc/network/interfaces"), "auto eth0\n").unwrap();
        fs::write(at("etc/netplan/a.yaml"), "secret").unwrap();
        fs::set_permissions(at("etc/netplan/a.yaml"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(at("etc/network/interfaces.d/same"), "same").unwrap();
        symlink("../run/stub.conf", at("etc/resolv.conf")).unwrap();
        let saved = save(&host, folder.path()).unwrap();
        assert_eq!(restore(&host, folder.path(), &saved), Vec::<String>::new());

        fs::write(at("etc/network/interfaces"), "").unwrap();
        fs::remove_dir_all(at("etc/netplan")).unwrap();
        fs::remove_file(at("etc/resolv.conf")).unwrap();
        fs::write(at("etc/resolv.conf"), "nameserver 10.0.0.1\n").unwrap();
        fs::write(at("etc/network/interfaces.d/new"), "auto eth9\n").unwrap();
        let told = restore(&host, folder.path(), &saved);
        let aside = folder.path().join("network-new/0");
        assert_eq!(
            told,
            [
                "/etc/netplan/a.yaml is as it was".to_owned(),
                "/etc/network/interfaces is as it was".to_owned(),
                "/etc/resolv.conf is as it was".to_owned(),
                format!("/etc/network/interfaces.d/new is new and was put aside as {}", aside.display()),
            ]
        );
        assert_eq!(fs::read_to_string(at("etc/network/interfaces")).unwrap(), "auto eth0\n");
        assert_eq!(fs::metadata(at("etc/netplan/a.yaml")).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_link(at("etc/resolv.conf")).unwrap(), Path::new("../run/stub.conf"));
        assert_eq!(fs::read_to_string(aside).unwrap(), "auto eth9\n");
        assert_eq!(restore(&host, folder.path(), &saved), Vec::<String>::new());
    }

    #[test]
    fn what_is_too_long_is_not_copied() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/network")).unwrap();
        fs::File::create(root.path().join("etc/network/x")).unwrap().set_len(LONGEST + 1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let why = save(&Host::at(root.path()), folder.path()).unwrap_err().to_string();
        assert_eq!(why, "/etc/network/x cannot be copied: expected at most 1048576 bytes, found 1048577");
    }
}
