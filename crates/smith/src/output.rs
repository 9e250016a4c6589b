//! Everything that is printed goes through here: data to standard output, the rest to standard error.

mod chart;
mod clean;
mod problem;
mod svg;
mod table;

use std::io::{self, IsTerminal as _, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
pub(crate) use smith_domain::plain::one_line;
use smith_domain::time::Timestamp;
use smith_server::answers::{Paint, Tone};

use crate::failure::{Exit, Failure, What};

pub(crate) use chart::{Bar, Chart, Point};
pub(crate) use smith_server::words::{count, counted, day, moment, numbered, ratio, times};
pub(crate) use svg::{Curve, OTHERS, Picture, Stretch, draw};
pub(crate) use table::{Align, Table, shortened as fitted};

/// What is printed is made for this width unless somebody asks for another, so that the same run is the same text
/// everywhere.
pub(crate) const WIDTH: usize = 100;

/// Nothing that is readable fits into less; a table is then wider than the screen.
const NARROWEST: usize = 40;

/// The width of the screen that somebody looks at, for what a server says; where nobody looks, what COLUMNS says or else
/// the usual one.
pub(crate) fn width() -> usize {
    let screen = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    screen.or_else(said).unwrap_or(WIDTH).max(NARROWEST)
}

/// How many lines of a picture that changes in place can be seen.
pub(crate) fn height() -> usize {
    terminal_size::terminal_size_of(io::stdout()).map_or(usize::MAX, |(_, height)| usize::from(height.0))
}

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WAITS: Style = AnsiColor::Yellow.on_default();

/// The text in a style. Meaning must not hang on it: it goes where nobody sees colours.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// What stands out of a text that the server and its faces share.
#[derive(Debug)]
pub(crate) struct Coloured;

impl Paint for Coloured {
    fn paint(&self, tone: Tone, text: &str) -> String {
        styled(if tone == Tone::Waits { WAITS } else { BOLD }, text)
    }
}

/// `05 Jan 13:20`, of the text that an answer has.
pub(crate) fn moment_of(text: &str) -> String {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed.map_or_else(|_| text.to_owned(), |at| moment(Timestamp(at.as_millisecond())))
}

/// The text in lines of at most this width. The first begins behind `indent` columns, and the others are moved there.
pub(crate) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    // Where the columns before it leave next to nothing, it goes over the edge instead of falling to pieces.
    let room = width.saturating_sub(indent).max(20);
    let (mut out, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            out.push_str(&format!("\n{}", " ".repeat(indent)));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out
}

/// Whether a person reads what was asked for, rather than a program.
pub(crate) fn is_screen() -> bool {
    io::stdout().is_terminal()
}

/// Prints what was asked for.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(clean::seen(text).as_bytes())?;
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
    let _ = writeln!(anstream::stderr().lock(), "{}", clean::seen(text));
}

/// Whether somebody sees lines that are written over.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// A line that the next one takes the place of; nothing where nobody looks.
pub(crate) fn progress(text: &str) {
    let mut err = io::stderr().lock();
    if err.is_terminal() {
        let _ = write!(err, "\r\x1b[2K{}", clean::seen(text));
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
    let _ = anstream::stderr().lock().write_all(clean::seen(&text).as_bytes());
    failure.exit
}
