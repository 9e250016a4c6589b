//! Everything that is printed goes through here: data to standard output, the rest to standard error.

mod chart;
mod problem;
mod svg;
mod table;

use std::io::{self, IsTerminal as _, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::failure::{Exit, Failure, What};

pub(crate) use chart::{Bar, Chart, Point};
pub(crate) use smith_server::words::{count, counted, day, moment, numbered, ratio, times};
pub(crate) use svg::{Curve, OTHERS, Picture, Stretch, draw};
pub(crate) use table::{Align, Table};

/// What is printed is made for this width unless somebody asks for another, so that the same run is the same text
/// everywhere.
pub(crate) const WIDTH: usize = 100;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WAITS: Style = AnsiColor::Yellow.on_default();

/// The text in a style. Meaning must not hang on it: it goes where nobody sees colours.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Whether a person reads what was asked for, rather than a program.
pub(crate) fn is_screen() -> bool {
    io::stdout().is_terminal()
}

/// Prints what was asked for.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Prints what was asked for as JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}

/// Something that a person at the terminal may want to know, beside the data.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Whether somebody sees lines that are written over.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// A line that the next one takes the place of; nothing where nobody looks.
pub(crate) fn progress(text: &str) {
    let mut err = io::stderr().lock();
    if err.is_terminal() {
        let _ = write!(err, "\r\x1b[2K{text}");
        let _ = err.flush();
    }
}

/// Prints the error with everything that led to it, once, and gives the code to end with.
pub(crate) fn failure(failure: &Failure) -> Exit {
    if failure.is_closed_pipe() {
        return Exit::Good;
    }
    let mut text = match &failure.what {
        What::Mistakes { problems, texts } => problem::shown(problems, texts),
        What::Error(error) => {
            let code = failure.code().map_or_else(String::new, |code| format!(" [{code}]"));
            let mut text = format!("{} {error}{code}\n", styled(BAD, "error:"));
            let mut source = error.source();
            while let Some(cause) = source {
                text.push_str(&format!("  because: {cause}\n"));
                source = cause.source();
            }
            text
        }
    };
    if let Some(hint) = &failure.hint {
        text.push_str(&format!("  {} {hint}\n", styled(WAITS, "hint:")));
    }
    if failure.exit == Exit::Bug {
        text.push_str("  this is a mistake in smith: please report it with the command that led to it\n");
    }
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
    failure.exit
}
