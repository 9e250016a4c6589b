//! Taking a channel away. Its history stays, and what its clients have seen: it may come back.

use std::fs;
use std::io;

use crate::channel::history::{self, Move, Way};
use crate::channel::standing::standing;
use crate::channel::switch::noted;
use crate::channel::view::{folder, numbers};
use crate::channel::{ChannelError, Order};
use crate::name::{BuildNumber, ChannelName};
use crate::store::{Store, StoreError};

/// What there is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Where it was; nothing where nothing that was left told.
    pub from: Option<BuildNumber>,
}

/// Takes the channel away: its clients find nothing there any more.
pub fn remove(store: &Store, name: &ChannelName, order: &Order) -> Result<Removed, ChannelError> {
    let _locked = store.lock_now()?;
    let Some(standing) = standing(store, name)? else {
        // One that was killed before it was done has left these.
        if numbers(store, name)?.is_empty() {
            return Err(ChannelError::Unknown { name: name.clone() });
        }
        clear(store, name)?;
        return Ok(Removed { from: None });
    };
    let mut moves = noted(store, name, Some(&standing), order.at)?;
    let from = standing.build;
    if let Some(to) = from.or_else(|| moves.last().map(|last| last.to)) {
        let (at, who, why) = (order.at, order.who.clone(), order.why.clone());
        moves.push(Move { at, who, from, to, why, way: Way::Removed });
    }
    // Written first: a run that is killed after it is done again, and then says so twice.
    history::write(store, name, moves, standing.dates)?;
    let link = store.channel(name);
    match fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StoreError::io("removing", &link)(error).into());
        }
        Ok(()) | Err(_) => {}
    }
    clear(store, name)?;
    Ok(Removed { from })
}

fn clear(store: &Store, name: &ChannelName) -> Result<(), StoreError> {
    for number in numbers(store, name)? {
        let view = folder(store, name, number);
        fs::remove_dir_all(&view).map_err(StoreError::io("removing", &view))?;
    }
    Ok(())
}
