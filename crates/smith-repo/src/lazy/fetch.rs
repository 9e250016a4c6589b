//! Makes a build whole.

use crate::fetch::{Fetcher, Progress, Want};
use crate::lazy::LazyError;
use crate::lazy::left::{Left, left_at_upstream};
use crate::mirror::{Held, base_url};
use crate::name::BuildNumber;
use crate::store::{Layout, Store};

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Files that were left at their upstreams when the build was made.
    pub of: u64,
    pub objects: u64,
    pub bytes: u64,
}

/// Brings what is not here, from other stores if there are any, and from where the build says that it was. Interrupted
/// anywhere, the next run goes on.
pub fn fetch(
    store: &Store,
    number: BuildNumber,
    fetcher: &Fetcher,
    stores: &[String],
    progress: &dyn Progress,
) -> Result<Fetched, LazyError> {
    let held = Held::read_any(store, number)?;
    let left = left_at_upstream(&held.info, &held.manifest);
    let lease = store.lease(left.iter().map(|one| one.hash))?;
    let intake = store.intake()?;
    intake.settle()?;
    let missing: Vec<&Left> = left.iter().filter(|one| !store.has(&one.hash)).collect();
    let wants: Vec<Want> = missing.iter().map(|one| with_stores(one, stores)).collect();
    let outcome = fetcher.objects(&wants, &intake, progress);
    // What came has its names, whatever became of the others.
    let mut fetched = Fetched { of: left.len() as u64, ..Fetched::default() };
    for one in left.iter().filter(|one| store.has(&one.hash)) {
        one.link(store)?;
    }
    for one in missing.iter().filter(|one| store.has(&one.hash)) {
        fetched.objects += 1;
        fetched.bytes += one.size;
    }
    drop(lease);
    let wanted = wants.len() as u64;
    outcome.map(|()| fetched).map_err(|failed| LazyError::Objects { number, wanted, failed })
}

fn with_stores(left: &Left, stores: &[String]) -> Want {
    let mut want = left.want();
    let path = Layout::object_path(&left.hash);
    let stores = stores.iter().map(|store| format!("{}/{path}", base_url(store)));
    want.sources = stores.chain(want.sources).collect();
    want
}
