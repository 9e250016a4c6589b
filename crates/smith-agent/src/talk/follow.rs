//! Tells an operation's events as they are kept, until it has ended.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use smith_agent::protocol::{Body, Follow, Refusal};

use super::wire::Wire;
use crate::op::{CannotKeep, Diary, Events, Keep, Operation, Stand, Store, settle};

/// Between two looks for news: short after there were some, longer when there are none.
const SHORT: Duration = Duration::from_millis(4);
const LONG: Duration = Duration::from_millis(128);

/// Between two looks whether the worker is alive while it says nothing.
const CHECK: Duration = Duration::from_secs(1);

/// Tells events from this number on. Answers why it cannot go on, if that is so.
pub(crate) fn follow(
    store: &Store<'_>,
    operation: &Operation,
    from: u64,
    how: Follow,
    diary: &Diary,
    wire: &mut Wire<impl Write>,
) -> io::Result<Option<Refusal>> {
    let mut events = match Events::open(operation.folder()).keep("read", operation.folder()) {
        Ok(events) => events,
        Err(error) => return Ok(Some(error.into())),
    };
    let mut checked: Option<Instant> = None;
    let mut pause = SHORT;
    loop {
        match tell(&mut events, operation, from, wire)? {
            Told::End => return Ok(None),
            Told::Lost(error) => return Ok(Some(error.into())),
            Told::Some => pause = SHORT,
            Told::Nothing => pause = LONG.min(pause * 2),
        }
        if checked.is_none_or(|checked| checked.elapsed() > CHECK) {
            match settle(store, operation, diary) {
                // Its end is there to be told.
                Ok(Stand::Ended) => continue,
                Ok(Stand::Running | Stand::Rebooting) if how == Follow::Now => {
                    wire.say(Body::Running)?;
                    return Ok(None);
                }
                Ok(Stand::Running | Stand::Rebooting) => checked = Some(Instant::now()),
                Err(error) => return Ok(Some(error.into())),
            }
        }
        wire.alive()?;
        thread::sleep(pause);
    }
}

enum Told {
    End,
    Some,
    Nothing,
    Lost(CannotKeep),
}

fn tell(
    events: &mut Events,
    operation: &Operation,
    from: u64,
    wire: &mut Wire<impl Write>,
) -> io::Result<Told> {
    let mut told = Told::Nothing;
    loop {
        match events.next().keep("read", operation.folder()) {
            Ok(Some(head)) if head.is_end => {
                // Whoever was told the end finds it again after a power cut.
                if let Err(error) = operation.sync_events().keep("kept on the disk", operation.folder()) {
                    return Ok(Told::Lost(error));
                }
                wire.pass(events.line())?;
                return Ok(Told::End);
            }
            Ok(Some(head)) => {
                told = Told::Some;
                if head.seq >= from {
                    wire.pass(events.line())?;
                }
            }
            Ok(None) => return Ok(told),
            Err(error) => return Ok(Told::Lost(error)),
        }
    }
}
