//! Connections to machines: made when they are needed, kept for a while, never more than the limits allow.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use russh::client::{self, Config, Handle, Msg};
use russh::keys::{Algorithm, HashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Channel, Disconnect, Preferred};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::address::Address;
use super::identity::Identity;
use super::text::one_line;

/// How much of a machine's and of our own strength connecting may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkLimits {
    /// Handshakes at a time. A handshake is half a millisecond of our processor and ten of the machine's; what more of them
    /// at a time gains is lost in sshd's own limits.
    pub handshakes: usize,
    /// Connections held at a time.
    pub sessions: usize,
    /// For the whole of connecting, handshake and key.
    pub connect: Duration,
    /// A connection that nobody uses is kept so long, and at most twice so long.
    pub idle: Duration,
    /// Nothing was heard for so long: is anybody there? After three questions without an answer the connection is dead.
    pub keep_alive: Duration,
}

impl Default for LinkLimits {
    fn default() -> Self {
        Self {
            handshakes: 64,
            sessions: 4_000,
            connect: Duration::from_secs(20),
            idle: Duration::from_secs(60),
            keep_alive: Duration::from_secs(15),
        }
    }
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum NoLink {
    #[error("{machine} could not be reached: {why}")]
    Unreachable { machine: String, why: String },
    #[error("expected host key {expected} of {machine}, found {found}")]
    OtherHost { machine: String, expected: String, found: String },
    #[error("{machine} takes none of the controller's keys for user {user}")]
    KeyRefused { machine: String, user: String },
    #[error("the identity of the controller could not be used: {why}")]
    NoIdentity { why: String },
}

/// Between two looks for connections that nobody uses, however short they are kept.
const LOOK_LEAST: Duration = Duration::from_millis(100);

/// All connections of a controller. Those that are kept end with the last clone of it.
#[derive(Debug, Clone)]
pub struct Links {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    identity: Identity,
    limits: LinkLimits,
    handshakes: Semaphore,
    sessions: Arc<Semaphore>,
    held: Mutex<Room>,
    /// Somebody has no use for a connection any more: whoever waits for a seat may take that of a kept one.
    unused: Arc<Notify>,
}

/// The connections that are kept.
#[derive(Debug, Default)]
struct Room {
    links: HashMap<Place, Held>,
    /// Ends those that nobody uses, as long as there are any.
    keeper: Option<JoinHandle<()>>,
}

/// What a connection is to: any change of it is another connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    sockets: Vec<SocketAddr>,
    user: String,
    host_key: String,
}

/// A kept connection. Nobody uses it where there is no other clone of its handle.
#[derive(Debug)]
struct Held {
    kept: Kept,
    since: Instant,
}

#[derive(Clone)]
struct Kept {
    handle: Arc<Handle<HostKey>>,
    seat: Arc<OwnedSemaphorePermit>,
}

/// One connection. Clones are the same connection; it ends with the last of them.
#[derive(Clone)]
pub struct Link {
    kept: Kept,
    /// Dropped last: who is woken finds the seat free.
    _end_of_use: Arc<EndOfUse>,
}

#[derive(Debug)]
struct EndOfUse(Arc<Notify>);

impl Drop for EndOfUse {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = self.handle.is_closed();
        f.debug_struct("Kept").field("seat", &self.seat).field("closed", &closed).finish_non_exhaustive()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// Compares the key that a machine proves with the recorded one.
#[derive(Debug)]
pub(super) struct HostKey {
    expected: Expected,
    found: Arc<Mutex<Option<PublicKey>>>,
}

#[derive(Debug)]
enum Expected {
    Exactly(PublicKey),
    /// Enrolment: nothing is sent to the machine, only its key is taken down.
    Whatever,
}

impl client::Handler for HostKey {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        *lock(&self.found) = Some(key.clone());
        Ok(match &self.expected {
            Expected::Exactly(expected) => expected.key_data() == key.key_data(),
            Expected::Whatever => false,
        })
    }
}

impl Links {
    pub fn new(identity: Identity, limits: LinkLimits) -> Self {
        let sessions = Arc::new(Semaphore::new(limits.sessions));
        let handshakes = Semaphore::new(limits.handshakes);
        let (held, unused) = (Mutex::new(Room::default()), Arc::new(Notify::new()));
        let inner = Inner { identity, limits, handshakes, sessions, held, unused };
        Self { inner: Arc::new(inner) }
    }

    /// How many connections are kept.
    pub fn held(&self) -> usize {
        lock(&self.inner.held).links.len()
    }

