//! The client: its runtime, its rules for connections, and the fetch of one small thing.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::header::{
    ACCEPT_ENCODING, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, RETRY_AFTER,
};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, StatusCode, Url};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

use crate::fetch::bandwidth::Bandwidth;
use crate::fetch::error::{Cause, chain};
use crate::fetch::limits::pause;
use crate::fetch::source::{Source, open_plain, shown};
use crate::fetch::{FetchError, Limits, Proxies};

/// Both only move bytes between sockets and the threads that write; more would wait for the same line.
const RUNTIME_THREADS: usize = 2;

/// Mirrors redirect once or twice; more is a loop.
const REDIRECTS_MAX: usize = 5;

/// What is set aside for a body before its first byte came.
const RESERVE_MAX: u64 = 1 << 20;

/// Fetches over http and https and from files. All calls block.
#[derive(Debug)]
pub struct Fetcher {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    client: Client,
    pub(super) limits: Limits,
    bandwidth: Option<Bandwidth>,
}

/// What a server said of a thing, so that it can be asked whether it changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    NotModified,
    Found { bytes: Vec<u8>, validators: Validators },
    Missing,
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Idle connections are not worth waiting for.
            runtime.shutdown_background();
        }
    }
}

impl Fetcher {
    pub fn new(limits: Limits) -> Result<Self, FetchError> {
        let set_up = |error: &dyn std::error::Error| FetchError::SetUp { why: chain(error) };
        let runtime = Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("fetch")
            .enable_all()
            .build()
            .map_err(|error| set_up(&error))?;
        let builder = || {
            let builder = Client::builder()
                .user_agent(concat!("smith/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(limits.connect)
                .redirect(Policy::custom(redirect))
                .pool_max_idle_per_host(limits.connections)
                // A thread per connection asks for one thing at a time, so streams within a connection gain nothing.
                .http1_only()
                // A hash is of the bytes as they lie on the server.
                .no_gzip()
                .no_brotli()
                .no_zstd()
                .no_deflate();
            match limits.proxies {
                Proxies::FromEnvironment => builder,
                Proxies::None => builder.no_proxy(),
            }
        };
        // A machine without any certificate authority can still fetch over http: what it fetches is signed.
        let client = builder().build().or_else(|_| builder().tls_certs_only([]).build());
        let client = client.map_err(|error| set_up(&error))?;
        let bandwidth = limits.bandwidth.map(|rate| Bandwidth::new(rate, Instant::now()));
        Ok(Self { runtime: Some(runtime), client, limits, bandwidth })
    }

    /// One thing of at most `max` bytes. With `known`, it comes only if it changed.
    pub fn get(&self, url: &str, max: u64, known: Option<&Validators>) -> Result<Answer, FetchError> {
        match Source::parse(url)? {
            Source::File(path) => get_file(&path, max, known),
            Source::Web(url) => self.get_web(&url, max, known),
        }
    }

    fn get_web(&self, url: &Url, max: u64, known: Option<&Validators>) -> Result<Answer, FetchError> {
        let whole = self.limits.patience(max);
        let began = Instant::now();
        let mut round = 0;
        loop {
            round += 1;
            let error = match self.get_once(url, max, known, began, whole) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Cause::Passing(after) = error.cause() else { return Err(error) };
            let pause = pause(&self.limits, round, after);
            if round > self.limits.retries || began.elapsed() + pause >= whole {
                return Err(error);
            }
            std::thread::sleep(pause);
        }
    }

    fn get_once(
        &self,
        url: &Url,
        max: u64,
        known: Option<&Validators>,
        began: Instant,
        whole: Duration,
    ) -> Result<Answer, FetchError> {
        let mut headers = HeaderMap::new();
        if let Some(known) = known {
            let mut insert = |name: HeaderName, value: &Option<String>| {
                let value = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok());
                value.map(|value| headers.insert(name, value));
            };
            insert(IF_NONE_MATCH, &known.etag);
            insert(IF_MODIFIED_SINCE, &known.last_modified);
        }
        let mut response = self.send(url, headers)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if known.is_some() => return Ok(Answer::NotModified),
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(Answer::Missing),
            _ => return Err(refused(url, &response)),
        }
        let length = response.content_length();
        if let Some(length) = length.filter(|length| *length > max) {
            return Err(FetchError::TooLarge { url: shown(url), max, found: format!("{length}") });
        }
        let mut bytes = Vec::with_capacity(length.unwrap_or_default().min(RESERVE_MAX) as usize);
        let validators = validators_of(response.headers());
        let answering = Instant::now();
        while let Some(chunk) = self.chunk(url, &mut response, bytes.len() as u64)? {
            let chunk = chunk.as_ref();
            if (bytes.len() + chunk.len()) as u64 > max {
                return Err(FetchError::Endless { url: shown(url), max });
            }
            bytes.extend_from_slice(chunk);
            if began.elapsed() > whole {
                return Err(FetchError::Slow { url: shown(url), after: whole });
            }
            self.be_quick(url, answering, bytes.len() as u64)?;
        }
        Ok(Answer::Found { bytes, validators })
    }

