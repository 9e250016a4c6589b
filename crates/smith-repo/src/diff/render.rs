//! A difference as text for a terminal: a table of at most 100 columns, kernels first, then security.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::diff::change::{Closed, Diff, Flag, Kind, PackageChange, SourceChange, Totals};

/// Of the columns package, old, new and marks; with two blanks between them, 100.
const WIDTHS: [usize; 4] = [34, 23, 23, 14];

/// What the two sides are called: `724`, `prod (725)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Titles {
    pub old: String,
    pub new: String,
}

pub(super) type Row<'a> = (&'a SourceChange, &'a PackageChange);

/// Changes by what people look for first; each stands in one section.
pub(super) struct Sections<'a> {
    pub(super) kernels: Vec<Row<'a>>,
    pub(super) security: Vec<Row<'a>>,
    pub(super) others: Vec<Row<'a>>,
    pub(super) moved: Vec<Row<'a>>,
}

impl<'a> Sections<'a> {
    pub(super) fn of(diff: &'a Diff) -> Self {
        let mut all =
            Self { kernels: Vec::new(), security: Vec::new(), others: Vec::new(), moved: Vec::new() };
        for row in diff.packages() {
            let section = match row.1 {
                change if change.kind == Kind::Moved => &mut all.moved,
                change if change.has(Flag::Kernel) => &mut all.kernels,
                change if change.has(Flag::Security) => &mut all.security,
                _ => &mut all.others,
            };
            section.push(row);
        }
        all
    }
}

/// What becomes of lines that are too long for a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// They go on below, for people.
    Folded,
    /// A change is a line, for programs that cut and search.
    Whole,
}

impl Diff {
    pub fn to_text(&self, titles: &Titles) -> String {
        self.to_text_in(titles, Lines::Folded)
    }

    pub fn to_text_in(&self, titles: &Titles, lines: Lines) -> String {
        let mut text = format!("From {} to {}:\n", plain(&titles.old), plain(&titles.new));
        wrapped(&mut text, totals(&self.totals).split(", ").map(str::to_owned), lines);
        if let Some(line) = bytes(&self.totals) {
            let _ = writeln!(text, "{line}");
        }
        let sections = Sections::of(self);
        let names = Names::of(self);
        for (title, rows) in [
            ("Kernels", &sections.kernels),
            ("Security", &sections.security),
            ("Others", &sections.others),
            ("Moved to other suites, nothing to install", &sections.moved),
        ] {
            if rows.is_empty() {
                continue;
            }
            let _ = writeln!(text, "\n{title} ({})", rows.len());
            line(&mut text, &["package", "old", "new", ""].map(str::to_owned), lines);
            for row in rows {
                line(&mut text, &cells(row, &names), lines);
            }
        }
        if self.totals.closed > 0 {
            let _ = writeln!(text, "\nVulnerabilities closed ({})", self.totals.closed);
            for source in self.sources.iter().filter(|source| !source.closes.is_empty()) {
                closed(&mut text, source, lines);
            }
        }
        text
    }
}

fn closed(text: &mut String, source: &SourceChange, lines: Lines) {
    let new = source.new.as_deref().unwrap_or_default();
    let head = plain(&format!("{} {new} ({})", source.source, source.distribution));
    let _ = writeln!(text, "{head}");
    wrapped(text, ordered(&source.closes).map(closed_words), lines);
}

/// Words with two blanks before each, on lines of at most 100 columns.
fn wrapped(text: &mut String, words: impl Iterator<Item = String>, lines: Lines) {
    let mut column = 0;
    for word in words {
        let width = word.chars().count() + 2;
        if lines == Lines::Folded && column > 0 && column + width > 100 {
            text.push('\n');
            column = 0;
        }
        let _ = write!(text, "  {word}");
        column += width;
    }
    text.push('\n');
}

/// Those that are known to be exploited first.
pub(super) fn ordered(closes: &[Closed]) -> impl Iterator<Item = &Closed> {
    let of = |exploited: bool| closes.iter().filter(move |one| one.exploited == exploited);
    of(true).chain(of(false))
}

fn closed_words(one: &Closed) -> String {
    let id = plain(&one.id);
    if one.exploited { format!("{id} (exploited)") } else { id }
}

/// `3 upgraded, 1 added`
pub(super) fn totals(totals: &Totals) -> String {
    let counts = [
        (totals.downgraded, "DOWNGRADED"),
        (totals.upgraded, "upgraded"),
        (totals.added, "added"),
        (totals.removed, "removed"),
        (totals.rebuilt, "rebuilt under the same version"),
        (totals.moved, "moved"),
        (totals.kernel, "of kernels"),
        (totals.security, "from security"),
        (totals.reboot, "that want a reboot"),
        (totals.closed, "vulnerabilities closed"),
        (totals.exploited, "of them known to be exploited"),
    ];
    let words: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if words.is_empty() { "no difference".to_owned() } else { words.join(", ") }
}

