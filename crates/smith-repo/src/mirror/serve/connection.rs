//! One client, until it goes.

use std::future::poll_fn;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::lazy::Brought;
use crate::mirror::serve::file::{Served, date, open};
use crate::mirror::serve::reply::Reply;
use crate::mirror::serve::request::{After, HEAD_MAX, Method, Refusal, Request};
use crate::mirror::serve::server::{ServeLimits, Shared};
use crate::name::RelPath;

/// Handed to the kernel at a time.
const SENT_AT_ONCE: usize = 4 << 20;

/// Smaller files go out with their head in one packet or a few.
const SMALL: u64 = 32 << 10;

/// Requests on one connection; then the client opens another, and a stop need not wait for it.
const REQUESTS_MAX: u32 = 100_000;

/// A client that takes less than this for a minute, in bytes per second, holds its place for nothing.
const SLOWEST: u64 = 512;
const SLOW_AFTER: Duration = Duration::from_secs(60);

/// What is still read after the last answer, and for how long.
const DROPPED_MAX: usize = 64 << 10;
const LINGER: Duration = Duration::from_secs(1);

pub(super) async fn talk(
    mut stream: TcpStream,
    shared: &Shared,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    // Heads and small files are whole packets; waiting for more would only delay them.
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(1024);
    for _ in 0..REQUESTS_MAX {
        let Some(length) = read_head(&mut stream, &mut buffer, shared, &mut stop).await? else {
            return Ok(());
        };
        let request = Request::parse(&buffer[..length]);
        buffer.drain(..length + 4);
        let after = match request {
            Ok(request) => answer(&mut stream, shared, &request).await?,
            Err(Refusal { status, after }) => bare(&mut stream, shared, status, after).await?,
        };
        if after == After::Close || *stop.borrow() {
            return finish(&mut stream).await;
        }
    }
    finish(&mut stream).await
}

/// The length of the next head; `None` when the client went, or had nothing to ask when it was time to stop.
async fn read_head(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    shared: &Shared,
    stop: &mut watch::Receiver<bool>,
) -> io::Result<Option<usize>> {
    let limits = &shared.limits;
    let began = Instant::now();
    loop {
        let end = memchr::memmem::find(buffer, b"\r\n\r\n");
        if end.unwrap_or(buffer.len()) > HEAD_MAX {
            bare(stream, shared, "431 Request Header Fields Too Large", After::Close).await?;
            return finish(stream).await.map(|()| None);
        }
        if end.is_some() {
            return Ok(end);
        }
        if buffer.is_empty() {
            let read =
                timeout(limits.idle, either(stream.read_buf(buffer), stop.wait_for(|stop| *stop))).await;
            match read {
                Ok(Some(Ok(1..))) => continue,
                Ok(Some(Err(error))) => return Err(error),
                Ok(_) | Err(_) => return Ok(None),
            }
        }
        let left = limits.head.saturating_sub(began.elapsed().min(limits.head));
        match timeout(left, stream.read_buf(buffer)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0)) => return Ok(None),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                bare(stream, shared, "408 Request Timeout", After::Close).await?;
                return finish(stream).await.map(|()| None);
            }
        }
    }
}

/// What the first gives, or nothing if the second is done before.
pub(super) async fn either<T>(first: impl Future<Output = T>, second: impl Future) -> Option<T> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| {
        if let Poll::Ready(done) = first.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        second.as_mut().poll(context).map(|_| None)
    })
    .await
}

async fn answer(stream: &mut TcpStream, shared: &Shared, request: &Request) -> io::Result<After> {
    if request.path.as_str() == "builds/index.json" {
        return index(stream, shared, request).await;
    }
    let served = match open(&shared.root, &request.path) {
        Some(served) => served,
        None => match on_demand(shared, &request.path).await {
            Ok(served) => served,
            Err(status) => return bare(stream, shared, status, request.after).await,
        },
    };
    let reply = Reply::of(request, &served, &now());
    shared.count(&reply);
    send(stream, shared, &reply, &served).await?;
    Ok(request.after)
}

