//! What a server looks at by itself: the inventory and the store, whose changes become commands, and what is recorded, which
//! becomes evidence and says which builds are in use.

mod builds;
mod evidence;
mod in_use;
mod inventory;

pub use builds::watch_builds;
pub use evidence::keep_evidence;
pub use in_use::keep_in_use;
pub use inventory::watch_inventory;
