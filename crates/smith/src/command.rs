//! The commands: one file each, named like the command. `docs/reference/commands.md` is their reference.

mod agent;
mod audit;
mod build;
mod change;
mod channel;
mod chat;
mod clock;
mod demo;
mod fleet;
mod lab;
mod mirror;
mod pipeline;
mod report;
mod rollout;
mod serve;
mod status;
mod ticket;
mod token;
mod train;

use clap::{Parser, Subcommand};

use crate::failure::{Exit, Failure};

/// Keeps a fleet of Linux machines patched: rehearses, rolls out, and says why.
#[derive(Debug, Parser)]
#[command(
    name = "smith",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Data goes to standard output, everything else to standard error. docs/reference/exit-codes.md \
                        has the exit codes."
)]
pub(crate) struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    Status(status::Status),
    Chat(chat::Chat),
    Rollout(rollout::Rollout),
    Change(change::Change),
    Train(train::Train),
    Ticket(ticket::Ticket),
    Pipeline(pipeline::Pipeline),
    Fleet(fleet::Fleet),
    Build(build::Build),
    Mirror(mirror::Mirror),
    Channel(channel::Channel),
    Agent(agent::Agent),
    Report(report::Report),
    Audit(audit::Audit),
    Token(token::Token),
    Clock(clock::Clock),
    Lab(lab::Lab),
}

pub(crate) fn run(program: Program) -> Result<Exit, Failure> {
    match program.command {
        Command::Demo(demo) => demo::run(&demo),
        Command::Serve(serve) => serve::run(&serve),
        Command::Status(status) => status::run(&status),
        Command::Chat(chat) => chat::run(&chat),
        Command::Change(change) => change::run(&change),
        Command::Train(train) => train::run(&train),
        Command::Ticket(ticket) => ticket::run(&ticket),
        Command::Token(token) => token::run(&token),
        Command::Clock(clock) => clock::run(&clock),
        Command::Rollout(rollout) => rollout::run(rollout),
        Command::Pipeline(pipeline) => pipeline::run(pipeline),
        Command::Fleet(fleet) => fleet::run(fleet),
        Command::Build(build) => build::run(build),
        Command::Mirror(mirror) => mirror::run(mirror),
        Command::Channel(channel) => channel::run(&channel),
        Command::Agent(agent) => agent::run(&agent),
        Command::Report(report) => report::run(&report),
        Command::Audit(audit) => audit::run(audit),
        Command::Lab(lab) => lab::run(lab),
    }
}
