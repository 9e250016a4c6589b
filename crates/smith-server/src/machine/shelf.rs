//! Builds looked up beside the driver: disks and mounts may hang, and then only those machines wait whose mirror is there.
//!
//! A thread that hangs in the kernel cannot be ended. So a region has a few of them and no more, and whoever finds all of them taken
//! waits for as long as for an answer and is told the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use smith_agent::protocol::Patch;
use smith_domain::id::BuildNumber;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::job::{BuildAccess, NoBuild, Wanted};

/// How long a disk may take to say what a mirror has. A network mount that comes back does so within seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Look-ups at once for the machines of a region: each is a list that is read and a folder that is looked for.
const AT_ONCE: usize = 4;

pub(super) struct Shelf {
    builds: Arc<dyn BuildAccess>,
    places: Mutex<BTreeMap<Option<String>, Arc<Semaphore>>>,
    patience: Duration,
}

impl Shelf {
    pub(super) fn new(builds: Arc<dyn BuildAccess>, patience: Duration) -> Self {
        Self { builds, places: Mutex::default(), patience }
    }

    /// Never waits longer than its patience.
    pub(super) async fn patch_for(&self, wanted: Wanted, build: BuildNumber) -> Result<Patch, NoBuild> {
        let failed = |why: String| NoBuild { build, machine: wanted.machine.clone(), why };
        let (place, builds, asked) = (self.place(&wanted), Arc::clone(&self.builds), wanted.clone());
        let looked_up = async {
            let turn = place.acquire_owned().await;
            spawn_blocking(move || {
                let patch = builds.patch_for(&asked, build);
                drop(turn);
                patch
            })
            .await
        };
        match timeout(self.patience, looked_up).await {
            Ok(Ok(patch)) => patch,
            Ok(Err(error)) => Err(failed(format!("the look-up ended early: {error}"))),
            Err(_) => {
                let region = wanted.region.as_deref().unwrap_or("no region");
                let seconds = self.patience.as_secs();
                Err(failed(format!(
                    "expected the disks of the store and of the mirrors of {region} to answer within {seconds} s, found that they hang"
                )))
            }
        }
    }

    fn place(&self, wanted: &Wanted) -> Arc<Semaphore> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(wanted.region.clone());
        Arc::clone(place.or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::machine::plain_patch;

    /// The mount of one region hangs until this is dropped.
    struct Hung(Mutex<Receiver<()>>);

    impl BuildAccess for Hung {
        fn patch_for(&self, wanted: &Wanted, build: BuildNumber) -> Result<Patch, NoBuild> {
            if wanted.region.as_deref() == Some("hung") {
                let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).recv();
            }
            Ok(plain_patch(build.0, Vec::new(), b"key"))
        }
    }

    fn of(region: &str) -> Wanted {
        Wanted { machine: "web-1".to_owned(), region: Some(region.to_owned()) }
    }

    #[tokio::test]
    async fn a_mount_that_hangs_holds_up_its_own_machines_and_a_few_threads() {
        let (release, hangs) = channel::<()>();
        let shelf = Shelf::new(Arc::new(Hung(Mutex::new(hangs))), Duration::from_millis(100));
        let builds = BuildNumber(7);
        for _ in 0..3 * AT_ONCE {
            let why = shelf.patch_for(of("hung"), builds).await.unwrap_err();
            assert_eq!((why.machine.as_str(), why.build), ("web-1", builds));
            assert!(why.why.contains("the mirrors of hung to answer within"), "{why}");
        }
        assert_eq!(shelf.place(&of("hung")).available_permits(), 0);
        let shelf_of_others = Shelf { patience: PATIENCE, ..shelf };
        assert_eq!(shelf_of_others.patch_for(of("well"), builds).await.unwrap().build, 7);
        // It is healed, and what waited in vain does not count any more.
        drop(release);
        assert_eq!(shelf_of_others.patch_for(of("hung"), builds).await.unwrap().build, 7);
    }
}
