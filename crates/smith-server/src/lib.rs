//! The shell around the rules: it reads what people write, drives the journal and performs effects.

pub mod problem;
