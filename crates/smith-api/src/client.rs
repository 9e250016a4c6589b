//! A small client: one request, one answer, over the server's socket or its address.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::time::timeout;

use crate::Problem;

/// A server answers in milliseconds; an audit of years takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// An answer is a page of a list, or the audit of one thing.
const ANSWER_MAX: usize = 64 << 20;

/// A document of evidence is shorter.
const FILE_MAX: usize = 1 << 30;

/// An export of everything is made before its first byte comes: some seconds for each million rows. A server that ends shuts
/// the connection, so this is for one that hangs.
const MAKING: Duration = Duration::from_secs(60 * 60);

/// A server sends a file as fast as it is taken.
const SILENCE: Duration = Duration::from_secs(60);

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    Socket(PathBuf),
    /// `http://127.0.0.1:11240`
    Address(String),
}

#[derive(Debug, Error)]
pub enum ClientError {
    #[error("expected a server at {server}, found none: {why}")]
    Unreachable { server: String, why: String },
    /// The server said no, and why.
    #[error("{}", .0.detail)]
    Denied(Box<Problem>),
    #[error("expected an answer of smith from {server}, found {found}")]
    Strange { server: String, found: String },
}

/// Why a file did not come whole.
#[derive(Debug, Error)]
pub enum DownloadError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("what came could not be kept")]
    Keep(#[from] io::Error),
}

#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    server: Server,
    base: String,
    token: Option<String>,
}

/// One event as a stream of the server tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// Give the last one back to go on from there.
    pub id: Option<String>,
    pub kind: String,
    pub data: String,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Server::Socket(path) => write!(f, "{}", path.display()),
            Server::Address(address) => f.write_str(address),
        }
    }
}

impl Server {
    /// An address if it begins like one, the path of a socket otherwise.
    pub fn named(text: &str) -> Self {
        if text.starts_with("http://") || text.starts_with("https://") {
            Server::Address(text.trim_end_matches('/').to_owned())
        } else {
            Server::Socket(Path::new(text).to_owned())
        }
    }
}

impl Client {
    pub fn new(server: Server, token: Option<String>) -> Result<Self, ClientError> {
        let builder = reqwest::Client::builder().no_proxy();
        let (builder, base) = match &server {
            Server::Socket(path) => (builder.unix_socket(path.clone()), "http://smith".to_owned()),
            Server::Address(address) => (builder, address.clone()),
        };
        let http = builder.build().map_err(|error| ClientError::Unreachable {
            server: server.to_string(),
            why: error.to_string(),
        })?;
        Ok(Self { http, server, base, token })
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Reads something. The path begins with `/v1/`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.answer(self.request(Method::GET, path).timeout(PATIENCE)).await
    }

    /// Reads a file, as it is.
    pub async fn fetch(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        let response = self.send(self.request(Method::GET, path).timeout(PATIENCE)).await?;
        self.bytes(response, FILE_MAX).await
    }

