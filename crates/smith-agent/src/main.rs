//! The agent: started by sshd for one talk with a controller, by itself as the worker of an operation, by systemd when the
//! machine has booted, and by people.

mod act;
mod apt;
mod arguments;
mod deadman;
mod facts;
mod files;
#[cfg(test)]
mod fuzz;
mod health;
mod hooks;
mod kernel;
mod op;
mod person;
mod reboot;
mod report;
mod restart;
mod settings;
mod talk;
mod tool;

use std::io::{self, BufReader, IsTerminal, Write};
use std::process::ExitCode;

use arguments::{Arguments, Word};
use op::{Diary, Store};

/// For whoever has asked sshd for another program, with a key that starts this one.
const REFUSED: &str = "the job was refused, and nothing was done: why is the last line of the answer. \
    A key that is restricted to this agent starts it whatever sshd was asked for";

fn main() -> ExitCode {
    // Whatever started it: files of packages are made as a person's shell would.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            let _ = writeln!(io::stderr(), "smith-agent: {wrong}\n\n{}", arguments::HELP);
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "smith-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let host = &arguments.host;
    let store = Store::of(host);
    match &arguments.word {
        Word::Talk if io::stdin().is_terminal() => person::say(arguments::HELP),
        Word::Talk => {
            let mut input = BufReader::new(talk::Patient::new(io::stdin()));
            match talk::answer(host, &mut input, io::stdout(), person::peer().as_deref()) {
                Ok(talk::Answered::Told) => Ok(()),
                Ok(talk::Answered::Refused) => Err(REFUSED.to_owned()),
                Err(error) => Err(format!("the controller is gone: {error}")),
            }
        }
        Word::Worker(id) => op::work(&store, id).map_err(|error| error.to_string()),
        Word::Watch(id) => op::watch(&store, id),
        Word::Settle => op::settle_all(&store, &Diary::open(host)).map_err(|error| error.to_string()),
        Word::Status => person::status(&store),
        Word::Log(id) => person::log(&store, id.as_ref()),
        Word::Help => person::say(arguments::HELP),
        Word::Version => person::say(concat!("smith-agent ", env!("CARGO_PKG_VERSION"), "\n")),
    }
}
