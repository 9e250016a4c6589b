//! What a site keeps in memory, for all of its faces together.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusals::Refusals;
use crate::answers::Cursor;

/// Looks at the journal that are taken at once: each folds some rows, which keeps a core busy. Also the states that they have in
/// memory together, in use or kept for the next page; that of a fleet of 100,000 takes some 60 MiB.
const AUDITS_AT_ONCE: usize = 2;

/// How long a state is kept for the next page. Programs ask for it at once, people within a minute.
const CURSOR_KEPT: Duration = Duration::from_secs(60);

/// Exports that are made or fetched at once. Each reads the whole journal and lies on its disk meanwhile.
const EXPORTS_AT_ONCE: usize = 2;

#[derive(Debug)]
pub struct Keeper {
    /// Names that belong to people, whom nothing else may be called like.
    people: BTreeSet<String>,
    audits: Arc<Semaphore>,
    desk: Arc<Desk>,
    exports: Arc<Semaphore>,
    pub(super) refusals: Refusals,
}

/// Where states wait for the next page.
#[derive(Debug, Default)]
struct Desk(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    /// Looks that are being taken, each with a state of its own.
    busy: usize,
    /// The longest kept first.
    kept: Vec<(Instant, Cursor)>,
    sweep: Sweep,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Sweep {
    #[default]
    Rests,
    /// Somebody will take away what was kept for too long.
    Comes,
}

/// The right to look at the journal. It goes along with the reading, which goes on when whoever asked has left.
#[derive(Debug)]
pub(super) struct AuditTurn {
    _place: Option<OwnedSemaphorePermit>,
    desk: Arc<Desk>,
}

/// The right to have an export.
#[derive(Debug)]
pub(super) struct ExportTurn {
    _place: OwnedSemaphorePermit,
}

impl Default for Keeper {
    fn default() -> Self {
        Self::new([])
    }
}

impl Keeper {
    /// With the names of the people whom the settings and the computer know.
    pub fn new(people: impl IntoIterator<Item = String>) -> Self {
        Self {
            people: people.into_iter().collect(),
            audits: Arc::new(Semaphore::new(AUDITS_AT_ONCE)),
            desk: Arc::default(),
            exports: Arc::new(Semaphore::new(EXPORTS_AT_ONCE)),
            refusals: Refusals::default(),
        }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.people.contains(name)
    }

    /// Waits until it is one's turn to look at the journal.
    pub(super) async fn audit(&self) -> AuditTurn {
        // Nobody closes it.
        let place = Arc::clone(&self.audits).acquire_owned().await.ok();
        self.desk.lock().busy += 1;
        AuditTurn { _place: place, desk: Arc::clone(&self.desk) }
    }

    /// A place for an export, if there is one: it takes too long to be waited for.
    pub(super) fn export(&self) -> Option<ExportTurn> {
        let place = Arc::clone(&self.exports).try_acquire_owned().ok()?;
        Some(ExportTurn { _place: place })
    }
}

impl Places {
    /// The longest kept leave until all states together are as many as there may be.
    fn make_room(&mut self) {
        let surplus = (self.kept.len() + self.busy).saturating_sub(AUDITS_AT_ONCE);
        self.kept.drain(..surplus.min(self.kept.len()));
    }
}

impl Desk {
    // Nothing that holds it can panic half way.
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AuditTurn {
    /// The state that stands nearest before a row, if one was kept. Those that have no room beside the readings leave.
    pub(super) fn cursor(&self, after: u64) -> Option<Cursor> {
        let mut places = self.desk.lock();
        let usable = places.kept.iter().enumerate().filter(|(_, (_, cursor))| cursor.row() <= after);
        let best = usable.max_by_key(|(_, (_, cursor))| cursor.row()).map(|(at, _)| at);
        let found = best.map(|at| places.kept.remove(at).1);
        places.make_room();
        found
    }

    /// Makes room for a state that begins elsewhere.
    pub(super) fn begins_anew(&self) {
        self.desk.lock().make_room();
    }

    /// Keeps a state for whoever asks for the next page.
    pub(super) fn keep(self, cursor: Cursor) {
        let mut places = self.desk.lock();
        // The state that was in use is the one that is kept.
        places.kept.push((Instant::now(), cursor));
        places.busy -= 1;
        places.make_room();
        places.busy += 1;
        if places.sweep == Sweep::Rests
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            places.sweep = Sweep::Comes;
            runtime.spawn(sweep(Arc::clone(&self.desk), CURSOR_KEPT));
        }
        drop(places);
    }
}

impl Drop for AuditTurn {
    fn drop(&mut self) {
        self.desk.lock().busy -= 1;
    }
}

/// Takes away what was kept for too long, until nothing is kept.
async fn sweep(desk: Arc<Desk>, longest: Duration) {
    loop {
        tokio::time::sleep(longest).await;
        let mut places = desk.lock();
        places.kept.retain(|(since, _)| since.elapsed() < longest);
        if places.kept.is_empty() {
            places.sweep = Sweep::Rests;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    #[tokio::test]
    async fn so_many_audits_are_read_at_once_over_all_faces_and_no_more() {
        let keeper = Arc::new(Keeper::default());
        let (first, second) = (keeper.audit().await, keeper.audit().await);
        let waits = Duration::from_millis(20);
        assert!(timeout(waits, keeper.audit()).await.is_err());
        // Whoever asked has gone away, and the reading has not ended.
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = first;
            ended.recv()
        });
        assert!(timeout(waits, reading).await.is_err());
        assert!(timeout(waits, keeper.audit()).await.is_err(), "it still reads");
        end.send(()).unwrap();
        keeper.audit().await;
        drop(second);
    }

    #[tokio::test]
    async fn no_more_states_are_in_memory_than_looks_may_be_taken_at_once() {
        let keeper = Keeper::default();
        for _ in 0..5 {
            keeper.audit().await.keep(Cursor::default());
        }
        let kept = || keeper.desk.lock().kept.len();
        let first = keeper.audit().await;
        assert!(first.cursor(0).is_some());
        assert!(kept() < AUDITS_AT_ONCE);
        let second = keeper.audit().await;
        let taken = second.cursor(0);
        assert_eq!((kept(), keeper.desk.lock().busy), (0, 2));
        drop((first, second, taken));
        assert_eq!(keeper.desk.lock().busy, 0);
    }

    #[tokio::test]
    async fn what_was_kept_for_too_long_is_taken_away() {
        let desk = Arc::new(Desk::default());
        desk.lock().kept.push((Instant::now(), Cursor::default()));
        sweep(Arc::clone(&desk), Duration::from_millis(5)).await;
        assert!(desk.lock().kept.is_empty());
    }

    #[test]
    fn a_place_for_an_export_is_free_again_when_it_is_over() {
        let keeper = Keeper::default();
        let first = keeper.export();
        let second = keeper.export();
        assert!(first.is_some() && second.is_some() && keeper.export().is_none());
        drop(first);
        assert!(keeper.export().is_some());
    }
}
