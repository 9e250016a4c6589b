//! Mistakes in files, each with the line in which it stands and a mark under the place.

use std::fmt::Write as _;

use smith_server::problem::{Problem, Problems};

use super::{BAD, BOLD, DIM, styled};

/// The longest line that is shown; generated files have lines that no screen holds.
const LONGEST: usize = 160;

/// `texts` are the files by the names that the problems give.
pub(super) fn shown(problems: &Problems, texts: &[(String, String)]) -> String {
    let mut out = String::new();
    for problem in &problems.0 {
        let text = texts.iter().find(|(name, _)| *name == problem.file).map(|(_, text)| text.as_str());
        // Writing into a string cannot fail.
        let _ = one(&mut out, problem, text);
    }
    let (mistakes, files) = (problems.0.len(), files(problems));
    let _ = writeln!(
        out,
        "{} expected no mistakes, found {mistakes} in {}",
        styled(BAD, "error:"),
        super::counted(files, "file")
    );
    out
}

fn files(problems: &Problems) -> u64 {
    let mut names: Vec<&str> = problems.0.iter().map(|problem| problem.file.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.len() as u64
}

fn one(out: &mut String, problem: &Problem, text: Option<&str>) -> std::fmt::Result {
    let Problem { file, line, column, code, expected, found, hint } = problem;
    writeln!(
        out,
        "{}",
        styled(BOLD, &format!("{file}:{line}:{column}: expected {expected}, found {found} [{code}]"))
    )?;
    let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    if let Some(source) = text.and_then(|text| text.lines().nth(index)) {
        let number = line.to_string();
        let before = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
        // A line that is too long is shown around the place.
        let skipped = before.saturating_sub(LONGEST / 2);
        let plain: String = source
            .chars()
            .skip(skipped)
            .take(LONGEST)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        writeln!(out, "  {} {}", styled(DIM, &format!("{number} |")), plain.trim_end())?;
        let pad = " ".repeat(before - skipped);
        writeln!(
            out,
            "  {} {pad}{}",
            styled(DIM, &format!("{} |", " ".repeat(number.len()))),
            styled(BAD, "^")
        )?;
    }
    if let Some(hint) = hint {
        writeln!(out, "  hint: {hint}")?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: u32, column: u32) -> Problem {
        let (file, hint) = ("a.yaml".to_owned(), Some("did you mean `b`?".to_owned()));
        Problem { file, line, column, code: "S0201", expected: "b".into(), found: "`c`".into(), hint }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn the_mark_stands_under_the_place() {
        let texts = [("a.yaml".to_owned(), "x: 1\n\tké: c\n".to_owned())];
        assert_eq!(
            plain(&shown(&Problems(vec![problem(2, 6)]), &texts)),
            "a.yaml:2:6: expected b, found `c` [S0201]\n  2 |  ké: c\n    |      ^\n  hint: did you mean `b`?\n\n\
             error: expected no mistakes, found 1 in 1 file\n"
        );
    }

    #[test]
    fn a_place_outside_the_file_is_only_named() {
        let text = plain(&shown(&Problems(vec![problem(9, 1), problem(9, 2)]), &[]));
        assert!(text.starts_with("a.yaml:9:1: expected b"), "{text}");
        assert!(text.ends_with("error: expected no mistakes, found 2 in 1 file\n"), "{text}");
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let long = format!("{}c{}", "a".repeat(1000), "b".repeat(1000));
        let text = plain(&shown(&Problems(vec![problem(1, 1001)]), &[("a.yaml".to_owned(), long)]));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1].find('c'), lines[2].find('^'));
    }
}
