//! What is recorded, told while it happens, and to those who come late as well.

mod hub;
mod line;
mod listener;

pub(super) use hub::Hub;
pub(super) use line::EventLine;
pub(super) use listener::{EventQuery, everything, of_project};
