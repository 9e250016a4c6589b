//! Tests of rollouts.
//!
//! A story is a fleet and a script in a small text language ([`world`]), and what is to happen as text. While a story
//! runs, [`audit`] counts everything anew from the jobs after every event, without lanes or gauges, and fails the test
//! when a bound does not hold or when a machine waits although nothing holds it up.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for the variants that its story is about")]

mod answers;
mod audit;
mod budgets;
mod control;
mod desk;
mod estimate;
mod gates;
mod gauges;
mod lanes;
mod limits;
mod mishaps;
mod notices;
mod order;
mod procedure;
mod properties;
mod reasons;
mod retries;
mod rules;
mod scope;
mod script;
mod selected;
mod sweep;
mod windows;
mod world;

use rules::{bag, each, limit, one_step, pipeline, step};
use world::{World, check, play};
