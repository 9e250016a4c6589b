//! `lib.rs` and `mod.rs` are tables of contents: documentation, attributes, `mod name;` and `use`.

use super::item::attribute_end;
use super::report::Report;
use super::scan::is_word;
use super::tree::{Tree, line_at};

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    for file in tree.rust().filter(|file| matches!(file.name(), "lib.rs" | "mod.rs") && !file.is_test_code())
    {
        let code = &file.scan().code;
        if let Some(offset) = stray(code) {
            let found = code[offset..].lines().next().unwrap_or_default().trim();
            let message =
                format!("expected only docs, attributes, `mod name;` and `use` here, found `{found}`");
            report.find(&file.path, line_at(code, offset), message);
        }
    }
}

/// Where the first item stands that is none of these.
fn stray(code: &str) -> Option<usize> {
    let mut at = skip_space(code, 0);
    while at < code.len() {
        let Some(end) = attribute_end(code, at).or_else(|| entry_end(code, at)) else { return Some(at) };
        at = skip_space(code, end);
    }
    None
}

fn skip_space(code: &str, at: usize) -> usize {
    code.len() - code[at..].trim_start().len()
}

/// The end of the `mod name;` or `use …;` at `at`.
fn entry_end(code: &str, at: usize) -> Option<usize> {
    let at = skip_visibility(code, at)?;
    let end = at + code[at..].find(';')?;
    let entry = &code[at..end];
    let keyword = entry.split(|c: char| !c.is_ascii() || !is_word(c as u8)).next()?;
    let is_entry = match keyword {
        "use" => true,
        "mod" => !entry.contains('{'),
        "extern" => entry.split_whitespace().nth(1) == Some("crate"),
        _ => false,
    };
    is_entry.then_some(end + 1)
}

/// Past `pub` and `pub(…)`, if they stand there.
fn skip_visibility(code: &str, at: usize) -> Option<usize> {
    let Some(rest) = code[at..].strip_prefix("pub") else { return Some(at) };
    let at = skip_space(code, code.len() - rest.len());
    if code[at..].starts_with('(') {
        let close = at + code[at..].find(')')?;
        return Some(skip_space(code, close + 1));
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::super::report::found;
    use super::*;

    #[test]
    fn a_table_of_contents_passes() {
        let text = "//! Docs with fn main() {}.\n#![forbid(unsafe_code)]\n#![expect(a, reason = \"b; {\")]\n\n\
                    mod a;\n#[cfg(test)]\nmod tests;\npub mod b;\npub(crate) mod c;\npub(in crate::x) use d::{E, f::{G}};\n\
                    extern crate alloc;\n#[doc(inline)]\npub use h::*; // end\n";
        assert_eq!(found(check, &[("crates/a/src/lib.rs", text), ("a/mod.rs", "")]), Vec::<String>::new());
    }

    #[test]
    fn code_is_found_where_it_stands() {
        for code in [
            "pub fn f() {}",
            "mod a { }",
            "const A: u8 = 1;",
            "pub struct S;",
            "macro_rules! m { () => {} }",
            "extern \"C\" { fn f(); }",
            "impl S {}",
            "used!();",
        ] {
            let text = format!("//! Docs.\nmod a;\n{code}\n");
            let findings = found(check, &[("mod.rs", &text)]);
            assert!(
                findings.len() == 1 && findings[0].starts_with("mod.rs:3: expected only"),
                "{code}: {findings:?}"
            );
        }
    }

    #[test]
    fn other_files_hold_what_they_like() {
        let files =
            [("src/main.rs", "fn main() {}"), ("src/a.rs", "fn a() {}"), ("tests/x/mod.rs", "fn a() {}")];
        assert_eq!(found(check, &files), Vec::<String>::new());
    }
}
