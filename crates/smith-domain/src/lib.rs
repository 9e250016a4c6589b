//! The rules of smith.
//!
//! Everything that happens is an [`Event`](crate::event::Event); [`State`](crate::state::State) is the fold of all
//! events; [`decide`](crate::decide::decide) turns a command into events or a rejection; [`plan`](crate::plan::plan)
//! says what to do next and when to look again. Nothing in this crate performs I/O, reads a clock, draws a random
//! number or logs: the time and every outside fact come in as arguments.

pub mod fleet;
pub mod id;
pub mod time;
