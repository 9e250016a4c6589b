//! A site to begin with: what is asked of whoever has none, and what is written for them.

mod answers;
mod files;

pub(crate) use answers::{Answers, Given, Host, ask};
pub(crate) use files::{File, OF_PACKAGE, PROFILES, Sources, all as files};
