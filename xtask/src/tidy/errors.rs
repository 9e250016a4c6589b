//! Every error code has a page that says what to do, and every page a code.
//!
//! A code is a string literal of `S` and four digits in the shipped code of a crate.

use std::collections::{BTreeMap, BTreeSet};

use super::item::test_regions;
use super::report::Report;
use super::tree::{File, Tree, line_at};

const PAGES: &str = "docs/errors";

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    let codes = codes(tree);
    let pages: BTreeSet<&str> = tree.files().iter().filter_map(page).collect();
    for (code, (path, line)) in &codes {
        if !pages.contains(code) {
            report.find(path, *line, format!("expected a page {PAGES}/{code}.md for {code}, found none"));
        }
    }
    for page in pages.iter().filter(|page| !codes.contains_key(*page)) {
        let message = format!("expected the code \"{page}\" in crates/*/src, found none");
        report.find(&format!("{PAGES}/{page}.md"), 0, message);
    }
}

/// Each code with the first place where it stands.
fn codes(tree: &Tree) -> BTreeMap<&str, (&str, usize)> {
    let mut codes = BTreeMap::new();
    for file in tree.rust().filter(|file| is_shipped(file)) {
        let scan = file.scan();
        let tests = test_regions(&scan.code);
        for literal in &scan.strings {
            let is_test = tests.iter().any(|region| region.contains(&literal.offset));
            if !is_test && is_code(&literal.text) {
                let line = line_at(&scan.code, literal.offset);
                codes.entry(literal.text.as_str()).or_insert((file.path.as_str(), line));
            }
        }
    }
    codes
}

fn is_shipped(file: &File) -> bool {
    let mut folders = file.folders();
    folders.next() == Some("crates") && folders.nth(1) == Some("src") && !file.is_test_code()
}

fn is_code(text: &str) -> bool {
    let digits = text.strip_prefix('S').unwrap_or_default();
    digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The code that the file is the page of; every page but the introduction is one.
fn page(file: &File) -> Option<&str> {
    let name = file.path.strip_prefix(PAGES)?.strip_prefix('/')?.strip_suffix(".md")?;
    (name != "README").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::report::found;
    use super::*;

    const SOURCE: &str = "crates/smith-domain/src/a/error.rs";

    #[test]
    fn code_and_page_belong_together() {
        let code = "\nconst A: &str = \"S0101\"; // \"S0102\"\nconst B: &str = \"S01\";";
        let files = [(SOURCE, code), ("docs/errors/S0101.md", "# S0101"), ("docs/errors/README.md", "")];
        assert_eq!(found(check, &files), Vec::<String>::new());
        assert_eq!(
            found(check, &files[..1]),
            [format!("{SOURCE}:2: expected a page docs/errors/S0101.md for S0101, found none")]
        );
        assert_eq!(
            found(check, &files[1..]),
            ["docs/errors/S0101.md: expected the code \"S0101\" in crates/*/src, found none"]
        );
    }

    #[test]
    fn tests_and_tools_have_no_codes() {
        let tests = "#[cfg(test)] mod tests { const A: &str = \"S0101\"; }";
        let files = [(SOURCE, tests), ("crates/a/tests/b.rs", "\"S0102\""), ("xtask/src/a.rs", "\"S0103\"")];
        assert_eq!(found(check, &files), Vec::<String>::new());
    }
}
