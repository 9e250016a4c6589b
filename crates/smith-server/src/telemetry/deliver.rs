//! Brings requests to a collector: again and again what may be taken later, and with one word in the log for all of it.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, Request, Response};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::reply::{Reply, reply};
use super::target::Target;
use crate::config::settings::Signal;
use crate::machine::Backoff;

/// A request is given up after this and made again: what other exporters wait.
const REQUEST_MAX: Duration = Duration::from_secs(10);
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The wait before the second try, doubled up to the longest: a collector that is restarted is there again in seconds, one that is down
/// for a day is asked a thousand times.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A collector that wants to be left alone for longer is asked all the same: it may have been put right.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Bytes of an answer; what it says is short.
const ANSWER_MAX: usize = 64 << 10;

/// The way of one signal to the collector.
#[derive(Debug)]
pub(super) struct Deliver {
    client: Client,
    pub(super) target: Target,
    signal: Signal,
    ending: watch::Receiver<bool>,
    /// The first wait; tests have less time.
    first_wait: Duration,
    is_in_trouble: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivered {
    /// Taken, but for so many.
    Taken { refused: usize },
    /// It will never be taken.
    Refused,
    /// Nobody took it in time, and it may be taken later.
    GivenUp,
}

pub(super) fn client() -> reqwest::Result<Client> {
    // An answer that leads elsewhere is an answer: what is sent has secrets in its headers.
    let elsewhere = reqwest::redirect::Policy::none();
    Client::builder().timeout(REQUEST_MAX).connect_timeout(CONNECT_MAX).redirect(elsewhere).build()
}

impl Deliver {
    pub(super) fn new(client: Client, target: Target, signal: Signal, ending: watch::Receiver<bool>) -> Self {
        Self { client, target, signal, ending, first_wait: FIRST_WAIT, is_in_trouble: false }
    }

    /// The same with another first wait.
    #[cfg(test)]
    pub(super) fn waiting_first(self, first_wait: Duration) -> Self {
        Self { first_wait, ..self }
    }

    /// Whether the server ends, or has gone without a word.
    pub(super) fn is_ending(&self) -> bool {
        *self.ending.borrow() || self.ending.has_changed().is_err()
    }

    /// Rests, or until the server ends.
    pub(super) async fn rest(&self, time: Duration) {
        let mut ending = self.ending.clone();
        tokio::select! {
            () = sleep(time) => {}
            _ = ending.wait_for(|ending| *ending) => {}
        }
    }

    /// Sends until it is taken, is refused for good, or the time is over. Once the server ends, it is tried once more and not again.
    pub(super) async fn deliver(&mut self, body: String, until: Option<Instant>) -> Delivered {
        let address = self.target.address(self.signal);
        let request = self.client.post(address).headers(self.target.headers.clone()).body(body).build();
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                self.complain(&error.without_url().to_string());
                return Delivered::Refused;
            }
        };
        let mut backoff = Backoff::new(self.first_wait, LONGEST_WAIT);
        loop {
            let was_ending = self.is_ending();
            let (why, after) = match self.post(&request).await {
                Reply::Taken { refused, said } => {
                    if refused == 0 && said.is_empty() {
                        self.all_is_well();
                    } else {
                        self.complain(&format!("{refused} were refused: {said}"));
                    }
                    return Delivered::Taken { refused };
                }
                Reply::Refused(why) => {
                    self.complain(&why);
                    return Delivered::Refused;
                }
                Reply::Later { why, after } => (why, after),
            };
            self.complain(&why);
            let wait = after.map_or_else(|| backoff.wait(), |after| after.min(RETRY_AFTER_MAX));
            if was_ending || until.is_some_and(|until| Instant::now() + wait >= until) {
                return Delivered::GivenUp;
            }
            self.rest(wait).await;
        }
    }

    async fn post(&self, request: &Request) -> Reply {
        // A body of bytes can always be had again.
        let Some(request) = request.try_clone() else {
            return Reply::Refused("expected a request that can be repeated".to_owned());
        };
        let later = |error: reqwest::Error| {
            let why = smith_repo::fetch::chain(&error.without_url());
            Reply::Later { why, after: None }
        };
        let answer = match self.client.execute(request).await {
            Ok(answer) => answer,
            Err(error) => return later(error),
        };
        let status = answer.status().as_u16();
        let after = answer
            .headers()
            .get("retry-after")
            .map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned());
        match read(answer).await {
            Ok(body) => reply(status, after.as_deref(), &body, now()),
            Err(error) => later(error),
        }
    }

    /// A collector that takes nothing is told of once, and not with each request.
    fn complain(&mut self, why: &str) {
        if !self.is_in_trouble {
            self.is_in_trouble = true;
            let signal = self.signal.word();
            tracing::warn!(target: "smith::telemetry", signal, why, "the collector does not take everything");
        }
    }

    fn all_is_well(&mut self) {
        if self.is_in_trouble {
            self.is_in_trouble = false;
            let signal = self.signal.word();
            tracing::info!(target: "smith::telemetry", signal, "the collector takes everything again");
        }
    }
}

async fn read(mut answer: Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        let room = ANSWER_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_MAX {
            break;
        }
    }
    Ok(body)
}

pub(super) fn now() -> Timestamp {
    Timestamp::now()
}
