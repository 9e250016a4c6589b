//! Asking before something that cannot be taken back.

use std::io::{IsTerminal as _, stdin};

use clap::Args;

use crate::failure::{Exit, Failure};
use crate::output;

/// `--yes`, the same everywhere. What is asked before it cannot be taken back, or not without work: an approval that is
/// rejected, a mirror that is forgotten or a machine that is left out is not asked about, for the same can be said again.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Sure {
    /// Do it without asking
    #[arg(long, short = 'y')]
    yes: bool,
}

impl Sure {
    /// Whether yes was said before anything was shown.
    pub(crate) fn is_said(self) -> bool {
        self.yes
    }

    /// Asks a person at a terminal; where nobody can be asked, `--yes` must have been said.
    pub(crate) fn or_ask(self, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        let not_said = |error: &str| {
            Err(Failure::new(Exit::Usage, error.to_owned()).with_hint("`--yes` does it without asking"))
        };
        if !stdin().is_terminal() {
            return not_said("expected somebody to say yes, found no terminal to ask at");
        }
        output::note(&format!("{question} [y/N]"));
        let mut answer = String::new();
        stdin()
            .read_line(&mut answer)
            .map_err(|error| super::unreadable("an answer", "standard input".as_ref(), error))?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => not_said("nothing was done"),
        }
    }
}