pub(super) fn bytes(totals: &Totals) -> Option<String> {
    let Totals { bytes_added, bytes_removed, bytes_changed, bytes_changed_before, .. } = *totals;
    if bytes_added + bytes_removed + bytes_changed + bytes_changed_before == 0 {
        return None;
    }
    Some(format!(
        "Package files: {} added, {} removed, {} changed (before {}).",
        size(bytes_added),
        size(bytes_removed),
        size(bytes_changed),
        size(bytes_changed_before)
    ))
}

/// Bytes in decimal units, as apt writes them.
pub(crate) fn size(bytes: u64) -> String {
    let mut unit = 1;
    for (name, next) in [("B", 1_000), ("kB", 1_000_000), ("MB", 1_000_000_000), ("GB", u64::MAX)] {
        // What would round up to a thousand takes the next unit.
        if bytes < next - next / 2_000 {
            return match unit {
                1 => format!("{bytes} {name}"),
                _ => format!(
                    "{}.{} {name}",
                    (bytes + unit / 20) / unit,
                    (bytes + unit / 20) % unit / (unit / 10)
                ),
            };
        }
        unit = next;
    }
    format!("{bytes} B")
}

/// Which names need more words to be told apart.
pub(super) struct Names<'a> {
    architectures: BTreeMap<(&'a str, &'a str), usize>,
    distributions: usize,
}

impl<'a> Names<'a> {
    pub(super) fn of(diff: &'a Diff) -> Self {
        let mut architectures = BTreeMap::new();
        let mut distributions = BTreeSet::new();
        for (source, change) in diff.packages() {
            *architectures.entry((source.distribution.as_str(), change.name.as_str())).or_default() += 1;
            distributions.insert(source.distribution.as_str());
        }
        Self { architectures, distributions: distributions.len() }
    }

    pub(super) fn name(&self, (source, change): Row<'_>) -> String {
        let mut name = plain(&change.name);
        let key = (source.distribution.as_str(), change.name.as_str());
        if self.architectures.get(&key).is_some_and(|count| *count > 1) {
            let _ = write!(name, ":{}", plain(&change.arch));
        }
        if self.distributions > 1 {
            let _ = write!(name, " ({})", plain(&source.distribution));
        }
        name
    }
}

fn cells(row: &Row<'_>, names: &Names<'_>) -> [String; 4] {
    let version = |offer: &Option<crate::diff::Offer>| match offer {
        Some(offer) => plain(&offer.version),
        None => "-".to_owned(),
    };
    let places = |offer: &Option<crate::diff::Offer>| match offer {
        Some(offer) => plain(&offer.suites.join(" ")),
        None => "-".to_owned(),
    };
    let (old, new) = match row.1.kind {
        Kind::Moved => (places(&row.1.old), places(&row.1.new)),
        Kind::Added | Kind::Removed | Kind::Upgraded | Kind::Downgraded | Kind::Rebuilt => {
            (version(&row.1.old), version(&row.1.new))
        }
    };
    [names.name(*row), old, new, marks(row).join(" ")]
}

/// What is remarkable about a change.
pub(super) fn marks((source, change): &Row<'_>) -> Vec<&'static str> {
    let mut words = Vec::new();
    match change.kind {
        Kind::Added => words.push("added"),
        Kind::Removed => words.push("removed"),
        Kind::Downgraded => words.push("DOWNGRADED"),
        Kind::Rebuilt => words.push("rebuilt"),
        Kind::Upgraded | Kind::Moved => {}
    }
    for flag in &change.flags {
        words.push(match flag {
            Flag::Kernel => "kernel",
            Flag::Reboot => "reboot",
            Flag::Security => "security",
        });
    }
    if change.kind != Kind::Moved && source.closes.iter().any(|one| one.exploited) {
        words.push("exploited");
    }
    words
}

/// Package lists are read from files: what could move a cursor is not passed on.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '?' } else { char }).collect()
}

/// One row; what is too long for its column goes on below, or beyond it.
fn line(text: &mut String, cells: &[String; 4], lines: Lines) {
    let parts = |(cell, width): (&String, usize)| match lines {
        Lines::Folded => folded(cell, width).into_iter(),
        Lines::Whole => vec![cell.clone()].into_iter(),
    };
    let mut columns: Vec<_> = cells.iter().zip(WIDTHS).map(parts).collect();
    loop {
        let parts: Vec<Option<String>> = columns.iter_mut().map(Iterator::next).collect();
        if parts.iter().all(Option::is_none) {
            return;
        }
        let mut row = String::new();
        for (part, width) in parts.into_iter().zip(WIDTHS) {
            let _ = write!(row, "{:width$}  ", part.unwrap_or_default());
        }
        let _ = writeln!(text, "{}", row.trim_end());
    }
}

/// Broken at blanks where there are any, else anywhere; what goes on is indented.
fn folded(cell: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in cell.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if let Some(last) = lines.last_mut()
            && last.chars().count() + 1 + word.len() <= width
        {
            last.push(' ');
            last.extend(word);
            continue;
        }
        loop {
            let indent = if lines.is_empty() { "" } else { " " };
            let rest = word.split_off(word.len().min(width - indent.len()));
            lines.push(indent.chars().chain(word).collect());
            if rest.is_empty() {
                break;
            }
            word = rest;
        }
    }
    lines
}