    /// The connection to a machine: a kept one, or a new one.
    pub async fn open(&self, address: &Address) -> Result<Link, NoLink> {
        let place = place_of(address);
        if let Some(link) = self.kept(&place) {
            return Ok(link);
        }
        // Locals go in the reverse order: where there is no connection in the end, the seat is free when the next is woken.
        let end_of_use = Arc::new(EndOfUse(Arc::clone(&self.inner.unused)));
        let seat = self.seat().await;
        let _shake = self.inner.handshakes.acquire().await.map_err(|_| closing(address))?;
        let handle = self.connect(address).await?;
        let kept = Kept { handle: Arc::new(handle), seat: Arc::new(seat) };
        let link = Link { kept: kept.clone(), _end_of_use: end_of_use };
        self.keep(place, kept);
        Ok(link)
    }

    fn keep(&self, place: Place, kept: Kept) {
        let mut room = lock(&self.inner.held);
        room.links.insert(place, Held { kept, since: Instant::now() });
        if room.keeper.as_ref().is_none_or(JoinHandle::is_finished) {
            room.keeper = Some(tokio::spawn(end_idle(Arc::downgrade(&self.inner))));
        }
    }

    fn lent(&self, kept: &Kept) -> Link {
        Link { kept: kept.clone(), _end_of_use: Arc::new(EndOfUse(Arc::clone(&self.inner.unused))) }
    }

    /// A seat for one more connection: a free one, or that of the connection that nobody has used for the longest time.
    async fn seat(&self) -> OwnedSemaphorePermit {
        loop {
            let unused = self.inner.unused.notified();
            if let Ok(seat) = Arc::clone(&self.inner.sessions).try_acquire_owned() {
                return seat;
            }
            if !self.drop_oldest() {
                unused.await;
            }
        }
    }

    /// Whether there was one.
    fn drop_oldest(&self) -> bool {
        let mut room = lock(&self.inner.held);
        let unused = room.links.iter().filter(|(_, held)| !held.is_used());
        let oldest = unused.min_by_key(|(_, held)| held.since).map(|(place, _)| place.clone());
        oldest.is_some_and(|place| room.links.remove(&place).is_some())
    }

    /// Forgets the connection to a machine, because it is broken or because the machine is about to go down.
    pub fn forget(&self, address: &Address) {
        lock(&self.inner.held).links.remove(&place_of(address));
    }

    fn kept(&self, place: &Place) -> Option<Link> {
        let mut room = lock(&self.inner.held);
        let held = room.links.get_mut(place)?;
        if !held.is_to_stay(self.inner.limits.idle) {
            room.links.remove(place);
            return None;
        }
        held.since = Instant::now();
        Some(self.lent(&held.kept))
    }

    async fn connect(&self, address: &Address) -> Result<Handle<HostKey>, NoLink> {
        let machine = || address.name.clone();
        let mut why = String::new();
        for socket in &address.sockets {
            let found = Arc::new(Mutex::new(None));
            let expected = Expected::Exactly(address.host_key.clone());
            let handler = HostKey { expected, found: Arc::clone(&found) };
            let limit = self.inner.limits.connect;
            match timeout(limit, self.connect_to(*socket, address, handler)).await {
                Ok(Ok(Some(handle))) => return Ok(handle),
                Ok(Ok(None)) => {
                    return Err(NoLink::KeyRefused { machine: machine(), user: address.user.clone() });
                }
                Ok(Err(russh::Error::Keys(error))) => {
                    return Err(NoLink::NoIdentity { why: error.to_string() });
                }
                Ok(Err(russh::Error::UnknownKey)) => {
                    let found = lock(&found).as_ref().map_or_else(|| "no key".to_owned(), fingerprint);
                    let expected = fingerprint(&address.host_key);
                    return Err(NoLink::OtherHost { machine: machine(), expected, found });
                }
                // The machine has a key, but none of the recorded kind.
                Ok(Err(russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Key, theirs, .. })) => {
                    let expected = fingerprint(&address.host_key);
                    let found = format!("keys of the kinds {}", one_line(&theirs.join(", ")));
                    return Err(NoLink::OtherHost { machine: machine(), expected, found });
                }
                Ok(Err(error)) => why = format!("{socket}: {}", one_line(&error.to_string())),
                Err(_) => why = format!("{socket}: no answer within {} s", limit.as_secs()),
            }
        }
        Err(NoLink::Unreachable { machine: machine(), why })
    }

    /// None if the machine takes none of our keys.
    async fn connect_to(
        &self,
        socket: SocketAddr,
        address: &Address,
        handler: HostKey,
    ) -> Result<Option<Handle<HostKey>>, russh::Error> {
        let stream = TcpStream::connect(socket).await?;
        stream.set_nodelay(true)?;
        let config = config(&self.inner.limits, Some(address.host_key.algorithm()));
        let mut handle = client::connect_stream(Arc::new(config), stream, handler).await?;
        let taken = self.inner.identity.authenticate(&mut handle, &address.user).await?;
        if taken {
            return Ok(Some(handle));
        }
        let _ = handle.disconnect(Disconnect::ByApplication, "no key was taken", "").await;
        Ok(None)
    }
}

