//! A difference as Markdown for an epic: what matters in sections, all of it folded away below.

use std::fmt::Write as _;

use crate::diff::change::{Diff, Kind, Offer, SourceChange};
use crate::diff::render::{Names, Row, Sections, Titles, bytes, marks, ordered, plain, totals};

impl Diff {
    pub fn to_markdown(&self, titles: &Titles) -> String {
        let mut text = format!("## Packages: {} → {}\n\n", words(&titles.old), words(&titles.new));
        let _ = writeln!(text, "**{}.**", words(&totals(&self.totals)));
        if let Some(line) = bytes(&self.totals) {
            let _ = writeln!(text, "{line}");
        }
        let (sections, names) = (Sections::of(self), Names::of(self));
        section(&mut text, "Kernels", &sections.kernels, &names);
        section(&mut text, "Security", &sections.security, &names);
        if self.totals.closed > 0 {
            let _ = writeln!(text, "\n### Vulnerabilities closed\n");
            for source in self.sources.iter().filter(|source| !source.closes.is_empty()) {
                closed(&mut text, source);
            }
        }
        if !self.sources.is_empty() {
            let count = self.packages().count();
            let _ = writeln!(text, "\n<details><summary>All changes ({count})</summary>\n");
            all(&mut text, self, &names);
            let _ = writeln!(text, "\n</details>");
        }
        text
    }
}

fn section(text: &mut String, title: &str, rows: &[Row<'_>], names: &Names<'_>) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n### {title}\n\n| package | old | new | |\n|---|---|---|---|");
    for row in rows {
        let (old, new) = (version(row.1.old.as_ref()), version(row.1.new.as_ref()));
        let _ = writeln!(text, "| {} | {old} | {new} | {} |", code(&names.name(*row)), marks(row).join(", "));
    }
}

fn closed(text: &mut String, source: &SourceChange) {
    let ids = ordered(&source.closes).map(|one| match one.exploited {
        true => format!("**{} (known to be exploited)**", words(&one.id)),
        false => words(&one.id),
    });
    let ids: Vec<String> = ids.collect();
    let new = source.new.as_deref().unwrap_or_default();
    let (name, place) = (code(&source.source), words(&source.distribution));
    let _ = writeln!(text, "- {name} {} ({place}): {}", code(new), ids.join(", "));
}

/// Every change, below its source.
fn all(text: &mut String, diff: &Diff, names: &Names<'_>) {
    let _ = writeln!(text, "| source | package | old | new | |\n|---|---|---|---|---|");
    for row in diff.packages() {
        let (source, change) = row;
        let mut remarks: Vec<String> = marks(&row).into_iter().map(str::to_owned).collect();
        if change.kind == Kind::Moved {
            let places = |offer: &Option<Offer>| {
                offer.as_ref().map(|offer| words(&offer.suites.join(" "))).unwrap_or_default()
            };
            remarks.push(format!("moved from {} to {}", places(&change.old), places(&change.new)));
        }
        let others = change.new.iter().flat_map(|offer| &offer.others);
        remarks.extend(others.map(|one| format!("also {} in {}", code(&one.version), words(&one.suite))));
        let (old, new) = (version(change.old.as_ref()), version(change.new.as_ref()));
        let (name, source) = (code(&names.name(row)), code(&source.source));
        let _ = writeln!(text, "| {source} | {name} | {old} | {new} | {} |", remarks.join(", "));
    }
}

fn version(offer: Option<&Offer>) -> String {
    offer.map_or_else(|| "–".to_owned(), |offer| code(&offer.version))
}

/// As code, in which nothing but its own marks has a meaning: versions have tildes, names underscores.
fn code(text: &str) -> String {
    format!("`{}`", plain(text).replace('`', "'").replace('|', "\\|"))
}

/// As prose without any markup in it.
fn words(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in plain(text).chars() {
        if "\\`*_[]<>|~#@&!".contains(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}
