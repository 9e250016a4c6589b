//! Answers at doors until it is told to stop, then lets what has begun come to its end.

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_service::Service as _;

use super::door::{Came, Door, Origin};
use super::hall::{Guest, Hall};
use super::patient::Patient;
use crate::http::app::App;

/// How many may come in at a door, and how long is waited for them.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// Connections at once at each door; more of them wait in the kernel. Streams of events are at most half.
    pub connections: usize,
    /// Those of them by which nobody was let in yet. Who they are is said in the first request, so they are many only when
    /// somebody means harm.
    pub unknown: usize,
    /// A client says within this what it wants, at first and after each answer, or is gone.
    pub headers: Duration,
    /// A client that takes no byte for so long is gone, too.
    pub writes: Duration,
}

impl Default for Manners {
    fn default() -> Self {
        let (headers, writes) = (Duration::from_secs(20), Duration::from_secs(60));
        Self { connections: 512, unknown: 128, headers, writes }
    }
}

const HEADERS_MAX: usize = 64;
/// Bytes of a request line and headers together.
const HEAD_MAX: usize = 64 * 1024;

/// How long requests that have begun may take once the server ends. The slowest verb waits ten seconds.
const GRACE: Duration = Duration::from_secs(12);

/// The rest after a connection could not be taken: no file descriptor is free for a while.
const ACCEPT_REST: Duration = Duration::from_millis(200);

/// Answers at all doors until `stop` is there; returns when everything that had begun has ended, or was ended.
pub async fn serve(doors: Vec<Door>, app: App, stop: impl Future<Output = ()>) {
    serve_with(Manners::default(), doors, app, stop).await;
}

/// The same with other limits.
pub async fn serve_with(manners: Manners, doors: Vec<Door>, app: App, stop: impl Future<Output = ()>) {
    app.listens_at(doors.iter().map(Door::address).collect());
    let (stopping, stopped) = watch::channel(false);
    let mut attended = JoinSet::new();
    for door in doors {
        attended.spawn(attend(door, app.router(), manners, stopped.clone()));
    }
    stop.await;
    app.end();
    stopping.send_replace(true);
    while attended.join_next().await.is_some() {}
    app.site().note_refusals().await;
}

async fn attend(door: Door, router: Router, manners: Manners, mut stopping: watch::Receiver<bool>) {
    let hall = Hall::new(manners.connections, manners.unknown);
    let mut guests = JoinSet::new();
    let stopped = stopping.clone();
    let mut stop = pin!(async move {
        // Whoever serves went away without a word: that is an end, too.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    });
    loop {
        let came = tokio::select! {
            () = &mut stop => break,
            Some(_) = guests.join_next() => continue,
            came = door.accept() => came,
        };
        let (came, origin) = match came {
            Ok(came) => came,
            Err(error) => {
                tracing::warn!(target: "smith::http", %error, "a connection could not be taken");
                sleep(ACCEPT_REST).await;
                continue;
            }
        };
        // Somebody is at the door before anybody has to make room.
        let place = tokio::select! {
            () = &mut stop => break,
            place = hall.place() => place,
        };
        let Some(place) = place else { break };
        let visit = Visit { origin, guest: hall.enter(place), manners, router: router.clone() };
        let stopped = stopped.clone();
        match came {
            Came::Unix(io) => guests.spawn(converse(io, visit, stopped)),
            Came::Tcp(io) => guests.spawn(converse(io, visit, stopped)),
        };
    }
    drop(door);
    let all = async { while guests.join_next().await.is_some() {} };
    if timeout(GRACE, all).await.is_err() {
        tracing::warn!(target: "smith::http", left = guests.len(), "requests did not end in time and are cut");
        guests.shutdown().await;
    }
}

/// One connection, and what is known of it.
struct Visit {
    origin: Origin,
    guest: Guest,
    manners: Manners,
    router: Router,
}

async fn converse<IO>(io: IO, visit: Visit, mut stopping: watch::Receiver<bool>)
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Visit { origin, guest, manners, router } = visit;
    let inside = guest.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(origin.clone());
        request.extensions_mut().insert(inside.clone());
        let mut router = router.clone();
        async move { router.call(request).await }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(manners.headers)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_MAX);
    let io = TokioIo::new(Patient::new(io, manners.writes));
    let mut connection = pin!(http.serve_connection(io, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = guest.is_sent_away() => {
            tracing::debug!(target: "smith::http", "a connection makes room for another");
            return;
        }
        _ = stopping.wait_for(|stopping| *stopping) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients go away whenever they like.
        tracing::debug!(target: "smith::http", %error, "a connection ended early");
    }
}
