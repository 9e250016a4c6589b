//! The shell around the rules: it reads what people write, drives the journal and performs effects.

pub mod answers;
pub mod bot;
pub mod config;
pub mod core;
pub mod desk;
pub mod driver;
pub mod feed;
mod files;
pub mod http;
pub mod inventory;
pub mod machine;
pub mod problem;
pub mod serve;
pub mod telemetry;
pub mod verbs;
pub mod week;
pub mod words;
