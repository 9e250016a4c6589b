//! A page of the reference as a manual page. It knows as much Markdown as the reference has: headings, paragraphs, tables, fences,
//! code and links.

/// The page in the language of man.
pub(crate) fn of_markdown(name: &str, section: &str, about: &str, text: &str) -> String {
    let mut out = format!(
        ".TH \"{name}\" {section} \"\" \"smith {}\"\n.SH NAME\n{name} \\- {about}\n.SH DESCRIPTION\n",
        env!("CARGO_PKG_VERSION")
    );
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("# ") {
            // The title of the page is its name, which stands above.
            let _ = heading;
        } else if let Some(heading) = line.strip_prefix("## ") {
            out.push_str(&format!(
                ".SH {}\n",
                inline(heading).to_uppercase().replace("\\FB", "").replace("\\FR", "")
            ));
        } else if line.starts_with("```") {
            out.push_str(".PP\n.EX\n");
            for code in lines.by_ref().take_while(|line| !line.starts_with("```")) {
                out.push_str(&guarded(&escaped(code)));
            }
            out.push_str(".EE\n");
        } else if line.starts_with('|') {
            let rule = lines.next_if(|line| line.starts_with("|---") || line.starts_with("| ---"));
            let titles = if rule.is_some() { cells(line) } else { Vec::new() };
            while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                table_row(&mut out, &titles, &cells(row));
            }
        } else if line.trim().is_empty() {
            out.push_str(".PP\n");
        } else {
            out.push_str(&guarded(&inline(line)));
        }
    }
    out
}

/// The first cell names it, the second says what it is, and the others begin with what their column is called.
fn table_row(out: &mut String, titles: &[String], cells: &[String]) {
    let mut cells = cells.iter().enumerate();
    let Some((_, name)) = cells.next() else { return };
    out.push_str(&format!(".TP\n{}", guarded(&inline(name))));
    for (column, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        let title = titles.get(column).filter(|_| column > 1);
        let title = title.map_or_else(String::new, |title| format!("{}: ", inline(title)));
        out.push_str(&guarded(&format!("{title}{}", inline(cell))));
        out.push_str(".br\n");
    }
}

fn cells(row: &str) -> Vec<String> {
    // A bar that is part of a text is written as `\|`.
    let row = row.trim().trim_start_matches('|').trim_end_matches('|').replace("\\|", "\u{0}");
    row.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}

/// Code is bold, links are their words.
fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '[', '*']) {
        out.push_str(&escaped(&rest[..at]));
        let (mark, behind) = rest[at..].split_at(1);
        let taken = match mark {
            "`" => behind.split_once('`').map(|(code, rest)| (format!("\\fB{}\\fR", escaped(code)), rest)),
            "[" => behind
                .split_once("](")
                .filter(|(words, _)| !words.contains(']'))
                .and_then(|(words, rest)| Some((inline(words), rest.split_once(')')?.1))),
            _ => behind
                .strip_prefix('*')
                .and_then(|behind| behind.split_once("**"))
                .map(|(words, rest)| (format!("\\fB{}\\fR", escaped(words)), rest)),
        };
        match taken {
            Some((text, behind)) => {
                out.push_str(&text);
                rest = behind;
            }
            None => {
                out.push_str(mark);
                rest = behind;
            }
        }
    }
    out.push_str(&escaped(rest));
    out
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('…', "...").replace('–', "\\-")
}

/// A line that begins with a dot or an apostrophe would be an order.
fn guarded(line: &str) -> String {
    let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
    format!("{guard}{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_reference_has_becomes_what_man_reads() {
        let text = "# Settings\n\n`data` is [a key](x.md) of **all**.\n.hidden\n\n## Keys `a`\n\n\
                    | key | meaning | without it |\n|---|---|---|\n| `a` | this \\| that | no |\n\n```yaml\na: 1-2\\n\n```\n";
        let page = of_markdown("x.yaml", "5", "about", text);
        let body = page.split_once(".SH DESCRIPTION\n").unwrap().1;
        assert_eq!(
            body,
            ".PP\n\\fBdata\\fR is a key of \\fBall\\fR.\n\\&.hidden\n.PP\n.SH KEYS A\n.PP\n.TP\n\\fBa\\fR\n\
             this | that\n.br\nwithout it: no\n.br\n.PP\n.PP\n.EX\na: 1\\-2\\en\n.EE\n"
        );
    }
}
