//! Those who look on meanwhile: clients that ask for the project again and again, and one that hears everything.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use smith_api::Project;
use smith_api::{Client, Hearing, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::Outcome;
use crate::process::Process;
use crate::size::PATIENCE;

/// Half of them come to the socket, the other half over loopback with a token.
const CLIENTS: u32 = 4;

type Times = Result<Vec<Duration>, String>;

pub(crate) struct Load {
    runtime: Runtime,
    stop: watch::Sender<bool>,
    project: Arc<AtomicU32>,
    clients: Vec<JoinHandle<Times>>,
    /// Asks for what needs no look at anything, and so shows what the computer itself takes its time for.
    control: JoinHandle<Times>,
    listener: Listener,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) answers: Answers,
    pub(crate) control: Answers,
    pub(crate) events: u64,
    /// How long after the end of everything the stream had told it.
    pub(crate) behind: Duration,
}

/// How long answers took, each from the moment that it was to be asked for; the shortest first.
#[derive(Debug)]
pub(crate) struct Answers(Vec<Duration>);

impl Answers {
    /// The time within which so many of a thousand answers came, in milliseconds.
    pub(crate) fn permille(&self, permille: usize) -> f64 {
        let at = (self.0.len() * permille).div_ceil(1_000).max(1) - 1;
        self.0.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p90, p99, all] = [500, 900, 990, 1_000].map(|permille| self.permille(permille));
        let number = self.0.len();
        write!(f, "{number} answers: p50 {p50:.2} ms, p90 {p90:.2} ms, p99 {p99:.2} ms, longest {all:.2} ms")
    }
}

impl Load {
    /// From now on `requests` in a second are asked for, and everything is heard.
    pub(crate) fn begin(server: &Process, requests: u32, project: u32) -> Outcome<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (stop, stopped) = watch::channel(false);
        let project = Arc::new(AtomicU32::new(project));
        let token = server.token()?;
        let every = Duration::from_secs(1) * CLIENTS / requests.max(1);
        let begun = Instant::now();
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let client = if number % 2 == 0 {
                Client::new(Server::Socket(server.socket.clone()), None)?
            } else {
                Client::new(Server::Address(server.address.clone()), Some(token.clone()))?
            };
            let first = begun + every * number / CLIENTS;
            let turns = Turns { turn: 0, first, every, stop: stopped.clone() };
            clients.push(runtime.spawn(ask(client, Arc::clone(&project), turns)));
        }
        let turns = Turns { turn: 0, first: begun, every, stop: stopped };
        let control = runtime.spawn(ask_nothing(server.socket.clone(), turns));
        let listener = Listener::begin(Client::new(Server::Socket(server.socket.clone()), None)?)?;
        Ok(Self { runtime, stop, project, clients, control, listener })
    }

    /// Which project is asked for from now on.
    pub(crate) fn ask_for(&self, project: u32) {
        self.project.store(project, Ordering::Relaxed);
    }

    /// Ends once everything up to this row was heard.
    pub(crate) fn end(self, head: u64) -> Outcome<Seen> {
        self.stop.send_replace(true);
        let mut times = Vec::new();
        for client in self.clients {
            times.extend(self.runtime.block_on(client)??);
        }
        let mut control = self.runtime.block_on(self.control)??;
        times.sort();
        control.sort();
        let since = Instant::now();
        let events = self.listener.end(head)?;
        Ok(Seen { answers: Answers(times), control: Answers(control), events, behind: since.elapsed() })
    }

    /// Ends without having heard everything: the server was killed.
    pub(crate) fn drop_all(self) {
        self.runtime.shutdown_background();
    }
}

/// When something is asked: at the same distances, until it is stopped.
struct Turns {
    turn: u32,
    first: Instant,
    every: Duration,
    stop: watch::Receiver<bool>,
}

impl Turns {
    /// Waits until it is time, and tells which turn it is and when it was due.
    async fn next(&mut self) -> Option<(u32, Instant)> {
        let (turn, at) = (self.turn, self.first + self.every * self.turn);
        self.turn += 1;
        tokio::select! {
            () = tokio::time::sleep_until(at.into()) => Some((turn, at)),
            _ = self.stop.wait_for(|stop| *stop) => None,
        }
    }
}

/// Asks when its time has come, however long the answer before took, and reads each answer to its end.
async fn ask(client: Client, project: Arc<AtomicU32>, mut turns: Turns) -> Times {
    let mut times = Vec::new();
    while let Some((turn, at)) = turns.next().await {
        let route = if turn % 2 == 0 { "queryproject" } else { "projects" };
        let path = format!("/v1/{route}/{}", project.load(Ordering::Relaxed));
        let _: Project = client.get(&path).await.map_err(|error| error.to_string())?;
        times.push(at.elapsed());
    }
    Ok(times)
}

/// Asks whether the server lives, each time over a new connection, as a probe does.
async fn ask_nothing(socket: PathBuf, mut turns: Turns) -> Times {
    let mut times = Vec::new();
    while let Some((_, at)) = turns.next().await {
        let asked = async {
            let mut stream = UnixStream::connect(&socket).await?;
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: smith\r\nConnection: close\r\n\r\n").await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.map(|_| answer)
        };
        let answer = asked.await.map_err(|error| error.to_string())?;
        if !answer.starts_with("HTTP/1.1 200") {
            return Err(format!("expected a server that lives, found {answer}"));
        }
        times.push(at.elapsed());
    }
    Ok(times)
}

/// Hears everything that is recorded, on a thread of its own, and looks whether anything is missing.
struct Listener {
    stop: oneshot::Sender<()>,
    last: Arc<AtomicU64>,
    thread: thread::JoinHandle<Result<u64, String>>,
}

impl Listener {
    fn begin(client: Client) -> Outcome<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let last = Arc::new(AtomicU64::new(0));
        let heard = Arc::clone(&last);
        let thread = thread::spawn(move || {
            let mut told = 0;
            let mut wrong = None;
            let hear = |event: smith_api::Told| {
                let row: u64 = event.id.and_then(|id| id.parse().ok()).unwrap_or_default();
                let before = heard.swap(row, Ordering::Relaxed);
                if told > 0 && row != before + 1 {
                    wrong = Some(format!("expected row {} of the stream, found row {row}", before + 1));
                    return Hearing::Enough;
                }
                told += 1;
                Hearing::GoOn
            };
            let ended = runtime.block_on(async {
                tokio::select! {
                    ended = client.listen("/v1/events", None, hear) => ended.map(drop).map_err(|error| error.to_string()),
                    _ = stopped => Ok(()),
                }
            });
            match wrong {
                Some(wrong) => Err(wrong),
                None => ended.map(|()| told),
            }
        });
        Ok(Self { stop, last, thread })
    }

    fn end(self, head: u64) -> Outcome<u64> {
        let since = Instant::now();
        while self.last.load(Ordering::Relaxed) < head && !self.thread.is_finished() {
            if since.elapsed() > PATIENCE {
                return Err(format!("expected row {head} of the stream, found none").into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.stop.send(());
        let told = self.thread.join().map_err(|_| "the listener has panicked")??;
        if self.last.load(Ordering::Relaxed) < head {
            return Err(format!("expected row {head} of the stream, found that it ended before").into());
        }
        Ok(told)
    }
}
