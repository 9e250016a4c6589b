//! The tasks that send: spans as they come, numbers as often as the settings say.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::counts::Counts;
use super::cursor::{Cursor, Place, Reached};
use super::deliver::{Deliver, Delivered, now};
use super::numbers::metrics;
use super::queue::Queue;
use crate::config::settings::Signal;

/// How long spans are gathered before they are sent: a request for each would be ten thousand in a minute.
const GATHER: Duration = Duration::from_secs(2);

/// How often it is kept how far they have got. What a killed server had sent since is sent again, under the same names.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// Sends spans.
#[derive(Debug)]
pub(super) struct SpanSender {
    pub(super) queue: Arc<Queue>,
    pub(super) deliver: Deliver,
    pub(super) place: Place,
    /// Which journal it is.
    pub(super) journal: String,
}

impl SpanSender {
    /// Until the queue is closed and empty, or nobody takes the rest.
    pub(super) async fn run(mut self) {
        // From here on it is known where this journal was when somebody wanted to know.
        let mut kept = (self.keep_new(Reached::default()).await, Instant::now());
        loop {
            if !self.queue.is_closed() {
                self.queue.wait(KEEP_EVERY).await;
            }
            let is_last = self.queue.is_closed();
            let until = Instant::now() + GATHER;
            while !self.queue.is_batch() && !self.queue.is_closed() && Instant::now() < until {
                self.queue.wait(until.saturating_duration_since(Instant::now())).await;
            }
            while let Some(spans) = self.queue.batch() {
                let body = self.deliver.target.of_spans(&spans);
                match self.deliver.deliver(body, None).await {
                    Delivered::Taken { refused } => self.queue.taken(refused),
                    Delivered::Refused => self.queue.refused(),
                    // The next server sends it: it is still on its way here.
                    Delivered::GivenUp => return self.keep(self.queue.reached()).await,
                }
                if kept.1.elapsed() >= KEEP_EVERY {
                    kept = (self.keep_new(kept.0).await, Instant::now());
                }
            }
            if is_last || kept.1.elapsed() >= KEEP_EVERY {
                kept = (self.keep_new(kept.0).await, Instant::now());
            }
            if is_last {
                return;
            }
        }
    }

    async fn keep_new(&self, known: Reached) -> Reached {
        let reached = self.queue.reached();
        if reached != known {
            self.keep(reached).await;
        }
        reached
    }

    async fn keep(&self, reached: Reached) {
        let (place, journal) = (self.place.clone(), self.journal.clone());
        let written = tokio::task::spawn_blocking(move || place.write(&Cursor { journal, reached })).await;
        if let Ok(Err(error)) = written {
            tracing::debug!(target: "smith::telemetry", %error, "it is not kept how far spans were sent");
        }
    }
}

/// Gives the numbers of `/metrics`, as OpenMetrics has them.
pub(super) type Source = Arc<dyn Fn() -> String + Send + Sync>;

/// Sends numbers.
pub(super) struct NumberSender {
    pub(super) source: Source,
    pub(super) deliver: Deliver,
    pub(super) every: Duration,
    /// Since when counters count.
    pub(super) since: Timestamp,
    pub(super) counts: Counts,
}

impl NumberSender {
    /// Until the server ends, and then once more. Numbers that nobody takes before the next ones are due are given up.
    pub(super) async fn run(mut self) {
        let mut next = Instant::now() + self.every;
        loop {
            self.deliver.rest(next.saturating_duration_since(Instant::now())).await;
            let is_last = self.deliver.is_ending();
            next = Instant::now() + self.every;
            let source = Arc::clone(&self.source);
            // It looks at all projects that are open, which may have to wait for the driver.
            let Ok(text) = tokio::task::spawn_blocking(move || source()).await else { continue };
            let (found, number) = metrics(&text, self.since, now());
            let body = self.deliver.target.of_metrics(&found);
            match self.deliver.deliver(body, Some(next)).await {
                Delivered::Taken { refused } => {
                    let refused = refused.min(number);
                    self.counts.sent(Signal::Metrics, number - refused);
                    self.counts.dropped(Signal::Metrics, refused);
                }
                Delivered::Refused | Delivered::GivenUp => self.counts.dropped(Signal::Metrics, number),
            }
            if is_last {
                return;
            }
        }
    }
}
