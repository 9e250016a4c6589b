//! Snapshots beside the driver: a thread of their own makes them of the view, which holds nothing but what is on the disk, and
//! puts them into the store. Only one is under way at a time.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::Builder;
use std::time::{Duration, Instant};

use smith_journal::codec::{FORMAT, to_snapshot};
use smith_journal::{Sealed, Snapshot, Store};
use smith_repo::fetch::chain;

use super::view::View;

/// What became of a snapshot, or why there is none.
pub(super) type Kept = Result<(), String>;

#[derive(Debug)]
pub(super) struct Snapshots {
    orders: SyncSender<()>,
    kept: Receiver<Kept>,
    work: Work,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Rests,
    UnderWay,
}

impl Snapshots {
    /// Begins the thread, which ends with this. It has the store only while it puts a snapshot there, so that a journal can be
    /// opened again as soon as its driver has let go of it.
    pub(super) fn begin<S: Store + 'static>(store: &Arc<S>, view: &Arc<View>) -> io::Result<Self> {
        let (orders, ordered) = sync_channel::<()>(1);
        let (done, kept) = sync_channel(1);
        let (store, view) = (Arc::downgrade(store), Arc::clone(view));
        Builder::new().name("snapshots".to_owned()).spawn(move || {
            while ordered.recv().is_ok() {
                if done.send(keep(&store, &view)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { orders, kept, work: Work::Rests })
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.work == Work::UnderWay
    }

    /// Has a snapshot made, unless one is under way.
    pub(super) fn order(&mut self) {
        if self.work == Work::Rests {
            // When the thread has ended this is found with its answer.
            let _ = self.orders.try_send(());
            self.work = Work::UnderWay;
        }
    }

    /// What became of the one that was ordered, once that is known.
    pub(super) fn outcome(&mut self) -> Option<Kept> {
        let kept = match self.kept.try_recv() {
            Ok(kept) => kept,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) if self.work == Work::Rests => return None,
            Err(TryRecvError::Disconnected) => Err(ended()),
        };
        self.work = Work::Rests;
        Some(kept)
    }

    /// Waits for the one that is under way, and no longer than that.
    pub(super) fn finish(&mut self, longest: Duration) -> Option<Kept> {
        if self.work == Work::Rests {
            return None;
        }
        let kept = match self.kept.recv_timeout(longest) {
            Ok(kept) => kept,
            Err(RecvTimeoutError::Timeout) => Err(format!("it is not kept after {longest:?}")),
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
        };
        self.work = Work::Rests;
        Some(kept)
    }
}

fn ended() -> String {
    "the thread that keeps them has ended".to_owned()
}

fn keep<S: Store>(store: &Weak<S>, view: &View) -> Kept {
    let begun = Instant::now();
    let (bytes, head) = view.whole(|state, head| (to_snapshot(state), head));
    let looked = begun.elapsed();
    let bytes = bytes.map_err(|error| chain(&error))?;
    let length = bytes.len();
    let sealed = Sealed::new(&Snapshot { head, format: FORMAT, bytes }).map_err(|error| chain(&error))?;
    let sealing = begun.elapsed() - looked;
    // Without a driver the journal is being opened again, and what was folded may not be what will be found.
    let store = store.upgrade().ok_or("the journal was closed")?;
    store.put_sealed(&sealed).map_err(|error| chain(&error))?;
    let (row, packed, putting) = (head.seq.0, sealed.packed.len(), begun.elapsed() - looked - sealing);
    // While it looks nothing new is shown, and while it puts nothing else is recorded.
    tracing::info!(target: "smith::core", row, length, packed, ?looked, ?sealing, ?putting, "a snapshot is kept");
    Ok(())
}
