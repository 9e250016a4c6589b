//! What a program said, made fit to be shown: its last lines, without what a terminal would take for an order.

/// So many lines show what went wrong; who needs more finds it in the operation's log.
const LINES: usize = 40;

/// A line longer than a few screens' widths is data.
const WIDTH: usize = 400;

/// The last lines that say something.
pub(crate) fn tail_of(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| shortened(&clean(line))).collect()
}

/// The text without control characters other than tabs and ends of lines.
pub(crate) fn clean(text: &str) -> String {
    let shown = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
    text.replace("\r\n", "\n").chars().map(shown).collect()
}

fn shortened(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_are_harmless() {
        let long: String = (0..100).map(|n| format!("line {n}\n\n")).collect();
        let tail = tail_of(&long);
        assert_eq!((tail.len(), tail[0].as_str(), tail[39].as_str()), (40, "line 60", "line 99"));
        assert_eq!(tail_of("a\x1b[2Jb\tc\r\n"), ["a\u{fffd}[2Jb\tc"]);
        assert_eq!(tail_of(&"x".repeat(500))[0].chars().count(), 401);
    }
}
