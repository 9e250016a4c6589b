//! Who asks: a user at the unix socket, or the holder of a token.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::app::App;
use super::doors::Origin;
use super::fault::Fault;
use super::take::nobody;
use crate::verbs::Caller;

/// The name of whoever asked, kept beside the answer for the log.
#[derive(Debug, Clone)]
pub(super) struct AskedBy(pub(super) String);

/// Lets only those through who are known.
pub(super) async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let caller = match caller(&app, &request) {
        Ok(caller) => caller,
        Err(fault) => return fault.into_response(),
    };
    let name = caller.name().to_owned();
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    response.extensions_mut().insert(AskedBy(name));
    response
}

fn caller(app: &App, request: &Request) -> Result<Caller, Fault> {
    // A token says more than a uid: scripts of root may act with less than root's rights.
    if let Some(secret) = bearer(request.headers())? {
        return Ok(app.site().bearer(secret)?);
    }
    match request.extensions().get::<Origin>() {
        Some(Origin::Unix { uid }) => app.peers().caller(*uid),
        Some(Origin::Tcp { .. }) | None => Err(nobody()),
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let words = value.to_str().ok().and_then(|text| text.split_once(' '));
    match (words, given.next()) {
        (Some((scheme, secret)), None) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(secret.trim())),
        _ => Err(nobody()),
    }
}
