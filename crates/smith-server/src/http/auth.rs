//! Who asks: a user at the unix socket, or the holder of a token.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use smith_domain::access::Digest;

use super::app::App;
use super::doors::{Guest, Origin};
use super::fault::Fault;
use super::take::nobody;
use crate::verbs::{Caller, digest};

/// The name of whoever asked, kept beside the answer for the log.
#[derive(Debug, Clone)]
pub(super) struct AskedBy(pub(super) String);

/// The digest of the secret by which somebody was let in. Whoever is answered for long is looked at again by it.
#[derive(Debug, Clone)]
pub(super) struct Pass(pub(super) Option<Digest>);

/// Lets only those through who are known.
pub(super) async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let (caller, pass) = match caller(&app, &request) {
        Ok(known) => known,
        Err(fault) => return fault.into_response(),
    };
    if let Some(guest) = request.extensions().get::<Guest>() {
        guest.is_known();
    }
    let name = caller.name().to_owned();
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(pass);
    let mut response = next.run(request).await;
    response.extensions_mut().insert(AskedBy(name));
    response
}

fn caller(app: &App, request: &Request) -> Result<(Caller, Pass), Fault> {
    // A token says more than a uid: scripts of root may act with less than root's rights.
    if let Some(secret) = bearer(request.headers())? {
        return Ok((app.site().bearer(secret)?, Pass(Some(digest(secret.as_bytes())))));
    }
    match request.extensions().get::<Origin>() {
        Some(Origin::Unix { uid }) => Ok((app.peers().caller(*uid)?, Pass(None))),
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
