//! What is in a folder of hooks, and whether it may be run.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::op::Host;

/// More files than a person keeps in one folder; a folder with more is a mistake.
const MOST: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folder {
    Drain,
    Undrain,
    Health,
}

/// Who must own what is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(pub(crate) u32);

impl Owner {
    /// Root; on a machine that is a folder, whoever made it.
    pub(crate) fn of(host: &Host) -> Self {
        let root = host.path("/");
        if root == Path::new("/") {
            return Owner(0);
        }
        Owner(fs::metadata(root).map_or(0, |meta| meta.uid()))
    }
}

/// A file of the folder whose name makes it a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listed {
    Usable {
        name: String,
        path: PathBuf,
    },
    /// It lacks the permission to be run: how a site switches one off.
    Off {
        name: String,
    },
    /// It may have been written by another than root.
    Refused {
        name: String,
        why: String,
    },
}

impl Folder {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Folder::Drain => "drain.d",
            Folder::Undrain => "undrain.d",
            Folder::Health => "health.d",
        }
    }
}

/// The hooks in the order of their names; none where there is no folder. The error is for a person.
pub(crate) fn list(host: &Host, folder: Folder, owner: Owner) -> Result<Vec<Listed>, String> {
    let path = host.path(&format!("/etc/smith/{}", folder.word()));
    let shown = format!("/etc/smith/{}", folder.word());
    let meta = match fs::symlink_metadata(&path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{shown} cannot be read: {error}")),
    };
    if !meta.is_dir() {
        return Err(format!("expected {shown} to be a folder, found something else"));
    }
    // Who can write the folder above can put another in its place.
    let above = fs::metadata(host.path("/etc/smith"))
        .map_err(|error| format!("/etc/smith cannot be read: {error}"))?;
    for (what, meta) in [("/etc/smith", &above), (shown.as_str(), &meta)] {
        if let Some(why) = distrust(meta, owner) {
            return Err(format!("expected {what} to be root's alone, found it {why}"));
        }
    }
    let mut names = names(&path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    if names.len() > MOST {
        return Err(format!("expected at most {MOST} files in {shown}, found {}", names.len()));
    }
    names.sort();
    names.into_iter().map(|name| listed(&path, name, owner)).collect()
}

/// Names as run-parts takes them: what an editor or dpkg leaves behind (`x~`, `x.dpkg-old`) is no hook.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if let Some(name) = name.to_str().filter(|name| name.chars().all(fits)) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn listed(folder: &Path, name: String, owner: Owner) -> Result<Listed, String> {
    let path = folder.join(&name);
    let meta = fs::symlink_metadata(&path).map_err(|error| format!("{name} cannot be read: {error}"))?;
    if !meta.is_file() {
        let why = "no regular file".to_owned();
        return Ok(Listed::Refused { name, why });
    }
    if let Some(why) = distrust(&meta, owner) {
        return Ok(Listed::Refused { name, why });
    }
    Ok(match meta.permissions().mode() & 0o111 {
        0 => Listed::Off { name },
        _ => Listed::Usable { name, path },
    })
}

/// Why a file or folder may be the work of another than its owner.
pub(crate) fn distrust(meta: &Metadata, owner: Owner) -> Option<String> {
    let mode = meta.permissions().mode() & 0o7777;
    if meta.uid() != owner.0 {
        return Some(format!("owned by user {}", meta.uid()));
    }
    // A group of its own is no better than everybody: who is in it is not known here.
    (mode & 0o022 != 0).then(|| format!("writable by others (mode {mode:04o})"))
}
