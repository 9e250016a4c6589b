//! What a server looks at by itself: the inventory and the store. What has changed becomes commands.

mod builds;
mod inventory;

pub use builds::watch_builds;
pub use inventory::watch_inventory;
