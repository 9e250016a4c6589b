//! Every route, with what it does and what it answers.

mod access;
mod audit;
mod builds;
mod changes;
mod cycles;
mod fleet;
mod list;
mod projects;
mod site;
mod trains;

pub(super) use list::all;
pub use list::document;
