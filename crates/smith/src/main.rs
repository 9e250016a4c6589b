//! The program that people run. It reads arguments, hands over to one command, and says how it ended: data on standard
//! output, everything else on standard error, an exit code that means something.

mod command;
mod complete;
mod demo;
mod failure;
mod groups;
mod input;
mod machines;
mod output;
mod page;
mod rehearsal;
mod site;
mod systemd;

use std::process::ExitCode;

use crate::failure::Exit;

fn main() -> ExitCode {
    if complete::answer() {
        return Exit::Good.into();
    }
    let program = match command::Program::read() {
        Ok(program) => program,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Good };
            // Nobody is left to be told that nothing can be told.
            let _ = error.print();
            return exit.into();
        }
    };
    match command::run(program) {
        Ok(exit) => exit.into(),
        Err(failure) => output::failure(&failure).into(),
    }
}
