//! Where the spans of a server begin: behind what the server before it has sent, with the traces that were open then.

use std::sync::Arc;
use std::time::Duration;

use smith_domain::event::{DriverEvent, Event};
use smith_journal::{Reader as _, Seq};
use tokio::sync::watch;

use super::counts::Counts;
use super::cursor::{Cursor, Place, Reached};
use super::deliver::Deliver;
use super::fold::Tracer;
use super::follow::Follower;
use super::queue::Queue;
use super::send::SpanSender;
use crate::core::{Core, History};

/// Rows whose spans are sent by a server that finds them unsent: those of some ten thousand machines. A collector has no use for
/// what is older, and it would hold up what is new.
const RESEND_MAX: u64 = 200_000;

/// Rows that are read again for the traces that are open. It takes some seconds beside everything else.
const REREAD_MAX: u64 = 2_000_000;

/// Rows about drivers: one for each start, and some for each clock that was put right.
const DRIVERS_MAX: usize = 100_000;

/// How soon a journal that could not be read is read again.
const AGAIN: Duration = Duration::from_secs(5);

/// What is so when the server begins.
#[derive(Debug)]
pub(super) struct Before {
    head: u64,
    /// Streams of what is open.
    open: Vec<String>,
    place: Place,
    cursor: Option<Cursor>,
}

impl Before {
    pub(super) fn of(core: &Core, place: Place) -> Self {
        let (head, open) = core.view().read_at(|state, head| {
            let projects = state.rollouts.active().map(|one| format!("rollout {}", one.id));
            let cycles = state.cycles.active().map(|one| format!("cycle {}", one.id));
            (head, projects.chain(cycles).collect())
        });
        let cursor = place.read();
        Self { head, open, place, cursor }
    }
}

/// Makes spans and sends them.
#[derive(Debug)]
pub(super) struct Traces {
    pub(super) site: String,
    pub(super) core: Core,
    pub(super) before: Before,
    pub(super) counts: Counts,
    pub(super) deliver: Deliver,
    pub(super) ending: watch::Receiver<bool>,
}

/// From where on the journal is followed.
#[derive(Debug, PartialEq, Eq)]
struct Begin {
    journal: String,
    reached: Reached,
    /// What calendars were ahead there, in milliseconds.
    ahead: i64,
}

impl Traces {
    pub(super) async fn run(self) {
        let Self { site, core, before, counts, deliver, mut ending } = self;
        let before = Arc::new(before);
        let Begin { journal, reached, ahead } = loop {
            let (core, known) = (core.clone(), Arc::clone(&before));
            let found = tokio::task::spawn_blocking(move || find(&core, &known)).await;
            let error = match found {
                Ok(Ok(begin)) => break begin,
                Ok(Err(error)) => error,
                Err(error) => error.to_string(),
            };
            tracing::warn!(target: "smith::telemetry", error, "the journal could not be read for spans, and is read again");
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                _ = ending.wait_for(|ending| *ending) => return,
            }
        };
        let queue = Arc::new(Queue::new(reached, counts));
        let follower = Follower {
            core,
            tracer: Tracer::new(&site, ahead),
            queue: Arc::clone(&queue),
            folded: reached.since.saturating_sub(1),
            sent: reached.sent,
            is_in_trouble: false,
            ending,
        };
        let followed = tokio::spawn(follower.run());
        SpanSender { queue, deliver, place: before.place.clone(), journal }.run().await;
        // When nobody takes spans any more, what is still folded is for the next server.
        followed.abort();
    }
}

fn find(core: &Core, before: &Before) -> Result<Begin, String> {
    let history = History::open(&core.journal()).map_err(|error| error.to_string())?;
    let first = history.reader().hash_at(Seq(1)).map_err(|error| error.to_string())?;
    let journal = first.map(|hash| hash.to_string()).unwrap_or_default();
    let cursor =
        before.cursor.as_ref().filter(|one| one.journal == journal && one.reached.sent <= before.head);
    let reached = match cursor {
        Some(cursor) => cursor.reached,
        // What ended before anybody wanted to know is not told.
        None => Reached { sent: before.head, since: oldest(&history, before)? },
    };
    let limited = limited(reached, before.head);
    if limited.sent > reached.sent {
        let rows = limited.sent - reached.sent;
        tracing::warn!(target: "smith::telemetry", rows, "spans of these rows are not sent: it was too long ago");
    }
    Ok(Begin { journal, reached: limited, ahead: ahead(&history, limited.since)? })
}

fn limited(reached: Reached, head: u64) -> Reached {
    let sent = reached.sent.max(head.saturating_sub(RESEND_MAX));
    let since = reached.since.max(sent.saturating_sub(REREAD_MAX)).clamp(1, sent + 1);
    Reached { sent, since }
}

/// The row that the oldest of what is open began with.
fn oldest(history: &History, before: &Before) -> Result<u64, String> {
    let mut oldest = before.head + 1;
    for stream in &before.open {
        let rows = history.stream(stream, 0, 1).map_err(|error| error.to_string())?;
        oldest = rows.first().map_or(oldest, |first| oldest.min(first.recorded.seq));
    }
    Ok(oldest)
}

/// What somebody had accepted as the clock's time before this row.
fn ahead(history: &History, row: u64) -> Result<i64, String> {
    let rows = history.stream("driver", 0, DRIVERS_MAX).map_err(|error| error.to_string())?;
    let accepted = rows.iter().take_while(|one| one.recorded.seq < row).filter_map(|one| {
        let Event::Driver(DriverEvent::ClockAccepted { wall, steady, .. }) = &one.recorded.event else {
            return None;
        };
        Some(wall.0.saturating_sub(steady.0))
    });
    Ok(accepted.last().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_goes_only_so_far_back() {
        let reached = |sent, since| Reached { sent, since };
        assert_eq!(limited(reached(50, 7), 60), reached(50, 7));
        assert_eq!(limited(reached(60, 61), 60), reached(60, 61), "nothing was open");
        assert_eq!(limited(reached(50, 7), 300_050), reached(100_050, 7), "too much has ended since");
        let (sent, head) = (3_000_000, 3_000_001);
        assert_eq!(limited(reached(sent, 7), head), reached(sent, 1_000_000), "a trace is too old");
        assert_eq!(limited(reached(0, 0), 0), reached(0, 1), "a journal of nothing");
    }
}
