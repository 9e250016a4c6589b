//! Who moved a channel, when, from where to where, and why.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::channel::ChannelError;
use crate::name::{BuildNumber, ChannelName};
use crate::store::{Store, StoreError, unique, write_atomically};

/// Two moves a day for more than two years; the oldest go first.
const MOVES_MAX: usize = 2_000;

/// So many moves with long reasons.
const FILE_MAX: u64 = 16 << 20;

const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    pub at: Timestamp,
    pub who: String,
    pub from: Option<BuildNumber>,
    pub to: BuildNumber,
    pub why: String,
    #[serde(default, skip_serializing_if = "Way::is_to")]
    pub way: Way,
}

/// What kind of move it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// To a build that somebody named.
    #[default]
    To,
    /// Back along the way that it came.
    Back,
    /// The channel was taken away; `from` and `to` are the build on which it was.
    Removed,
}

impl Way {
    fn is_to(&self) -> bool {
        *self == Self::To
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    format: u32,
    moves: Vec<Move>,
    /// Of a channel that has no view: the newest date of each suite's folder that it ever served.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    dates: BTreeMap<String, Timestamp>,
}

/// All moves, the oldest first.
pub fn history(store: &Store, name: &ChannelName) -> Result<Vec<Move>, ChannelError> {
    Ok(read(store, name)?.map(|record| record.moves).unwrap_or_default())
}

/// What clients have seen of a channel that was taken away.
pub(super) fn dates(store: &Store, name: &ChannelName) -> BTreeMap<String, Timestamp> {
    // One that cannot be read says nothing; who moves the channel is told of it and begins it anew.
    read(store, name).ok().flatten().map(|record| record.dates).unwrap_or_default()
}

fn read(store: &Store, name: &ChannelName) -> Result<Option<Record>, ChannelError> {
    let path = store.channel_history(name);
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("opening", &path)(error).into()),
    };
    let mut text = Vec::new();
    file.take(FILE_MAX).read_to_end(&mut text).map_err(StoreError::io("reading", &path))?;
    let bad = |found: String| ChannelError::History { name: name.clone(), found };
    let record: Record = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    if record.format != FORMAT {
        return Err(bad(format!("format {}", record.format)));
    }
    Ok(Some(record))
}

pub(super) fn write(
    store: &Store,
    name: &ChannelName,
    mut moves: Vec<Move>,
    dates: BTreeMap<String, Timestamp>,
) -> Result<(), ChannelError> {
    moves.drain(..moves.len().saturating_sub(MOVES_MAX));
    let text = serde_json::to_vec_pretty(&Record { format: FORMAT, moves, dates });
    let text =
        text.map_err(|error| ChannelError::History { name: name.clone(), found: error.to_string() })?;
    Ok(write_atomically(&store.channel_history(name), &text)?)
}

/// One that cannot be read goes to the trash, where a person may still make something of it.
pub(super) fn put_aside(store: &Store, name: &ChannelName, at: Timestamp) -> Result<(), StoreError> {
    let stamp = at.strftime("%Y%m%dT%H%M%SZ");
    let folder = store.trash().join(format!("{stamp}-channel-{}", unique()));
    fs::create_dir_all(&folder).map_err(StoreError::io("making", &folder))?;
    let to = folder.join(format!("{name}.json"));
    match fs::rename(store.channel_history(name), &to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("moving to the trash", &to)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The builds along which the channel came to where it is, that last. A move back takes the end of the way with it, so
/// that the next leads further back.
pub(super) fn trail(moves: &[Move]) -> Vec<BuildNumber> {
    let mut trail: Vec<BuildNumber> = Vec::new();
    for one in moves {
        match one.way {
            Way::Removed => {
                trail.clear();
                continue;
            }
            Way::Back => drop(trail.pop()),
            // The oldest moves may have gone.
            Way::To if trail.is_empty() => trail.extend(one.from),
            Way::To => {}
        }
        if trail.last() != Some(&one.to) {
            trail.push(one.to);
        }
    }
    trail
}
