//! The commands: one file each, named like the command. `docs/reference/commands.md` is their reference.

mod agent;
mod audit;
mod build;
mod change;
mod channel;
mod chat;
mod clock;
mod completions;
mod cycle;
mod demo;
mod errand;
mod events;
mod exemption;
mod explain;
mod fleet;
mod init;
mod lab;
mod manual;
mod mirror;
mod pipeline;
mod report;
mod rollout;
mod serve;
mod status;
mod ticket;
mod token;
mod train;

use clap::{Command as Line, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub(crate) use serve::USUAL as USUAL_SETTINGS;

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
    Init(init::Init),
    Demo(demo::Demo),
    Serve(serve::Serve),
    Status(status::Status),
    Chat(chat::Chat),
    Events(events::Events),
    Rollout(rollout::Rollout),
    Cycle(cycle::Cycle),
    Change(change::Change),
    Train(train::Train),
    Ticket(ticket::Ticket),
    Errand(errand::Errand),
    Pipeline(pipeline::Pipeline),
    Fleet(fleet::Fleet),
    Exemption(exemption::Exemption),
    Build(build::Build),
    Mirror(mirror::Mirror),
    Channel(channel::Channel),
    Agent(agent::Agent),
    Report(report::Report),
    Audit(audit::Audit),
    Explain(explain::Explain),
    Token(token::Token),
    Clock(clock::Clock),
    Lab(lab::Lab),
    Completions(completions::Completions),
    Manual(manual::Manual),
}

impl Program {
    /// What somebody wrote on the command line.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let mut line = crate::groups::grouped(Self::command());
        let matches = line.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut line))
    }
}

/// The command line as it is declared, without what is made for a screen.
fn plain() -> Line {
    Program::command()
}

pub(crate) fn run(program: Program) -> Result<Exit, Failure> {
    match program.command {
        Command::Init(init) => init::run(&init),
        Command::Completions(completions) => completions::run(&completions),
        Command::Manual(manual) => manual::run(&manual),
        Command::Demo(demo) => demo::run(&demo),
        Command::Serve(serve) => serve::run(&serve),
        Command::Status(status) => status::run(&status),
        Command::Chat(chat) => chat::run(&chat),
        Command::Events(events) => events::run(&events),
        Command::Cycle(cycle) => cycle::run(&cycle),
        Command::Errand(errand) => errand::run(&errand),
        Command::Exemption(exemption) => exemption::run(&exemption),
        Command::Explain(explain) => explain::run(&explain),
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
