//! Operations: what was asked under a name, and what became of it.
//!
//! A talk creates an operation's folder (`store`), starts its worker (`launch`), and reads what that appends (`events`). Whether a
//! worker lives is told by its lock (`lock`); what one left behind that does not is written down by `settle`.

mod clean;
mod clock;
mod context;
mod diary;
mod events;
mod fence;
mod keep;
mod launch;
mod lock;
mod operation;
mod recorder;
mod settings;
mod settle;
mod shape;
mod store;
#[cfg(test)]
mod told;
mod watch;
mod worker;

pub(crate) use clean::clean;
pub(crate) use clock::{now_ms, stamp};
pub(crate) use context::{Context, Host, Teller};
pub(crate) use diary::{Diary, words};
#[cfg(test)]
pub(crate) use events::{Append, EVENTS};
pub(crate) use events::{Events, line};
pub(crate) use fence::{look, pass};
pub(crate) use keep::{CannotKeep, Keep, read_bounded, replace};
pub(crate) use launch::launch;
#[cfg(test)]
pub(crate) use lock::try_lock;
pub(crate) use operation::{Operation, is_same_wish};
pub(crate) use settle::{Stand, settle, settle_all, settle_begun};
pub(crate) use shape::{Shape, fit};
pub(crate) use store::{Begin, LEAVING, Machine, Store};
#[cfg(test)]
pub(crate) use told::Told;
pub(crate) use watch::watch;
pub(crate) use worker::work;
