//! `smith chat`: the bot, without a chat.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use smith_api::{Chat as Said, ChatAnswer};

use crate::failure::{Exit, Failure};
use crate::input::{ServerArgs, unreadable};
use crate::output;

/// Say a line to the bot: `patch 725 config:NAME`, `smith-status CHG0268453`, `help`.
///
/// Without a line, lines are read from standard input, one request each; a train's template goes on until an empty line.
/// docs/reference/chat.md has all lines.
#[derive(Debug, Args)]
pub(super) struct Chat {
    /// The line; its words need no quotes
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    line: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(args: &Chat) -> Result<Exit, Failure> {
    if !args.line.is_empty() {
        return say(args, &args.line.join(" "));
    }
    let mut end = Exit::Good;
    let stdin = std::io::stdin();
    let is_person = stdin.is_terminal();
    let mut lines = stdin.lock().lines();
    loop {
        if is_person {
            output::progress("smith> ");
        }
        let Some(first) = lines.next() else { return Ok(end) };
        let first = first.map_err(|error| unreadable("lines", "standard input".as_ref(), error))?;
        if first.trim().is_empty() {
            continue;
        }
        let mut text = first;
        if text.trim_start().to_lowercase().starts_with("raise train") {
            for more in lines.by_ref() {
                let more = more.map_err(|error| unreadable("lines", "standard input".as_ref(), error))?;
                if more.trim().is_empty() {
                    break;
                }
                text.push('\n');
                text.push_str(&more);
            }
        }
        // One line that goes wrong does not end a conversation; the end says that one did.
        match say(args, &text) {
            Ok(_) => {}
            Err(failure) => end = output::failure(&failure),
        }
    }
}

fn say(args: &Chat, line: &str) -> Result<Exit, Failure> {
    let said = Said { line: line.to_owned() };
    let answer: ChatAnswer = args.server.post("/v1/chat", &said)?;
    output::data(&format!("{}\n", answer.text.trim_end()))?;
    Ok(Exit::Good)
}
