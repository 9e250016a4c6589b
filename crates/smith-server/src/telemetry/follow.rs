//! Follows what is recorded and fills the queue: as it comes, and from the journal what was missed or came before this server.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::cursor::Reached;
use super::fold::{Ended, Tracer};
use super::queue::{Item, Queue};
use crate::core::{Batch, Core, History, Recorded};

/// Events that are folded while the driver has to wait: some tens of microseconds.
const AT_ONCE: usize = 32;

/// Rows that are read from the journal at once.
const ROWS: usize = 1_024;

/// How soon a journal that could not be read is read again.
const AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Follower {
    pub(super) core: Core,
    pub(super) tracer: Tracer,
    pub(super) queue: Arc<Queue>,
    /// The last row that was folded.
    pub(super) folded: u64,
    /// What ended up to this row was sent by a server before this one.
    pub(super) sent: u64,
    /// The journal could not be read, which was said.
    pub(super) is_in_trouble: bool,
    pub(super) ending: watch::Receiver<bool>,
}

impl Follower {
    /// Until the server ends; what is recorded by then is in the queue, if the journal can be read.
    pub(super) async fn run(mut self) {
        let mut news = self.core.view().listen();
        while self.follow(&mut news).await.is_some() {}
        if let Err(error) = self.catch_up().await {
            tracing::warn!(target: "smith::telemetry", error, "the last spans of this server are sent by the next one");
        }
        self.queue.close();
    }

    /// Everything up to now from the journal, and then what comes for as long as nothing is missing. Nothing once the server ends.
    async fn follow(&mut self, news: &mut Receiver<Batch>) -> Option<()> {
        let mut ending = self.ending.clone();
        let caught_up = tokio::select! {
            caught_up = self.catch_up() => caught_up,
            _ = ending.wait_for(|ending| *ending) => return None,
        };
        let was_in_trouble = std::mem::replace(&mut self.is_in_trouble, caught_up.is_err());
        if let Err(error) = caught_up {
            if !was_in_trouble {
                tracing::warn!(target: "smith::telemetry", error, "the journal could not be read for spans, and is read again");
            }
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => return Some(()),
                _ = ending.wait_for(|ending| *ending) => return None,
            }
        }
        loop {
            let batch = tokio::select! {
                batch = news.recv() => batch,
                _ = ending.wait_for(|ending| *ending) => return None,
            };
            match batch {
                Ok(batch) if batch.first().is_some_and(|first| first.seq <= self.folded + 1) => {
                    let after = self.folded;
                    let new: Vec<&Recorded> = batch.iter().filter(|one| one.seq > after).collect();
                    let last = batch.last().map_or(after, |last| last.seq);
                    self.fold(&new, last.max(after));
                }
                // Some were missed; they stand in the journal.
                Ok(_) | Err(RecvError::Lagged(_)) => return Some(()),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    async fn catch_up(&mut self) -> Result<(), String> {
        loop {
            // What the view has not seen cannot be looked up in it.
            let head = self.core.view().head();
            if self.folded >= head {
                return Ok(());
            }
            let (journal, after) = (self.core.journal(), self.folded);
            let read = tokio::task::spawn_blocking(move || {
                let history = History::open(&journal).map_err(|error| error.to_string())?;
                let wanted = |row: &smith_journal::RowRef<'_>| Tracer::wants(row.content.kind);
                history.after(after, ROWS, wanted).map_err(|error| error.to_string())
            });
            let told = read.await.map_err(|error| error.to_string())??;
            let is_all = told.len() < ROWS;
            let rows: Vec<&Recorded> =
                told.iter().map(|one| &one.recorded).filter(|one| one.seq <= head).collect();
            let last = rows.last().map_or(after, |last| last.seq);
            // Rows that nobody wants here lie behind the last.
            self.fold(&rows, if is_all || rows.len() < told.len() { head } else { last });
        }
    }

    /// Folds these, after which everything up to `last` is folded.
    fn fold(&mut self, rows: &[&Recorded], last: u64) {
        for some in rows.chunks(AT_ONCE) {
            let mut ended: Vec<(u64, Ended)> = Vec::new();
            let mut out = Vec::new();
            let (core, tracer) = (&self.core, &mut self.tracer);
            core.read(|state| {
                for one in some {
                    tracer.fold(state, one, &mut out);
                    ended.extend(out.drain(..).map(|span| (one.seq, span)));
                }
            });
            self.folded = some.last().map_or(self.folded, |one| one.seq);
            self.push(ended);
        }
        self.folded = last;
        self.push(Vec::new());
    }

    fn push(&self, ended: Vec<(u64, Ended)>) {
        // On the way to where the server before had got, it stays known what that knew.
        if self.folded < self.sent {
            return;
        }
        let new = ended.into_iter().filter(|(seq, _)| *seq > self.sent);
        let items = new.filter_map(|(seq, Ended { began, span })| {
            // A span is made of texts and numbers, so it is always JSON.
            let json = serde_json::to_string(&span).ok()?;
            Some(Item { seq, began, json })
        });
        let since = self.tracer.oldest().unwrap_or(self.folded + 1);
        self.queue.push(items.collect(), Reached { sent: self.folded, since });
    }
}
