//! What is seen: lines that stay, and on a terminal a picture below them that changes.

use crate::failure::Failure;
use crate::output::{self, BAD, BOLD, DIM, GOOD, WAITS, styled};

/// A terminal that does not say how large it is.
const USUAL: (usize, usize) = (100, 40);

#[derive(Debug)]
pub(super) struct Stage {
    is_screen: bool,
    /// Lines of the picture.
    drawn: usize,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self { is_screen: output::is_screen(), drawn: 0 }
    }

    /// A chapter begins.
    pub(super) fn title(
        &mut self,
        number: (usize, usize),
        title: &str,
        expected: &str,
    ) -> Result<(), Failure> {
        let (number, of) = number;
        let line =
            format!("{} {}", styled(BOLD, &format!("── {number}/{of} {title}")), styled(DIM, expected));
        self.say(&format!("\n{line}"))
    }

    /// Lines that stay.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        let up = self.erase();
        output::data(&format!("{up}{text}\n"))
    }

    /// What somebody says to the bot, or what is typed.
    pub(super) fn typed(&mut self, who: &str, line: &str) -> Result<(), Failure> {
        let mut lines = line.lines();
        let first = lines.next().unwrap_or_default();
        self.say(&format!("  {} {}", styled(BOLD, who), styled(BOLD, first)))?;
        lines.try_for_each(|line| self.say(&format!("    {line}")))
    }

    /// What is answered.
    pub(super) fn answered(&mut self, text: &str) -> Result<(), Failure> {
        text.trim_end().lines().try_for_each(|line| self.say(&format!("    {line}")))
    }

    pub(super) fn happened(&mut self, at: &str, words: &str) -> Result<(), Failure> {
        self.say(&format!("    {} {words}", styled(DIM, at)))
    }

    pub(super) fn good(&mut self, text: &str) -> Result<(), Failure> {
        self.say(&format!("  {} {text}", styled(GOOD, "good:")))
    }

    pub(super) fn bad(&mut self, text: &str) -> Result<(), Failure> {
        self.say(&format!("  {} {text}", styled(BAD, "bad:")))
    }

    pub(super) fn note(&mut self, text: &str) -> Result<(), Failure> {
        self.say(&format!("  {} {text}", styled(WAITS, "note:")))
    }

    /// Draws the picture anew; where nobody looks there is none.
    pub(super) fn draw(&mut self, lines: &[String]) -> Result<(), Failure> {
        if !self.is_screen {
            return Ok(());
        }
        let (width, height) = terminal_size::terminal_size()
            .map_or(USUAL, |(width, height)| (usize::from(width.0), usize::from(height.0)));
        let mut text = self.erase();
        let shown = lines.len().min(height.saturating_sub(2));
        for line in lines.iter().take(shown) {
            // A line that is wrapped would not be erased as a whole.
            let cut: String = line.chars().take(width.saturating_sub(1)).collect();
            text.push_str(&styled(DIM, &cut));
            text.push('\n');
        }
        self.drawn = shown;
        output::data(&text)
    }

    fn erase(&mut self) -> String {
        let drawn = std::mem::take(&mut self.drawn);
        if drawn == 0 { String::new() } else { format!("\x1b[{drawn}F\x1b[J") }
    }
}
