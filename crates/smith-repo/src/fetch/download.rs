//! One try to get one object from one source.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Instant;

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Response, StatusCode, Url};

use crate::fetch::client::refused;
use crate::fetch::queue::Queue;
use crate::fetch::source::{Source, open_plain, shown};
use crate::fetch::{FetchError, Fetcher, Progress, Want};
use crate::store::{Intake, Partial, StoreError};

/// Read at a time from a file.
const CHUNK: usize = 256 * 1024;

pub(super) struct Download<'a> {
    pub(super) fetcher: &'a Fetcher,
    pub(super) want: &'a Want,
    pub(super) intake: &'a Intake<'a>,
    pub(super) progress: &'a dyn Progress,
    /// Closed when nothing more can be taken in.
    pub(super) queue: &'a Queue,
    /// Bytes that the progress knows of.
    pub(super) counted: u64,
    /// Whether a part from before this try went into the whole.
    pub(super) was_resumed: bool,
    pub(super) etag: Option<HeaderValue>,
}

impl Download<'_> {
    pub(super) fn run(&mut self, source: &Source) -> Result<(), FetchError> {
        let mut partial = self.intake.store().partial_of(self.want.hash, self.want.size)?;
        let there = partial.length();
        self.count(there);
        self.was_resumed = there > 0;
        if there == self.want.size {
            return self.finish(partial, source);
        }
        match source {
            Source::Web(url) => self.web(url, &mut partial)?,
            Source::File(path) => self.file(path, &mut partial)?,
        }
        self.finish(partial, source)
    }

    fn web(&mut self, url: &Url, partial: &mut Partial) -> Result<(), FetchError> {
        let mut response = self.fetcher.send(url, self.range(partial.length()))?;
        let is_range = response.status() == StatusCode::PARTIAL_CONTENT;
        let is_misfit = is_range && !continues(&response, partial.length(), self.want.size);
        if is_misfit || response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            // It holds something else than what we hold a part of, or cannot count.
            self.restart(partial)?;
            response = self.fetcher.send(url, HeaderMap::new())?;
        }
        match response.status() {
            StatusCode::OK => self.restart(partial)?,
            StatusCode::PARTIAL_CONTENT if partial.length() > 0 => {}
            _ => return Err(refused(url, &response)),
        }
        let expected = self.want.size - partial.length();
        if let Some(found) = response.content_length().filter(|found| *found != expected) {
            return Err(FetchError::Size { url: shown(url), expected, found });
        }
        let is_strong = |etag: &&HeaderValue| etag.as_bytes().starts_with(b"\"");
        self.etag = response.headers().get(ETAG).filter(is_strong).cloned();
        let (answering, there) = (Instant::now(), partial.length());
        while let Some(chunk) = self.fetcher.chunk(url, &mut response, partial.length())? {
            self.take(chunk.as_ref(), partial, || shown(url))?;
            self.fetcher.be_quick(url, answering, partial.length() - there)?;
        }
        if partial.length() < self.want.size {
            let why = format!("expected {} bytes", self.want.size);
            return Err(FetchError::Truncated { url: shown(url), found: partial.length(), why });
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, partial: &mut Partial) -> Result<(), FetchError> {
        let read = |source| FetchError::Read { path: path.to_owned(), source };
        let url = || format!("file:{}", path.display());
        let (mut file, metadata) = open_plain(path)?;
        if metadata.len() != self.want.size {
            let (expected, found) = (self.want.size, metadata.len());
            return Err(FetchError::Size { url: url(), expected, found });
        }
        file.seek(SeekFrom::Start(partial.length())).map_err(read)?;
        let mut buffer = vec![0; CHUNK.min(self.want.size as usize)];
        loop {
            let length = file.read(&mut buffer).map_err(read)?;
            if length == 0 {
                break;
            }
            self.fetcher.spend(length);
            self.take(&buffer[..length], partial, url)?;
        }
        if partial.length() < self.want.size {
            return Err(FetchError::Size { url: url(), expected: self.want.size, found: partial.length() });
        }
        Ok(())
    }

    fn take(
        &mut self,
        bytes: &[u8],
        partial: &mut Partial,
        url: impl Fn() -> String,
    ) -> Result<(), FetchError> {
        if self.progress.is_called_off() {
            return Err(FetchError::CalledOff);
        }
        if self.queue.is_closed() {
            return Err(FetchError::Stopped);
        }
        match partial.write(bytes) {
            Ok(()) => {}
            Err(StoreError::Damaged { size, .. }) => {
                self.restart(partial)?;
                return Err(FetchError::Endless { url: url(), max: size });
            }
            Err(error) => return Err(error.into()),
        }
        self.counted += bytes.len() as u64;
        self.progress.received(bytes.len() as u64);
        Ok(())
    }

    fn finish(&mut self, partial: Partial, source: &Source) -> Result<(), FetchError> {
        match partial.finish(self.intake) {
            Ok(()) => Ok(()),
            Err(StoreError::Damaged { expected, found, .. }) => {
                self.count(0);
                let url = match source {
                    Source::Web(url) => shown(url),
                    Source::File(path) => format!("file:{}", path.display()),
                };
                Err(FetchError::Hash { url, expected, found })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn range(&self, from: u64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let range = HeaderValue::from_str(&format!("bytes={from}-")).ok().filter(|_| from > 0);
        if let Some(range) = range {
            headers.insert(RANGE, range);
            self.etag.clone().map(|etag| headers.insert(IF_RANGE, etag));
        }
        headers
    }

    fn restart(&mut self, partial: &mut Partial) -> Result<(), FetchError> {
        if partial.length() > 0 {
            partial.restart()?;
        }
        self.was_resumed = false;
        self.count(0);
        Ok(())
    }

    /// Tells the progress how much is there now, when that is not what came last.
    fn count(&mut self, now: u64) {
        if now > self.counted {
            self.progress.present(now - self.counted);
        } else if now < self.counted {
            self.progress.lost(self.counted - now);
        }
        self.counted = now;
    }
}

/// Whether an answer goes on at this byte of something of this size.
fn continues(response: &Response, from: u64, size: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let parts = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('/'));
    let Some((range, whole)) = parts else { return false };
    let first = range.split('-').next().and_then(|first| first.parse().ok());
    first == Some(from) && (whole == "*" || whole.parse() == Ok(size))
}
