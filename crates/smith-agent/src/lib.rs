//! The protocol between a controller and the agent on a machine.
//!
//! A controller writes one [`Job`](protocol::Job) as a line of JSON; the agent answers with lines of JSON, each a
//! [`Reply`](protocol::Reply), the last of which ends the talk. Both ends read what the other writes with
//! [`read_job`](protocol::read_job) and [`read_reply`](protocol::read_reply), which bound what they take. These shapes are a
//! contract: agents and controllers of different ages meet.

pub mod protocol;
