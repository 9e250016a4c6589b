//! Tenures of controllers. Once a machine has heard a newer tenure, nothing that an older one sent is begun, however late it
//! arrives.

use std::collections::BTreeMap;

use smith_agent::protocol::{Fence, Refusal};

use super::keep::{CannotKeep, read_bounded, replace};
use super::store::{Begin, Store};

/// A machine has one controller, and a few more over its life.
const CONTROLLERS_MAX: usize = 64;

/// What so many controllers fill with the longest names.
const FILE_MAX: u64 = 16 << 10;

type Tenures = BTreeMap<String, u64>;

/// Lets the job of a controller pass, and keeps out those of its older tenures from now on.
pub(crate) fn pass(store: &Store<'_>, fence: Option<&Fence>, _begin: &Begin) -> Result<(), Refusal> {
    let Some(fence) = fence else { return Ok(()) };
    let path = store.path("fence.json");
    let mut tenures = read(store)?;
    if newest(&tenures, fence)? == Some(fence.tenure) {
        return Ok(());
    }
    tenures.insert(fence.controller.to_string(), fence.tenure);
    if tenures.len() > CONTROLLERS_MAX {
        let message = format!("expected at most {CONTROLLERS_MAX} controllers in {}", path.display());
        return Err(Refusal::CannotKeep { message });
    }
    let content =
        serde_json::to_vec(&tenures).map_err(|error| Refusal::CannotKeep { message: error.to_string() })?;
    Ok(replace(&path, &content)?)
}

/// Lets a job pass that changes nothing. A machine whose disk is full answers it all the same.
pub(crate) fn look(store: &Store<'_>, fence: Option<&Fence>) -> Result<(), Refusal> {
    let Some(fence) = fence else { return Ok(()) };
    match read(store) {
        Ok(tenures) if newest(&tenures, fence)? == Some(fence.tenure) => Ok(()),
        Ok(_) | Err(_) => match store.begin().map(|begin| pass(store, Some(fence), &begin)) {
            Ok(Err(old @ Refusal::OldTenure { .. })) => Err(old),
            Ok(_) | Err(_) => Ok(()),
        },
    }
}

fn newest(tenures: &Tenures, fence: &Fence) -> Result<Option<u64>, Refusal> {
    match tenures.get(fence.controller.as_str()) {
        Some(&seen) if seen > fence.tenure => Err(Refusal::OldTenure { seen, found: fence.tenure }),
        seen => Ok(seen.copied()),
    }
}

fn read(store: &Store<'_>) -> Result<Tenures, Refusal> {
    let path = store.path("fence.json");
    let Some(content) = read_bounded(&path, FILE_MAX)? else { return Ok(Tenures::new()) };
    serde_json::from_slice(&content).map_err(|error| Refusal::CannotKeep {
        message: format!("expected tenures of controllers in {}, found {error}", path.display()),
    })
}

impl From<CannotKeep> for Refusal {
    fn from(error: CannotKeep) -> Self {
        Refusal::CannotKeep { message: error.to_string() }
    }
}
