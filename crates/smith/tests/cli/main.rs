//! The program as people meet it: arguments in, text and exit code out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod absent;
mod agent;
mod audit;
mod bucket;
mod builds;
mod channel;
mod completing;
mod fleet;
mod fsck;
mod help;
mod init;
mod journal;
mod mirror;
mod parity;
mod pipeline;
mod run;
mod served;
mod serving;
mod signing;
mod simulate;
mod telemetry;
mod why;
mod words;
