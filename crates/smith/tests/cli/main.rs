//! The program as people meet it: arguments in, text and exit code out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod absent;
mod agent;
mod bucket;
mod builds;
mod channel;
mod fleet;
mod fsck;
mod help;
mod journal;
mod mirror;
mod pipeline;
mod run;
mod serving;
mod signing;
mod simulate;
mod why;
mod words;