/// A file that a build left at its upstream, or what to say instead of it.
async fn on_demand(shared: &Shared, path: &RelPath) -> Result<Served, &'static str> {
    let Some(demand) = &shared.demand else { return Err("404 Not Found") };
    match demand.bring(path).await {
        Brought::Here => open(&shared.root, path).ok_or("404 Not Found"),
        Brought::Unknown | Brought::Gone => Err("404 Not Found"),
        Brought::Unreachable => Err("502 Bad Gateway"),
        Brought::Coming => Err("503 Service Unavailable"),
        Brought::NoRoom => Err("507 Insufficient Storage"),
    }
}

/// Which builds there are, as of now.
async fn index(stream: &mut TcpStream, shared: &Shared, request: &Request) -> io::Result<After> {
    let builds = shared.store.builds_present().map_err(io::Error::other)?;
    let body = serde_json::to_string(&builds)?;
    let fields = format!(
        "Content-Type: application/json\r\nCache-Control: no-cache\r\nContent-Length: {}\r\n",
        body.len()
    );
    let reply = Reply::with("200 OK", &fields, (0, body.len() as u64), request.after, &now());
    shared.count(&reply);
    let body = if request.method == Method::Head { "" } else { &body };
    write(stream, &shared.limits, format!("{}{body}", reply.head).as_bytes()).await?;
    shared.sent(body.len() as u64);
    Ok(request.after)
}

async fn bare(
    stream: &mut TcpStream,
    shared: &Shared,
    status: &'static str,
    after: After,
) -> io::Result<After> {
    let reply = Reply::bare(status, after, &now());
    shared.count(&reply);
    write(stream, &shared.limits, reply.head.as_bytes()).await?;
    Ok(after)
}

async fn send(stream: &mut TcpStream, shared: &Shared, reply: &Reply, served: &Served) -> io::Result<()> {
    if reply.length <= SMALL {
        let mut bytes = reply.head.clone().into_bytes();
        let start = bytes.len();
        bytes.resize(start + reply.length as usize, 0);
        served.file.read_exact_at(&mut bytes[start..], reply.from)?;
        write(stream, &shared.limits, &bytes).await?;
        shared.sent(reply.length);
        return Ok(());
    }
    write(stream, &shared.limits, reply.head.as_bytes()).await?;
    let began = Instant::now();
    let (mut at, end) = (reply.from, reply.from + reply.length);
    while at < end {
        let most = usize::try_from(end - at).unwrap_or(SENT_AT_ONCE).min(SENT_AT_ONCE);
        timeout(shared.limits.stall, stream.writable()).await.map_err(|_| io::ErrorKind::TimedOut)??;
        // From the page cache to the socket, without passing through this process.
        let sent = stream.try_io(Interest::WRITABLE, || {
            Ok(rustix::fs::sendfile(&*stream, &served.file, Some(&mut at), most)?)
        });
        match sent {
            // Somebody cut the file; the client sees a body that is too short.
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(sent) => shared.sent(sent as u64),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        let passed = began.elapsed();
        if passed > SLOW_AFTER && (at - reply.from) / passed.as_secs().max(1) < SLOWEST {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    Ok(())
}

pub(super) async fn write(stream: &mut TcpStream, limits: &ServeLimits, bytes: &[u8]) -> io::Result<()> {
    timeout(limits.stall, stream.write_all(bytes)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// Says that nothing more comes. What the client still sends is read and dropped for a moment: to close before would reset
/// the connection, and the client would lose the answer.
async fn finish(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut dropped = vec![0; 4096];
    let drain = async {
        for _ in 0..DROPPED_MAX / dropped.len() {
            if !matches!(stream.read(&mut dropped).await, Ok(1..)) {
                return;
            }
        }
    };
    let _ = timeout(LINGER, drain).await;
    Ok(())
}

pub(super) fn now() -> String {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    date(seconds as i64)
}
