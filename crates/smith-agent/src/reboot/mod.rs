//! Going down and coming back, told by what the kernel says of its boot and not by what anybody hopes.
//!
//! An order leaves the operation open. It ends when somebody looks again: the unit that runs at boot, or the next talk.

mod boot;
mod lock;
mod order;
mod settle;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use boot::{Boot, age, running, uptime};
pub(crate) use lock::holder;
pub(crate) use order::{Ordered, order};
pub(crate) use settle::settle;
