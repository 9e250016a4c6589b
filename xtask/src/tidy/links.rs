//! Relative links in the documentation lead to files that exist.

use super::report::Report;
use super::tree::{File, Tree};

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    for file in tree.files().iter().filter(|file| is_documentation(file)) {
        for (line, target) in targets(file.text().unwrap_or_default()) {
            if !leads_somewhere(tree, file, target) {
                report.find(
                    &file.path,
                    line,
                    format!("expected a link to a file that exists, found {target:?}"),
                );
            }
        }
    }
}

fn is_documentation(file: &File) -> bool {
    file.extension() == "md" && (file.path == "README.md" || file.path.starts_with("docs/"))
}

/// The target of every link outside code, with its line.
fn targets(markdown: &str) -> Vec<(usize, &str)> {
    let mut targets = Vec::new();
    let mut fence: Option<&str> = None;
    for (index, line) in markdown.lines().enumerate() {
        let start = line.trim_start();
        match fence {
            Some(mark) if start.starts_with(mark) => fence = None,
            Some(_) => {}
            None => match ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark)) {
                Some(mark) => fence = Some(mark),
                None => targets.extend(targets_in_line(line).map(|target| (index + 1, target))),
            },
        }
    }
    targets
}

/// Inline links `[text](target "title")` and definitions `[name]: target`.
fn targets_in_line(line: &str) -> impl Iterator<Item = &str> {
    let inline = line
        .match_indices("](")
        .filter(|(offset, _)| !is_in_code_span(line, *offset))
        .filter_map(|(offset, mark)| line[offset + mark.len()..].split(')').next());
    let definition = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target);
    inline.chain(definition).filter_map(|target| {
        let target = target.trim().trim_start_matches('<');
        target.split(|c: char| c == '>' || c.is_whitespace()).next()
    })
}

fn is_in_code_span(line: &str, offset: usize) -> bool {
    line[..offset].matches('`').count() % 2 == 1
}

fn leads_somewhere(tree: &Tree, from: &File, target: &str) -> bool {
    let path = target.split('#').next().unwrap_or_default();
    let is_outside = target.contains("://") || target.starts_with("mailto:");
    if is_outside || (path.is_empty() && !target.is_empty()) {
        return true;
    }
    let Some(path) = resolve(from.folders(), path) else { return false };
    let folder = format!("{path}/");
    path.is_empty() || tree.files().iter().any(|file| file.path == path || file.path.starts_with(&folder))
}

/// The path from the root of the repository; `None` when it leads out of it.
fn resolve<'a>(folders: impl Iterator<Item = &'a str>, path: &'a str) -> Option<String> {
    if path.is_empty() || path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folders.chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::report::found;
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let files =
            [("docs/a/b.md", text), ("docs/a/c.md", ""), ("README.md", ""), ("crates/x/src/lib.rs", "")];
        found(check, &files)
    }

    #[test]
    fn links_to_files_folders_anchors_and_other_sites_are_good() {
        let text = "[c](c.md) [c](./c.md#part) [r](../../README.md \"title\") [x](../../crates/x) [a](#part)\n\
                    [s](https://example.org/none.md) [m](mailto:a@example.org) [<](<c.md>) ![i](c.md)\n\
                    [d]: c.md\n[root](../..)\n";
        assert_eq!(findings(text), Vec::<String>::new());
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        for target in ["d.md", "../c.md", "/docs/a/c.md", "../../../README.md", "", "crates/x"] {
            let expected = format!("docs/a/b.md:2: expected a link to a file that exists, found {target:?}");
            assert_eq!(findings(&format!("\nsee [it]({target}).")), [expected]);
        }
        assert_eq!(findings("[d]: none.md").len(), 1);
    }

    #[test]
    fn code_holds_no_links() {
        assert_eq!(
            findings("`[a](none.md)`\n```\n[a](none.md)\n```\n~~~md\n[a](n.md)\n~~~\n"),
            Vec::<String>::new()
        );
        assert_eq!(findings("`code` [a](none.md)").len(), 1);
    }

    #[test]
    fn only_the_documentation_is_read() {
        assert_eq!(found(check, &[("crates/x/notes.md", "[a](none.md)")]), Vec::<String>::new());
        assert_eq!(found(check, &[("README.md", "[a](none.md)")]).len(), 1);
    }
}
