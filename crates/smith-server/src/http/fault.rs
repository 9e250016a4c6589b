//! What went wrong, as `application/problem+json`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use smith_api::Problem;

use super::errors;
use crate::verbs::{Denied, Kind};

/// Seconds after which somebody may ask again: by then the journal is opened again, or requests of others have ended.
const ASK_AGAIN: &str = "5";

/// A request that was not carried out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub(super) status: StatusCode,
    /// It has a page in `docs/errors`.
    pub(super) code: &'static str,
    pub(super) detail: String,
    pub(super) hint: Option<String>,
    /// The methods that would have been right.
    allow: Option<Box<HeaderValue>>,
}

/// The code of an answer's fault, kept beside it for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FaultCode(pub(super) &'static str);

impl Fault {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), hint: None, allow: None }
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(super) fn allowing(self, methods: HeaderValue) -> Self {
        Self { allow: Some(Box::new(methods)), ..self }
    }
}

impl From<Denied> for Fault {
    fn from(denied: Denied) -> Self {
        let status = match denied.kind {
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Unknown => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { hint: denied.hint, ..Self::new(status, denied.code, denied.text) }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: format!("/v1/errors/{}", self.code),
            title: errors::title(self.code).to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code.to_owned(),
            hint: self.hint,
        };
        let mut response = (self.status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"smith\""));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(ASK_AGAIN));
        }
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, *allow);
        }
        response.extensions_mut().insert(FaultCode(self.code));
        response
    }
}
