//! `smith lab`: real machines to rehearse on.

mod r#break;
mod down;
mod heal;
mod list;
mod reload;
mod ssh;
mod up;

use clap::{Args, Subcommand};

use crate::failure::{Exit, Failure};

/// Real Debian machines on this computer, to rehearse on.
///
/// Each machine of a lab has its own address, host key, disk, sshd and apt, with packages as they were when the release came
/// out, and reboots for real. All are made from one base, which is fetched once. Nothing is touched that smith did not make.
#[derive(Debug, Args)]
pub(super) struct Lab {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    List(list::List),
    Ssh(ssh::Ssh),
    Break(r#break::Break),
    Heal(heal::Heal),
    Reload(reload::Reload),
    Down(down::Down),
}

pub(super) fn run(lab: Lab) -> Result<Exit, Failure> {
    match lab.command {
        Command::Up(up) => up::run(up),
        Command::List(list) => list::run(&list),
        Command::Ssh(ssh) => ssh::run(&ssh),
        Command::Break(one) => r#break::run(&one),
        Command::Heal(heal) => heal::run(&heal),
        Command::Reload(reload) => reload::run(&reload),
        Command::Down(down) => down::run(&down),
    }
}