impl Inner {
    /// Ends the connections that nobody uses any more, and says when to look again.
    fn end_idle(&self) -> Option<Duration> {
        let idle = self.limits.idle;
        let mut room = lock(&self.held);
        let before = room.links.len();
        room.links.retain(|_, held| held.is_to_stay(idle));
        for held in room.links.values_mut().filter(|held| held.is_used()) {
            held.since = Instant::now();
        }
        let next = room.links.values().map(|held| idle.saturating_sub(held.since.elapsed())).min();
        if room.links.len() < before {
            self.unused.notify_one();
        }
        if next.is_none() {
            room.keeper = None;
        }
        next.map(|next| next.max(LOOK_LEAST))
    }
}

impl Held {
    fn is_used(&self) -> bool {
        Arc::strong_count(&self.kept.handle) > 1
    }

    fn is_to_stay(&self, idle: Duration) -> bool {
        !self.kept.handle.is_closed() && (self.is_used() || self.since.elapsed() < idle)
    }
}

/// Does not keep the connections: it ends with them.
async fn end_idle(inner: Weak<Inner>) {
    while let Some(next) = inner.upgrade().and_then(|inner| inner.end_idle()) {
        tokio::time::sleep(next).await;
    }
}

impl Link {
    /// A channel in which the machine's agent is started. What is asked for is not a command: the machine's
    /// `authorized_keys` runs the agent and nothing else, whatever is asked.
    pub async fn agent(&self) -> Result<Channel<Msg>, russh::Error> {
        let channel = self.kept.handle.channel_open_session().await?;
        channel.exec(true, "smith-agent").await?;
        Ok(channel)
    }

    /// A channel of an administrator, in which a command may be run.
    pub async fn command(&self, command: &str) -> Result<Channel<Msg>, russh::Error> {
        let channel = self.kept.handle.channel_open_session().await?;
        channel.exec(true, command).await?;
        Ok(channel)
    }

    pub fn is_closed(&self) -> bool {
        self.kept.handle.is_closed()
    }
}

/// The key that a machine proves to have, for a person to compare. Nothing is logged in and nothing is sent.
pub async fn host_key_of(socket: SocketAddr, limits: &LinkLimits) -> Result<PublicKey, NoLink> {
    let found = Arc::new(Mutex::new(None));
    let handler = HostKey { expected: Expected::Whatever, found: Arc::clone(&found) };
    let shake = async {
        let stream = TcpStream::connect(socket).await?;
        client::connect_stream(Arc::new(config(limits, None)), stream, handler).await
    };
    let why = match timeout(limits.connect, shake).await {
        Ok(Ok(_)) => "it proved no key".to_owned(),
        Ok(Err(error)) => one_line(&error.to_string()),
        Err(_) => format!("no answer within {} s", limits.connect.as_secs()),
    };
    let key = lock(&found).take();
    key.ok_or_else(|| NoLink::Unreachable { machine: socket.to_string(), why })
}

fn config(limits: &LinkLimits, host_key: Option<Algorithm>) -> Config {
    let mut preferred = Preferred::default();
    // A machine has several keys; it must prove the one that is recorded.
    match host_key {
        Some(Algorithm::Rsa { .. }) => {
            let hashes = [Some(HashAlg::Sha512), Some(HashAlg::Sha256)];
            preferred.key = Cow::Owned(hashes.map(|hash| Algorithm::Rsa { hash }).to_vec());
        }
        Some(other) => preferred.key = Cow::Owned(vec![other]),
        None => {}
    }
    Config {
        preferred,
        keepalive_interval: Some(limits.keep_alive),
        keepalive_max: 3,
        // What one hostile machine can make us hold before we have read it.
        window_size: 256 << 10,
        channel_buffer_size: 16,
        ..Config::default()
    }
}

fn place_of(address: &Address) -> Place {
    let host_key = fingerprint(&address.host_key);
    Place { sockets: address.sockets.clone(), user: address.user.clone(), host_key }
}

/// The kind of a key and the hash by which people compare it.
pub fn fingerprint(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}

fn closing(address: &Address) -> NoLink {
    NoLink::Unreachable { machine: address.name.clone(), why: "the controller is closing".to_owned() }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