    /// The head of an answer.
    pub(super) fn send(&self, url: &Url, mut headers: HeaderMap) -> Result<Response, FetchError> {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let after = self.limits.connect + self.limits.stall;
        let request = self.client.get(url.clone()).headers(headers).send();
        let answer = self.wait(after, request).ok_or_else(|| stalled(url, after))?;
        answer.map_err(|error| failed(url, error))
    }

    /// Whoever sends a byte now and then keeps a connection alive and brings nothing.
    pub(super) fn be_quick(&self, url: &Url, began: Instant, came: u64) -> Result<(), FetchError> {
        let patience = self.limits.patience(came);
        if began.elapsed() > patience {
            return Err(FetchError::Slow { url: shown(url), after: patience });
        }
        Ok(())
    }

    /// The next bytes of a body of which so many came. Waits as the bandwidth asks, so the server is held back by the
    /// full line.
    pub(super) fn chunk(
        &self,
        url: &Url,
        response: &mut Response,
        came: u64,
    ) -> Result<Option<impl AsRef<[u8]> + use<>>, FetchError> {
        let after = self.limits.stall;
        let chunk = self.wait(after, response.chunk()).ok_or_else(|| stalled(url, after))?;
        let chunk = chunk.map_err(|error| FetchError::Truncated {
            url: shown(url),
            found: came,
            why: chain(&error.without_url()),
        })?;
        if let Some(chunk) = &chunk {
            self.spend(chunk.len());
        }
        Ok(chunk)
    }

    pub(super) fn spend(&self, bytes: usize) {
        let wait = self.bandwidth.as_ref().map(|bandwidth| bandwidth.take(bytes, Instant::now()));
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            std::thread::sleep(wait);
        }
    }

    fn wait<T>(&self, most: Duration, what: impl Future<Output = T>) -> Option<T> {
        let runtime = self.runtime.as_ref()?;
        runtime.block_on(async { tokio::time::timeout(most, what).await.ok() })
    }
}

/// The same scheme, or a better one: who asked over https does not want less.
fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let from = attempt.previous().last().map(|url| url.scheme().to_owned());
    let to = attempt.url().scheme();
    let is_kept = from.as_deref() == Some(to);
    let is_raised = from.as_deref() == Some("http") && to == "https";
    if attempt.previous().len() > REDIRECTS_MAX {
        attempt.error(format!("expected at most {REDIRECTS_MAX} redirects, found more"))
    } else if is_kept || is_raised {
        attempt.follow()
    } else {
        let why = format!("expected a redirect to the same scheme or https, found one to {to}");
        attempt.error(why)
    }
}

pub(super) fn refused(url: &Url, response: &Response) -> FetchError {
    let seconds =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let retry_after = seconds.map(Duration::from_secs);
    FetchError::Status { url: shown(url), status: response.status().as_u16(), retry_after }
}

fn failed(url: &Url, error: reqwest::Error) -> FetchError {
    FetchError::Connection { url: shown(url), why: chain(&error.without_url()) }
}

fn stalled(url: &Url, after: Duration) -> FetchError {
    FetchError::Stalled { url: shown(url), after }
}

fn validators_of(headers: &HeaderMap) -> Validators {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
    Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
}

fn get_file(path: &Path, max: u64, known: Option<&Validators>) -> Result<Answer, FetchError> {
    let (file, metadata) = match open_plain(path) {
        Ok(opened) => opened,
        Err(FetchError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Answer::Missing);
        }
        Err(error) => return Err(error),
    };
    let etag = format!("\"{}-{}.{:09}\"", metadata.len(), metadata.mtime(), metadata.mtime_nsec());
    let validators = Validators { etag: Some(etag), last_modified: None };
    if known == Some(&validators) {
        return Ok(Answer::NotModified);
    }
    let mut bytes = Vec::with_capacity(metadata.len().min(RESERVE_MAX) as usize);
    let read = file.take(max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| FetchError::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > max {
        let found = format!("at least {}", bytes.len());
        return Err(FetchError::TooLarge { url: format!("file:{}", path.display()), max, found });
    }
    Ok(Answer::Found { bytes, validators })
}
