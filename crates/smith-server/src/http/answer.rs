//! Answers: something that there is, something that was made, or nothing but that it was done.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use smith_api::Page;

use super::fault::Fault;

pub(super) type Answer<T> = Result<Json<T>, Fault>;

/// Done, and there is nothing to say about it.
pub(super) type Done = Result<StatusCode, Fault>;

pub(super) const DONE: StatusCode = StatusCode::NO_CONTENT;

/// All there is, as the only page of a list.
pub(super) fn whole<T>(items: Vec<T>) -> Json<Page<T>> {
    Json(Page { items, next: None })
}

/// Something new, and where it is from now on.
#[derive(Debug)]
pub(super) struct Made<T> {
    pub(super) at: String,
    pub(super) what: T,
}

impl<T: Serialize> IntoResponse for Made<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, Json(self.what)).into_response();
        // Paths are made of numbers, which a header can hold.
        if let Ok(at) = HeaderValue::from_str(&self.at) {
            response.headers_mut().insert(header::LOCATION, at);
        }
        response
    }
}
