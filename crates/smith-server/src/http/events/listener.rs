//! One stream of events: from the journal up to now, then as they come, and from the journal again when it was too slow.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::hub::{Hub, Lines};
use super::line::{EventLine, line};
use crate::core::{Core, History};
use crate::http::app::App;
use crate::http::auth::Pass;
use crate::http::fault::Fault;
use crate::http::take::{Params, Part, nobody};
use crate::verbs::Caller;

/// Events between the listener's task and its connection. What does not fit waits.
const AHEAD: usize = 64;

/// Rows that are read from the journal at once: put into words while nobody can record, so some tens of microseconds.
const ROWS: usize = 256;

/// A line that says nothing, often enough that no proxy takes the stream for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a client should wait before it comes back.
const COME_BACK: Duration = Duration::from_secs(2);

/// How often it is looked whether the listener may still listen. A token that was revoked, or has ended, tells no more after
/// this.
const LOOK: Duration = Duration::from_secs(2);

/// A client that takes nothing for so long is gone; it goes on where it stopped when it comes back.
const STALLED: Duration = Duration::from_secs(60);

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct EventQuery {
    /// Everything after this row, for clients that cannot send `Last-Event-ID`. 0 is everything there ever was.
    #[serde(default)]
    after: Option<u64>,
}

/// Everything that is recorded.
pub(in crate::http) async fn everything(
    State(app): State<App>,
    who: Listening,
    Params(query): Params<EventQuery>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    stream((app, who), None, &query, &headers)
}

/// What is recorded about one project.
pub(in crate::http) async fn of_project(
    State(app): State<App>,
    who: Listening,
    Part(id): Part<u32>,
    Params(query): Params<EventQuery>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    app.site().project(id)?;
    stream((app, who), Some(id), &query, &headers)
}

fn stream(
    (app, who): (App, Listening),
    project: Option<u32>,
    query: &EventQuery,
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    let place = app.hub().place(who.caller.name())?;
    // Listening begins before the head is looked at, so nothing falls between them.
    let live = app.hub().listen();
    let head = app.site().core.view().head();
    let last = match last_event(headers)? {
        Some(last) => Some(last),
        None => query.after,
    };
    let after = last.unwrap_or(head);
    if after > head {
        let text = format!("expected the number of a row, at most {head}, found {after}");
        return Err(Fault::new(StatusCode::BAD_REQUEST, "S0433", text)
            .with_hint("without Last-Event-ID events are told from now on"));
    }
    let (to, told) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let _place = place;
        let mut listener = Listener { after, project, to };
        // However it ends, the client comes back and goes on behind the last event that it has got.
        tokio::select! {
            _ = listener.attend(app.hub(), live) => {}
            () = who.is_over(&app) => {}
        }
    });
    let events = stream::unfold(told, |mut told| async {
        let event: Event = told.recv().await?;
        Some((Ok::<_, Infallible>(event), told))
    });
    let keep = KeepAlive::new().interval(KEEP_ALIVE).text("");
    let mut response = Sse::new(events).keep_alive(keep).into_response();
    // Proxies must not collect events before they pass them on.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Who listens, and by which token.
pub(in crate::http) struct Listening {
    caller: Caller,
    pass: Pass,
}

impl<S: Send + Sync> FromRequestParts<S> for Listening {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(nobody)?;
        let pass = parts.extensions.get::<Pass>().cloned().ok_or_else(nobody)?;
        Ok(Self { caller, pass })
    }
}

impl Listening {
    /// Returns once the token lets nobody in any more.
    async fn is_over(&self, app: &App) {
        let Some(pass) = &self.pass.0 else { return std::future::pending().await };
        while app.site().holds(pass) {
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        let text = format!("expected the number of a row as Last-Event-ID, found {text:?}");
        Fault::new(StatusCode::BAD_REQUEST, "S0433", text)
    })
}

/// The stream is over: its client has gone, or the server ends.
struct Over;

struct Listener {
    /// The last row that was told or was not for this listener.
    after: u64,
    project: Option<u32>,
    to: mpsc::Sender<Event>,
}

impl Listener {
    async fn attend(
        &mut self,
        hub: &Hub,
        mut live: tokio::sync::broadcast::Receiver<Lines>,
    ) -> Result<(), Over> {
        // An id without data is kept by clients, so that they can come back before anything has happened.
        let hello = Event::default().id(self.after.to_string()).retry(COME_BACK).comment("what is recorded");
        self.send(hello).await?;
        let mut ending = hub.ending();
        self.catch_up(hub.core(), &ending).await?;
        loop {
            let told = tokio::select! {
                told = live.recv() => told,
                () = self.to.closed() => return Err(Over),
                _ = ending.wait_for(|ending| *ending) => return Err(Over),
            };
            match told {
                Ok(lines) if self.follows(&lines) => self.tell(&lines).await?,
                Ok(_) | Err(RecvError::Lagged(_)) => self.catch_up(hub.core(), &ending).await?,
                Err(RecvError::Closed) => return Err(Over),
            }
        }
    }

    /// Whether nothing is missing between what was told and these.
    fn follows(&self, lines: &Lines) -> bool {
        lines.first().is_some_and(|first| first.row <= self.after + 1)
    }

    async fn tell(&mut self, lines: &[EventLine]) -> Result<(), Over> {
        for line in lines {
            // The journal may have told some of them already.
            if line.row <= self.after {
                continue;
            }
            self.after = line.row;
            if self.project.is_none() || self.project == line.project {
                self.send(line.event()).await?;
            }
        }
        Ok(())
    }

    /// Tells everything up to what the view has seen; what comes after that is on its way through the hub.
    async fn catch_up(
        &mut self,
        core: &Core,
        ending: &tokio::sync::watch::Receiver<bool>,
    ) -> Result<(), Over> {
        loop {
            let head = core.view().head();
            if self.after >= head {
                return Ok(());
            }
            if *ending.borrow() || self.to.is_closed() {
                return Err(Over);
            }
            let lines = read(core.clone(), self.after, head).await?;
            let is_all = lines.len() < ROWS;
            self.tell(&lines).await?;
            if is_all {
                // Rows that cannot be read are passed over; `smith audit verify` names them.
                self.after = self.after.max(head);
            }
        }
    }

    async fn send(&self, event: Event) -> Result<(), Over> {
        self.to.send_timeout(event, STALLED).await.map_err(|_| Over)
    }
}

/// Rows of the journal in words, from behind `after` to `head`.
async fn read(core: Core, after: u64, head: u64) -> Result<Vec<EventLine>, Over> {
    let read = tokio::task::spawn_blocking(move || {
        let history = History::open(&core.journal()).map_err(|error| error.to_string())?;
        let most = usize::try_from(head - after).unwrap_or(ROWS).min(ROWS);
        let told = history.after(after, most, |_| true).map_err(|error| error.to_string())?;
        let told = told.into_iter().filter(|one| one.recorded.seq <= head);
        Ok::<_, String>(core.read(|state| told.map(|one| line(state, &one.recorded, one.kind)).collect()))
    });
    let why = match read.await {
        Ok(Ok(lines)) => return Ok(lines),
        Ok(Err(why)) => why,
        Err(ended) => ended.to_string(),
    };
    tracing::warn!(target: "smith::http", after, why, "the journal could not be read for a stream of events");
    Err(Over)
}
