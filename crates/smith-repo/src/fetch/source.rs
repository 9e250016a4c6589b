//! Where bytes come from: an address of the web, or a file of this machine.

use std::fs::File;
use std::path::{Path, PathBuf};

use reqwest::Url;

use crate::fetch::FetchError;

#[derive(Debug)]
pub(super) enum Source {
    Web(Url),
    File(PathBuf),
}

impl Source {
    pub(super) fn parse(text: &str) -> Result<Self, FetchError> {
        let bad = |why: &str| FetchError::Url { url: text.chars().take(300).collect(), why: why.to_owned() };
        let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
        match url.scheme() {
            "http" | "https" => Ok(Self::Web(url)),
            "file" => url.to_file_path().map(Self::File).map_err(|()| bad("it names another host")),
            other => Err(bad(&format!("{other} is not spoken here"))),
        }
    }

    /// Sources of one origin fail together.
    pub(super) fn origin(&self) -> String {
        match self {
            Self::Web(url) => url.origin().ascii_serialization(),
            Self::File(_) => "file:".to_owned(),
        }
    }
}

/// An address without its password, for people and logs.
pub(super) fn shown(url: &Url) -> String {
    if url.password().is_none() {
        return url.to_string();
    }
    let mut url = url.clone();
    // Fails only for addresses that cannot have a password.
    let _ = url.set_password(None);
    url.to_string()
}

/// The same for a text that may be no address.
pub(crate) fn without_password(address: &str) -> String {
    Url::parse(address).map_or_else(
        |_| address.to_owned(),
        |url| match url.password() {
            Some(_) => shown(&url),
            None => address.to_owned(),
        },
    )
}

/// A path as a part of an address: only what would end it there or stand for something else. Services of buckets take a
/// plus for a blank.
pub(crate) fn encoded(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace('+', "%2B")
}

/// Opens a plain file only: a pipe would be waited for, a device never ends.
pub(super) fn open_plain(path: &Path) -> Result<(File, std::fs::Metadata), FetchError> {
    let read = |source| FetchError::Read { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(read)?.is_file() {
        return Err(FetchError::NotAFile { path: path.to_owned() });
    }
    let file = File::open(path).map_err(read)?;
    let metadata = file.metadata().map_err(read)?;
    Ok((file, metadata))
}
