//! What comes with a request: its body, its key, its parameters; all of it believed only as far as it can be read.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::etag::sha256;
use super::fault::Fault;
use crate::verbs::{Caller, Key};
use smith_domain::access::Digest;

/// Bytes of a body. The longest that makes sense is a list of 10,000 machines by name, half of this.
pub(super) const BODY_MAX: usize = 1024 * 1024;

/// Bytes of an `Idempotency-Key`, as the journal keeps it.
const KEY_MAX: usize = 200;

/// Who asks, and for what.
#[derive(Debug)]
pub(super) struct Asked<T> {
    pub(super) caller: Caller,
    pub(super) body: T,
}

/// The same where an empty body asks for nothing special.
#[derive(Debug)]
pub(super) struct MayAsk<T> {
    pub(super) caller: Caller,
    pub(super) body: T,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Asked<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let (caller, bytes) = take(request, state).await?;
        Ok(Self { caller, body: parse(&bytes)? })
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for MayAsk<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let (caller, bytes) = take(request, state).await?;
        let body = if bytes.is_empty() { T::default() } else { parse(&bytes)? };
        Ok(Self { caller, body })
    }
}

async fn take<S: Send + Sync>(request: Request, state: &S) -> Result<(Caller, Bytes), Fault> {
    let caller = request.extensions().get::<Caller>().cloned();
    let caller = caller.ok_or_else(nobody)?;
    let key = key(request.headers())?;
    let kind = content_type(request.headers());
    let what = format!("{} {}\n", request.method(), request.uri());
    let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_long(),
        _ => cut_off(&rejection.body_text()),
    })?;
    if !bytes.is_empty() {
        kind?;
    }
    let digest = || Digest::new(sha256(&[what.as_bytes(), bytes.as_ref()]));
    let key = match key {
        None => None,
        Some(key) => Some(Key { key, digest: digest().map_err(|error| unkeyed(&error.to_string()))? }),
    };
    Ok((Caller { key, ..caller }, bytes))
}

pub(super) fn too_long() -> Fault {
    let text = format!("expected a body of at most {BODY_MAX} bytes, found a longer one");
    Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "S0422", text)
}

pub(super) fn cut_off(why: &dyn std::fmt::Display) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "S0424", format!("expected a whole body, found that {why}"))
}

pub(super) fn nobody() -> Fault {
    Fault::new(StatusCode::UNAUTHORIZED, "S0412", "expected `Authorization: Bearer` with a token, found none")
        .with_hint("an admin issues tokens; on the computer of the server its unix socket needs none")
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    if keys.next().is_some() {
        return Err(unkeyed("several"));
    }
    let text = key.to_str().map_err(|_| unkeyed("other characters"))?;
    match text.len() {
        1..=KEY_MAX if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(text.to_owned())),
        found => {
            Err(unkeyed(&format!("{found} characters: {:?}", text.chars().take(40).collect::<String>())))
        }
    }
}

pub(super) fn unkeyed(found: &str) -> Fault {
    let text = format!("expected one `Idempotency-Key` of 1 to {KEY_MAX} visible characters, found {found}");
    Fault::new(StatusCode::BAD_REQUEST, "S0426", text)
}

fn content_type(headers: &HeaderMap) -> Result<(), Fault> {
    let found =
        headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let essence = found.as_deref().and_then(|text| text.split(';').next()).unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let text = format!(
        "expected a body of application/json, found {}",
        found.as_deref().unwrap_or("nothing said of it")
    );
    Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "S0423", text)
        .with_hint("`curl --json '{…}'` says so by itself; with -d add -H 'Content-Type: application/json'"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| {
        let status = match error.classify() {
            Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
            Category::Syntax | Category::Eof | Category::Io => StatusCode::BAD_REQUEST,
        };
        let (line, column) = (error.line(), error.column());
        let place = format!(" at line {line} column {column}");
        let text = error.to_string();
        let text = text.strip_suffix(&place).unwrap_or(&text);
        Fault::new(status, "S0424", format!("line {line}, column {column}: {text}"))
            .with_hint("/docs shows the fields of each request")
    })
}

/// Parameters behind the `?`.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let Query(query) = Query::try_from_uri(&parts.uri).map_err(|rejection| {
            Fault::new(StatusCode::BAD_REQUEST, "S0425", rejection.body_text())
                .with_hint("/docs shows the parameters of each request")
        })?;
        Ok(Self(query))
    }
}

/// A part of the path.
#[derive(Debug)]
pub(super) struct Part<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Part<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let found = Path::<T>::from_request_parts(parts, state).await;
        found
            .map(|Path(value)| Self(value))
            .map_err(|rejection| Fault::new(StatusCode::BAD_REQUEST, "S0425", rejection.body_text()))
    }
}

/// Who asks, where nothing else comes with it.
#[derive(Debug)]
pub(super) struct Who(pub(super) Caller);

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        parts.extensions.get::<Caller>().cloned().map(Self).ok_or_else(nobody)
    }
}
