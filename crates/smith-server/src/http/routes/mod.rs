//! Every route, with what it does and what it answers.

mod access;
mod audit;
mod builds;
mod changes;
mod clock;
mod cycles;
mod fleet;
mod list;
mod projects;
mod site;
mod sources;
mod trains;

pub(super) use list::all;
pub use list::document;
