//! The files that people write. They are read into a tree that knows the place of every key and value, and checked by
//! hand against it, so that one reading finds as much as can be found and says where it stands.

mod fields;
mod near;
pub mod pipeline;
pub mod places;
pub mod recipe;
mod report;
pub mod settings;
mod tree;
mod value;

pub use near::nearest;
