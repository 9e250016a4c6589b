//! What a site keeps in memory, for all of its faces together.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusals::Refusals;

/// Audits that are read at once: each folds the whole journal, which keeps a core busy for seconds where it has a million rows.
const AUDITS_AT_ONCE: usize = 2;

#[derive(Debug)]
pub struct Keeper {
    /// Names that belong to people, whom nothing else may be called like.
    people: BTreeSet<String>,
    audits: Arc<Semaphore>,
    pub(super) refusals: Refusals,
}

/// The right to read the whole journal. It goes along with the reading, which goes on when whoever asked has left.
#[derive(Debug)]
pub(super) struct AuditTurn {
    _place: Option<OwnedSemaphorePermit>,
}

impl Default for Keeper {
    fn default() -> Self {
        Self::new([])
    }
}

impl Keeper {
    /// With the names of the people whom the settings and the computer know.
    pub fn new(people: impl IntoIterator<Item = String>) -> Self {
        let (people, audits) = (people.into_iter().collect(), Arc::new(Semaphore::new(AUDITS_AT_ONCE)));
        Self { people, audits, refusals: Refusals::default() }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.people.contains(name)
    }

    /// Waits until it is one's turn to read the journal.
    pub(super) async fn audit(&self) -> AuditTurn {
        // Nobody closes it.
        AuditTurn { _place: Arc::clone(&self.audits).acquire_owned().await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
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
}
