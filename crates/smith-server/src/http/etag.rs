//! Tags of answers, so that whoever looks often is told nothing twice.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::download::Streamed;
use super::fault::Fault;

/// Hexadecimal digits of a tag: two answers of a site never share 128 bits by chance.
const DIGITS: usize = 32;

/// The digest of several parts in a row, as hexadecimal digits.
pub(super) fn sha256(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives an answer its tag, or leaves its body away where the asker has it already. Streams have no tags.
pub(super) async fn tagged(asked: Option<HeaderValue>, response: Response) -> Response {
    let is_streamed = response.extensions().get::<Streamed>().is_some();
    if response.status() != StatusCode::OK || is_streamed || !is_whole(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // Every answer was made in memory before it came here.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        let text = "expected an answer, found that it ended early";
        return Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "S0430", text).into_response();
    };
    let digest = sha256(&[bytes.as_ref()]);
    let tag = format!("\"{}\"", &digest[..DIGITS]);
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if asked.is_some_and(|asked| names(&asked, &tag)) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn is_whole(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| !kind.starts_with(b"text/event-stream"))
}

/// Whether `If-None-Match` names this tag. It is compared weakly, as the standard wants it there.
fn names(asked: &HeaderValue, tag: &str) -> bool {
    let asked = String::from_utf8_lossy(asked.as_bytes());
    asked.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}
