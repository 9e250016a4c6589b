//! Spans that no collector has taken yet: a bounded number of them, of which the oldest leave when it is full.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::counts::Counts;
use super::cursor::Reached;
use crate::config::settings::Signal;

/// Spans that may wait: those of two thousand machines, which is some minutes of a large rollout.
const SPANS_MAX: usize = 16_384;

/// Their bytes as JSON. A span has a kilobyte; that of a step which was resumed all day has a hundred.
const BYTES_MAX: usize = 32 << 20;

/// Spans of one request, as other exporters have it. Collectors take some megabytes.
const BATCH_MAX: usize = 512;
const BATCH_BYTES: usize = 2 << 20;

/// A span as it will be sent.
#[derive(Debug)]
pub(super) struct Item {
    /// The row that ended it.
    pub(super) seq: u64,
    /// The row that its trace began with.
    pub(super) began: u64,
    pub(super) json: String,
}

#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    news: Notify,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Item>,
    bytes: usize,
    /// On its way to a collector.
    flight: Vec<Item>,
    /// How far the journal was followed, as if everything had been sent.
    folded: Reached,
    is_closed: bool,
}

impl Queue {
    pub(super) fn new(folded: Reached, counts: Counts) -> Self {
        let inner = Inner { folded, ..Inner::default() };
        Self { inner: Mutex::new(inner), news: Notify::new(), counts }
    }

    /// Adds spans. Never waits: what there is no room for makes the oldest leave.
    pub(super) fn push(&self, items: Vec<Item>, folded: Reached) {
        let mut inner = self.lock();
        inner.folded = folded;
        if items.is_empty() {
            return;
        }
        inner.bytes += items.iter().map(|item| item.json.len()).sum::<usize>();
        inner.waiting.extend(items);
        let mut dropped = 0;
        while inner.waiting.len() > SPANS_MAX || inner.bytes > BYTES_MAX {
            let Some(oldest) = inner.waiting.pop_front() else { break };
            inner.bytes -= oldest.json.len();
            dropped += 1;
        }
        self.counts.dropped(Signal::Traces, dropped);
        self.counts.waiting(inner.len());
        drop(inner);
        self.news.notify_one();
    }

    /// Nothing is added from now on.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.news.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Whether a whole request is there.
    pub(super) fn is_batch(&self) -> bool {
        self.lock().waiting.len() >= BATCH_MAX
    }

    /// Returns once spans were added since the last look, nothing comes any more, or the time is over.
    pub(super) async fn wait(&self, at_most: Duration) {
        // Whoever looks too early finds nothing and waits again.
        let _ = timeout(at_most, self.news.notified()).await;
    }

    /// The oldest spans, with commas between them; they are on their way until it is said what became of them.
    pub(super) fn batch(&self) -> Option<String> {
        let mut inner = self.lock();
        let (mut number, mut bytes) = (0, 0);
        for item in inner.waiting.iter().take(BATCH_MAX) {
            bytes += item.json.len() + 1;
            if number > 0 && bytes > BATCH_BYTES {
                break;
            }
            number += 1;
        }
        let flight: Vec<Item> = inner.waiting.drain(..number).collect();
        inner.bytes -= flight.iter().map(|item| item.json.len()).sum::<usize>();
        let texts: Vec<&str> = flight.iter().map(|item| item.json.as_str()).collect();
        let joined = (number > 0).then(|| texts.join(","));
        inner.flight = flight;
        joined
    }

    /// A collector has taken the batch, but for some of its spans.
    pub(super) fn taken(&self, refused: usize) {
        let mut inner = self.lock();
        let all = std::mem::take(&mut inner.flight).len();
        let refused = refused.min(all);
        self.counts.sent(Signal::Traces, all - refused);
        self.counts.dropped(Signal::Traces, refused);
        self.counts.waiting(inner.len());
    }

    /// A collector will never take the batch.
    pub(super) fn refused(&self) {
        self.taken(usize::MAX);
    }

    /// From where on the next server is to send.
    pub(super) fn reached(&self) -> Reached {
        let inner = self.lock();
        let left = || inner.flight.iter().chain(&inner.waiting);
        let Some(first) = left().next() else { return inner.folded };
        let since = left().map(|item| item.began).min().unwrap_or(first.began);
        Reached { sent: first.seq.saturating_sub(1), since: since.min(inner.folded.since) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn len(&self) -> usize {
        self.waiting.len() + self.flight.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(seq: u64, bytes: usize) -> Item {
        Item { seq, began: seq / 10, json: "x".repeat(bytes) }
    }

    fn queue() -> Queue {
        Queue::new(Reached::default(), Counts::of([Signal::Traces]))
    }

    fn folded(sent: u64) -> Reached {
        Reached { sent, since: sent + 1 }
    }

    #[test]
    fn the_oldest_leave_when_it_is_full_and_are_counted() {
        let queue = queue();
        let more = SPANS_MAX as u64 + 100;
        queue.push((1..=more).map(|seq| item(seq, 1)).collect(), folded(more));
        assert_eq!(queue.counts.all(Signal::Traces), (0, 100));
        assert_eq!(queue.reached(), Reached { sent: 100, since: 10 });
        let mut taken = 0;
        while let Some(batch) = queue.batch() {
            assert_eq!(batch.split(',').count(), BATCH_MAX.min(SPANS_MAX - taken));
            taken += batch.split(',').count();
            queue.taken(0);
        }
        assert_eq!((taken, queue.counts.all(Signal::Traces)), (SPANS_MAX, (SPANS_MAX as u64, 100)));
        assert_eq!(queue.reached(), folded(more));
    }

    #[test]
    fn large_spans_leave_sooner_and_go_in_smaller_batches() {
        let queue = queue();
        let large = BATCH_BYTES / 2;
        let (fit, all) = (BYTES_MAX / large, BYTES_MAX / large + 3);
        queue.push((1..=all as u64).map(|seq| item(seq, large)).collect(), folded(all as u64));
        assert_eq!(queue.counts.all(Signal::Traces), (0, 3));
        assert_eq!(queue.batch().map(|batch| batch.len()), Some(large), "two and a comma are too much");
        queue.taken(0);
        // One that is larger than a batch goes alone.
        queue.push(vec![item(all as u64 + 1, BATCH_BYTES + 1)], folded(all as u64 + 1));
        let mut batches = 0;
        while queue.batch().is_some() {
            batches += 1;
            queue.taken(0);
        }
        assert!(batches >= fit - 4, "{batches}");
    }

    #[test]
    fn what_is_on_its_way_is_sent_again_by_the_next_server() {
        let queue = queue();
        queue.push(vec![item(71, 1), item(72, 1)], folded(90));
        assert!(queue.batch().is_some());
        assert_eq!(queue.reached(), Reached { sent: 70, since: 7 });
        queue.taken(1);
        assert_eq!((queue.reached(), queue.counts.all(Signal::Traces)), (folded(90), (1, 1)));
        queue.push(vec![item(91, 1)], folded(91));
        assert!(queue.batch().is_some());
        queue.refused();
        assert_eq!((queue.reached(), queue.counts.all(Signal::Traces)), (folded(91), (1, 2)));
        assert_eq!(queue.batch(), None);
    }
}
