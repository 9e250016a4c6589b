//! What a server looks at by itself: the inventory and the store, whose changes become commands, and what is recorded, which
//! becomes evidence.

mod builds;
mod evidence;
mod inventory;

pub use builds::watch_builds;
pub use evidence::keep_evidence;
pub use inventory::watch_inventory;
