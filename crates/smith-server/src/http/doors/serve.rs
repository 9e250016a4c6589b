//! Answers at doors until it is told to stop, then lets what has begun come to its end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_service::Service as _;

use super::door::{Door, Guest, Origin};
use crate::http::app::App;

/// Connections at once, over all doors; more of them wait in the kernel. Streams of events are a quarter at most.
const CONNECTIONS_MAX: usize = 1024;

/// A client says within this what it wants, or is gone.
const HEADERS_WAIT: Duration = Duration::from_secs(20);
const HEADERS_MAX: usize = 64;
/// Bytes of a request line and headers together.
const HEAD_MAX: usize = 64 * 1024;

/// How long requests that have begun may take once the server ends. The slowest verb waits ten seconds.
const GRACE: Duration = Duration::from_secs(12);

/// The rest after a connection could not be taken: no file descriptor is free for a while.
const ACCEPT_REST: Duration = Duration::from_millis(200);

/// Answers at all doors until `stop` is there; returns when everything that had begun has ended, or was ended.
pub async fn serve(doors: Vec<Door>, app: App, stop: impl Future<Output = ()>) {
    app.listens_at(doors.iter().map(Door::address).collect());
    let (stopping, stopped) = watch::channel(false);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut attended = JoinSet::new();
    for door in doors {
        attended.spawn(attend(door, app.router(), Arc::clone(&places), stopped.clone()));
    }
    stop.await;
    app.end();
    stopping.send_replace(true);
    while attended.join_next().await.is_some() {}
    app.site().note_refusals().await;
}

async fn attend(door: Door, router: Router, places: Arc<Semaphore>, mut stopping: watch::Receiver<bool>) {
    let mut guests = JoinSet::new();
    let stopped = stopping.clone();
    let mut stop = pin!(async move {
        // Whoever serves went away without a word: that is an end, too.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    });
    loop {
        let place = tokio::select! {
            () = &mut stop => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        tokio::select! {
            () = &mut stop => break,
            Some(_) = guests.join_next() => {}
            guest = door.accept() => match guest {
                Ok((Guest::Unix(io), origin)) => {
                    guests.spawn(converse(io, origin, router.clone(), stopped.clone(), place));
                }
                Ok((Guest::Tcp(io), origin)) => {
                    guests.spawn(converse(io, origin, router.clone(), stopped.clone(), place));
                }
                Err(error) => {
                    tracing::warn!(target: "smith::http", %error, "a connection could not be taken");
                    sleep(ACCEPT_REST).await;
                }
            },
        }
    }
    drop(door);
    let all = async { while guests.join_next().await.is_some() {} };
    if timeout(GRACE, all).await.is_err() {
        tracing::warn!(target: "smith::http", left = guests.len(), "requests did not end in time and are cut");
        guests.shutdown().await;
    }
}

async fn converse<IO>(
    io: IO,
    origin: Origin,
    router: Router,
    mut stopping: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(origin.clone());
        let mut router = router.clone();
        async move { router.call(request).await }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WAIT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(io), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
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
