//! A server's telemetry on a real journal, with machines that answer as a test wants, and a collector on loopback.

mod collector;
mod delivering;
mod refold;
mod restarts;
mod shapes;
mod site;
mod stories;
