//! The server itself: it listens, counts, and ends when it is told.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::fetch::Fetcher;
use crate::lazy::Demand;
use crate::mirror::serve::connection::{either, now, talk, write};
use crate::mirror::serve::reply::Reply;
use crate::mirror::serve::request::After;
use crate::store::Store;

/// A worker waits for the disk when a file is not in the page cache, so there are more of them than cores.
const WORKERS_PER_CORE: usize = 2;
const WORKERS_MIN: usize = 4;

/// How long to wait when no connection can be taken, because the process has no descriptors left.
const BREATH: Duration = Duration::from_millis(50);

#[derive(Debug, Clone)]
pub struct ServeLimits {
    /// Clients at a time; more are told to come again.
    pub connections: usize,
    /// How long a connection may lie unused.
    pub idle: Duration,
    /// How long a request may take to arrive.
    pub head: Duration,
    /// How long a client may take nothing of an answer.
    pub stall: Duration,
    /// How long a stop waits for answers that are being sent.
    pub grace: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            // Half of the descriptors that a process has by default, since each may also have a file open.
            connections: 480,
            // apt asks again within seconds; proxies keep connections for about a minute.
            idle: Duration::from_secs(60),
            head: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            grace: Duration::from_secs(10),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot serve {}", .path.display())]
    Root { path: PathBuf, source: io::Error },
    #[error("cannot begin to serve")]
    Start { source: io::Error },
}

/// What was served so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub connections: u64,
    /// Clients that were told to come again.
    pub turned_away: u64,
    pub requests: u64,
    /// Answers with a file, or with the word that it did not change.
    pub good: u64,
    pub bytes: u64,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Store,
    /// Without links in its path.
    pub(super) root: PathBuf,
    pub(super) limits: ServeLimits,
    /// Brings what was left at upstreams, if it may.
    pub(super) demand: Option<Demand>,
    connections: AtomicU64,
    turned_away: AtomicU64,
    requests: AtomicU64,
    good: AtomicU64,
    bytes: AtomicU64,
}

/// A server that runs. Ends when it is dropped, and gently when it is stopped.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    stop: watch::Sender<bool>,
}

impl Serving {
    /// Begins to serve a store; port 0 takes any that is free.
    pub fn start(store: &Store, address: SocketAddr, limits: ServeLimits) -> Result<Self, ServeError> {
        Self::start_with(store, address, limits, None)
    }

    /// The same, and package files that builds left at their upstreams are fetched when they are asked for.
    pub fn start_fetching(
        store: &Store,
        address: SocketAddr,
        limits: ServeLimits,
        fetcher: Fetcher,
    ) -> Result<Self, ServeError> {
        Self::start_with(store, address, limits, Some(Demand::new(store, fetcher)))
    }

    fn start_with(
        store: &Store,
        address: SocketAddr,
        limits: ServeLimits,
        demand: Option<Demand>,
    ) -> Result<Self, ServeError> {
        let root = std::fs::canonicalize(store.root());
        let root = root.map_err(|source| ServeError::Root { path: store.root().to_owned(), source })?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads((cores * WORKERS_PER_CORE).max(WORKERS_MIN))
            .thread_name("serve")
            .enable_all()
            .build()
            .map_err(|source| ServeError::Start { source })?;
        let listener = runtime.block_on(TcpListener::bind(address));
        let listener = listener.map_err(|source| ServeError::Listen { address, source })?;
        let address = listener.local_addr().map_err(|source| ServeError::Start { source })?;
        let places = Arc::new(Semaphore::new(limits.connections));
        let shared = Arc::new(Shared {
            store: store.clone(),
            root,
            limits,
            demand,
            connections: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            good: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        });
        let (stop, stopped) = watch::channel(false);
        runtime.spawn(listen(listener, shared.clone(), places.clone(), stopped));
        Ok(Self { address, runtime: Some(runtime), shared, places, stop })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn counts(&self) -> Counts {
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Counts {
            connections: get(&self.shared.connections),
            turned_away: get(&self.shared.turned_away),
            requests: get(&self.shared.requests),
            good: get(&self.shared.good),
            bytes: get(&self.shared.bytes),
        }
    }

    /// Takes no more requests, lets answers that are being sent end within the grace, and says what was served.
    pub fn stop(mut self) -> Counts {
        self.stop.send_replace(true);
        let all = u32::try_from(self.shared.limits.connections).unwrap_or(u32::MAX);
        if let Some(runtime) = self.runtime.take() {
            let grace = self.shared.limits.grace;
            // When every place is free, nobody is being served.
            let _ =
                runtime.block_on(async { tokio::time::timeout(grace, self.places.acquire_many(all)).await });
            runtime.shutdown_timeout(grace);
        }
        self.counts()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    pub(super) fn count(&self, reply: &Reply) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if matches!(reply.status.as_bytes(), [b'2', ..] | [b'3', b'0', b'4', ..]) {
            self.good.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn sent(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

async fn listen(
    listener: TcpListener,
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let Some(accepted) = either(listener.accept(), stopped.wait_for(|stop| *stop)).await else { return };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        shared.connections.fetch_add(1, Ordering::Relaxed);
        match places.clone().try_acquire_owned() {
            Ok(place) => {
                tokio::spawn(serve(stream, shared.clone(), stopped.clone(), place));
            }
            Err(_) => {
                shared.turned_away.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(turn_away(stream, shared.clone()));
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    place: OwnedSemaphorePermit,
) {
    // A client that goes in the middle is none of our trouble.
    let _ = talk(stream, &shared, stop).await;
    drop(place);
}

async fn turn_away(mut stream: TcpStream, shared: Arc<Shared>) {
    let reply = Reply::bare("503 Service Unavailable", After::Close, &now());
    let _ = write(&mut stream, &shared.limits, reply.head.as_bytes()).await;
}
