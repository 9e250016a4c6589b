//! What holds for every request: it ends in time, however it ends it is counted and logged, and a panic of one hurts no other.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::timeout;

use super::app::App;
use super::auth::AskedBy;
use super::etag::tagged;
use super::fault::{Fault, FaultCode};
use super::take::{BODY_MAX, cut_off, too_long};

/// A request is given up on after this. The slowest verb waits ten seconds for the numbers of a train's changes.
const LONGEST: Duration = Duration::from_secs(30);

/// A body is there after this. A megabyte needs less over the slowest of lines.
const BODY_WAIT: Duration = Duration::from_secs(15);

/// How long a request waits for a server that begins: a journal of some million rows is read in this.
const BEGIN_WAIT: Duration = Duration::from_secs(5);

/// How long a request waits for its turn while others are answered.
const TURN_WAIT: Duration = Duration::from_secs(5);

/// Around everything.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let known = (method == Method::GET).then(|| request.headers().get(header::IF_NONE_MATCH).cloned());
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = match answered {
        Ok(response) => response,
        Err(panic) => panicked(&route, panic.as_ref()).into_response(),
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response = wrong_method(&method, &response);
    }
    if let Some(known) = known {
        response = tagged(known, response).await;
    }
    // Names of machines and reasons are text from outside: nobody shall take an answer for something that can be run.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    app.metrics().answered(&method, &route, status, took);
    let extensions = response.extensions();
    let caller = extensions.get::<AskedBy>().map_or("-", |by| by.0.as_str());
    let code = extensions.get::<FaultCode>().map_or("-", |code| code.0);
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: "smith::http", %method, route, status, ms, caller, code, "request");
    response
}

/// Around everything that asks a site: before the journal was read there is nothing to tell. Who comes a little early waits, and
/// who comes long before is told how far the reading is.
pub(super) async fn begun(State(app): State<App>, request: Request, next: Next) -> Response {
    let core = &app.site().core;
    if timeout(BEGIN_WAIT, core.has_begun()).await.is_ok() {
        return next.run(request).await;
    }
    let text = format!("expected a server that drives, found that {}", app.site().beginning());
    Fault::new(StatusCode::SERVICE_UNAVAILABLE, "S0431", text).into_response()
}

/// Around everything that asks a site: at most so many at once, and none for ever.
pub(super) async fn bounded(State(app): State<App>, request: Request, next: Next) -> Response {
    // A body that trickles in keeps nobody from being answered.
    let request = match timeout(BODY_WAIT, whole(request)).await {
        Ok(Ok(request)) => request,
        Ok(Err(fault)) => return fault.into_response(),
        Err(_) => {
            let text = format!("expected a whole body within {} seconds, found a part", BODY_WAIT.as_secs());
            return Fault::new(StatusCode::REQUEST_TIMEOUT, "S0424", text).into_response();
        }
    };
    let Ok(Ok(_place)) = timeout(TURN_WAIT, app.places().acquire()).await else {
        let text = "expected a turn within five seconds, found as many requests before this one as are answered at once";
        return Fault::new(StatusCode::SERVICE_UNAVAILABLE, "S0428", text).into_response();
    };
    match timeout(LONGEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let text = format!("expected an answer within {} seconds, found none", LONGEST.as_secs());
            Fault::new(StatusCode::SERVICE_UNAVAILABLE, "S0427", text)
                .with_hint("ask again with the same Idempotency-Key: it is carried out once")
                .into_response()
        }
    }
}

/// The request with its body read, as far as bodies go.
async fn whole(request: Request) -> Result<Request, Fault> {
    let (parts, body) = request.into_parts();
    let (mut stream, mut bytes) = (body.into_data_stream(), Vec::new());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| cut_off(&error))?;
        if bytes.len() + chunk.len() > BODY_MAX {
            return Err(too_long());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

pub(super) async fn no_such_route(request: Request) -> Fault {
    let path: String = request.uri().path().chars().take(200).collect();
    Fault::new(StatusCode::NOT_FOUND, "S0420", format!("expected a path that /docs shows, found {path}"))
}

fn wrong_method(method: &Method, response: &Response) -> Response {
    let allow = response.headers().get(header::ALLOW).cloned();
    let named =
        allow.as_ref().map_or_else(|| "another".into(), |allow| String::from_utf8_lossy(allow.as_bytes()));
    let fault = Fault::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "S0421",
        format!("expected {}, found {method}", named.replace(',', " or ")),
    );
    match allow {
        Some(allow) => fault.allowing(allow).into_response(),
        None => fault.into_response(),
    }
}

fn panicked(route: &str, panic: &(dyn Any + Send)) -> Fault {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("something");
    tracing::error!(target: "smith::http", route, panic = said, "a request found a mistake in smith");
    let text = "expected an answer, found a mistake in smith, which is in its log";
    Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "S0430", text)
}
