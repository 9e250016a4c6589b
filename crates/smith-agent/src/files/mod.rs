//! Reading the machine's files within bounds, and keeping our own so that a fall of the machine leaves the old or the new.

mod read;
mod record;
mod tail;
mod write;

pub(crate) use read::{end_of, text_of};
pub(crate) use record::{keep_record, load_record};
pub(crate) use tail::{clean, tail_of};
pub(crate) use write::{Sync, cause, keep};
