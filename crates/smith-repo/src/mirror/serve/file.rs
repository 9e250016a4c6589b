//! Which files are served, and what is said of them.

use std::fs::{File, Metadata, OpenOptions};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::hash::Sha256;
use crate::name::RelPath;

/// Folders of a store that anybody may read. All others hold keys, states and things that are not whole.
const SERVED: [&str; 6] = ["archive", "builds", "channels", "objects", "pool", "views"];

const DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// A file that may be sent.
pub(super) struct Served {
    pub(super) file: File,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified: String,
    pub(super) kind: &'static str,
    pub(super) cache: &'static str,
}

/// Opens a file of a store whose folder is `root`, given without links in its path.
pub(super) fn open(root: &Path, path: &RelPath) -> Option<Served> {
    if !is_served(path.as_str()) {
        return None;
    }
    // Without waiting: somebody may have put a pipe there.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path.below(root)).ok()?;
    let metadata = file.metadata().ok().filter(Metadata::is_file)?;
    // What was opened decides, not the path: a link may lead out of the store or to what is not served.
    let opened = real_path(&file)?;
    let opened = opened.strip_prefix(root).ok()?.to_str()?;
    if !is_served(opened) {
        return None;
    }
    let etag = etag_of(path, &metadata);
    let modified = date(metadata.mtime());
    Some(Served { file, size: metadata.len(), etag, modified, kind: kind_of(path), cache: cache_of(path) })
}

fn is_served(path: &str) -> bool {
    let mut parts = path.split('/');
    let is_folder = parts.next().is_some_and(|first| SERVED.contains(&first));
    let is_hidden = path.split('/').any(|part| part.starts_with('.'));
    // Who moved a channel and why is not for everybody.
    let is_history = path.starts_with("channels/") && path.ends_with(".json") && path.split('/').count() == 2;
    is_folder && !is_hidden && !is_history
}

fn real_path(file: &File) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

/// A file that is named by its content has that as its tag, on every mirror alike.
fn etag_of(path: &RelPath, metadata: &Metadata) -> String {
    let mut parts = path.as_str().rsplit('/');
    let (name, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_object = path.as_str().starts_with("objects/sha256/");
    let hex = if is_object { format!("{folder}{name}") } else { name.to_owned() };
    match hex.parse::<Sha256>() {
        Ok(hash) if is_object || folder == "SHA256" => format!("\"{hash}\""),
        Ok(_) | Err(_) => {
            format!(
                "\"{:x}-{:x}-{:x}.{:x}\"",
                metadata.ino(),
                metadata.len(),
                metadata.mtime(),
                metadata.mtime_nsec()
            )
        }
    }
}

fn kind_of(path: &RelPath) -> &'static str {
    match path.file_name().rsplit_once('.').map(|(_, extension)| extension) {
        Some("deb") => "application/vnd.debian.binary-package",
        Some("json") => "application/json",
        Some(_) | None => "application/octet-stream",
    }
}

/// Names that never change their content may be kept for a year; a channel is asked about every time.
fn cache_of(path: &RelPath) -> &'static str {
    let path = path.as_str();
    if path.starts_with("objects/") || path.starts_with("pool/") || path.contains("/by-hash/") {
        return "public, max-age=31536000, immutable";
    }
    if path.starts_with("channels/") || path.starts_with("views/") {
        "no-cache"
    } else {
        "public, max-age=300"
    }
}

/// Seconds since 1970 as HTTP writes them.
pub(super) fn date(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).strftime(DATE).to_string()
}
