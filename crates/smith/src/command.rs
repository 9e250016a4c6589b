//! The commands: one file each, named like the command. `docs/reference/commands.md` is their reference.

mod agent;
mod audit;
mod build;
mod channel;
mod demo;
mod fleet;
mod lab;
mod mirror;
mod pipeline;
mod report;
mod rollout;

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
    Rollout(rollout::Rollout),
    Pipeline(pipeline::Pipeline),
    Fleet(fleet::Fleet),
    Build(build::Build),
    Mirror(mirror::Mirror),
    Channel(channel::Channel),
    Agent(agent::Agent),
    Report(report::Report),
    Audit(audit::Audit),
    Lab(lab::Lab),
}

pub(crate) fn run(program: Program) -> Result<Exit, Failure> {
    match program.command {
        Command::Demo(demo) => demo::run(&demo),
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
