//! The process that misses the controller after a change. The operation has ended by then, so that what this tells goes to the
//! log for people alone.

use std::time::Duration;

use smith_agent::protocol::{Body, Name};

use super::context::{Context, Teller};
use super::diary::Diary;
use super::lock::try_lock;
use super::store::Store;
use crate::deadman;

/// Held by the one process that watches.
const LOCK: &str = "watch.lock";

/// It ends by itself; programs that it runs have their own limits.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn watch(store: &Store<'_>, id: &Name) -> Result<(), String> {
    let operation = store.find(id).ok_or_else(|| format!("nothing is known of an operation {id}"))?;
    // Whoever settles a reboot starts one of these again where the one before was killed before it could note that it did.
    let held = try_lock(&operation.folder().join(LOCK))
        .map_err(|error| format!("{LOCK} cannot be locked: {error}"))?;
    let Some(_held) = held else { return Ok(()) };
    let mut teller = ToPeople(Diary::open(store.host).about(id));
    let mut context = Context::new(store.host, operation.folder(), &mut teller, LIMIT);
    context.peer = operation.peer();
    deadman::watch(&mut context).map_err(|failure| failure.message)
}

struct ToPeople(Diary);

impl Teller for ToPeople {
    fn tell(&mut self, body: Body) {
        self.0.event(&body);
    }
}
