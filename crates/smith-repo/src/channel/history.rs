//! Who moved a channel, when, from where to where, and why.

use std::fs;
use std::io::{self, Read as _};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::channel::ChannelError;
use crate::name::{BuildNumber, ChannelName};
use crate::store::{Store, StoreError, write_atomically};

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
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    format: u32,
    moves: Vec<Move>,
}

/// All moves, the oldest first.
pub fn history(store: &Store, name: &ChannelName) -> Result<Vec<Move>, ChannelError> {
    let path = store.channel_history(name);
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("opening", &path)(error).into()),
    };
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text).map_err(StoreError::io("reading", &path))?;
    let bad = |found: String| ChannelError::History { name: name.clone(), found };
    let record: Record = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    if record.format != FORMAT {
        return Err(bad(format!("format {}", record.format)));
    }
    Ok(record.moves)
}

pub(super) fn write(store: &Store, name: &ChannelName, mut moves: Vec<Move>) -> Result<(), ChannelError> {
    moves.drain(..moves.len().saturating_sub(MOVES_MAX));
    let text = serde_json::to_vec_pretty(&Record { format: FORMAT, moves });
    let text =
        text.map_err(|error| ChannelError::History { name: name.clone(), found: error.to_string() })?;
    Ok(write_atomically(&store.channel_history(name), &text)?)
}