    /// Reads a file of any length, piece by piece; it may take as long as it goes on. Answers how many bytes it had.
    pub async fn download(
        &self,
        path: &str,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<u64, DownloadError> {
        let begun = timeout(MAKING, self.send(self.request(Method::GET, path))).await;
        let mut response = begun.map_err(|_| self.silent(MAKING))??;
        let mut bytes = 0;
        loop {
            let piece = timeout(SILENCE, response.chunk()).await.map_err(|_| self.silent(SILENCE))?;
            let Some(piece) = piece.map_err(|error| self.unreachable(&error))? else { return Ok(bytes) };
            bytes += piece.len() as u64;
            take(&piece)?;
        }
    }

    /// Has something done. With a key it is done once, however often it is sent.
    pub async fn post<B, T>(&self, path: &str, body: &B, key: Option<&str>) -> Result<T, ClientError>
    where
        B: Serialize + Sync + ?Sized,
        T: DeserializeOwned,
    {
        let mut request = self.request(Method::POST, path).timeout(PATIENCE).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.answer(request).await
    }

    /// Listens to a stream of events until somebody has heard enough or the server ends it. Answers the last event's id.
    pub async fn listen(
        &self,
        path: &str,
        after: Option<&str>,
        mut hear: impl FnMut(Told) -> Hearing,
    ) -> Result<Option<String>, ClientError> {
        let mut request = self.request(Method::GET, path).header("accept", "text/event-stream");
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let mut response = self.send(request).await?;
        let mut last = after.map(str::to_owned);
        let mut text = Vec::new();
        loop {
            let chunk = response.chunk().await.map_err(|error| self.unreachable(&error))?;
            let Some(chunk) = chunk else { return Ok(last) };
            text.extend_from_slice(&chunk);
            if text.len() > ANSWER_MAX {
                return Err(self.strange("an event without an end"));
            }
            while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = text.drain(..end + 2).collect();
                let Some(told) = event_of(&String::from_utf8_lossy(&event)) else { continue };
                last = told.id.clone().or(last);
                if hear(told) == Hearing::Enough {
                    return Ok(last);
                }
            }
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match self.token.as_ref().and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok()) {
            Some(mut bearer) => {
                bearer.set_sensitive(true);
                request.header(AUTHORIZATION, bearer)
            }
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<reqwest::Response, ClientError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = self.bytes(response, ANSWER_MAX).await?;
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(ClientError::Denied(Box::new(problem))),
            Err(_) => Err(self.strange(&found(status, &body))),
        }
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let response = self.send(request).await?;
        let status = response.status();
        let body = self.bytes(response, ANSWER_MAX).await?;
        // Whoever wants to know nothing more than that it is done takes an empty answer.
        let text: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(text)
            .map_err(|error| self.strange(&format!("{error} in {}", found(status, &body))))
    }

    async fn bytes(&self, mut response: reqwest::Response, max: usize) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > max {
                return Err(self.strange("an answer without an end"));
            }
        }
        Ok(body)
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let mut why = String::new();
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        // What is at the bottom is what happened; the rest says that it was a request.
        while let Some(one) = cause {
            why = one.to_string();
            cause = one.source();
        }
        ClientError::Unreachable { server: self.server.to_string(), why }
    }

    fn silent(&self, longest: Duration) -> ClientError {
        let why = format!("it said nothing for {} seconds", longest.as_secs());
        ClientError::Unreachable { server: self.server.to_string(), why }
    }

    fn strange(&self, found: &str) -> ClientError {
        ClientError::Strange { server: self.server.to_string(), found: found.to_owned() }
    }
}

/// Whether somebody has heard enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    GoOn,
    Enough,
}

fn found(status: StatusCode, body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(120).collect();
    format!("{status} {text}")
}

/// An event of a stream; lines that begin with a colon keep the connection alive and say nothing.
fn event_of(text: &str) -> Option<Told> {
    let mut told = Told::default();
    let mut data: Vec<&str> = Vec::new();
    for line in text.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => told.id = Some(value.to_owned()),
            "event" => told.kind = value.to_owned(),
            "data" => data.push(value),
            _ => {}
        }
    }
    if data.is_empty() && told.kind.is_empty() {
        return None;
    }
    told.data = data.join("\n");
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_are_written() {
        let told = event_of("id: 12\nevent: rollout.started\ndata: {\"a\":\ndata: 1}\n\n").unwrap();
        assert_eq!(told.id.as_deref(), Some("12"));
        assert_eq!((told.kind.as_str(), told.data.as_str()), ("rollout.started", "{\"a\":\n1}"));
        assert_eq!(event_of(": still here\n\n"), None);
    }

    #[test]
    fn servers_are_named_by_address_or_path() {
        assert_eq!(Server::named("http://h:1/"), Server::Address("http://h:1".to_owned()));
        assert_eq!(Server::named("/run/s.sock"), Server::Socket(PathBuf::from("/run/s.sock")));
    }
}
