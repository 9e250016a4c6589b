//! No path or host of one machine: what is tracked must build anywhere.

use super::report::Report;
use super::tree::{File, Tree, line_at};

/// Each is put together here, so that this file does not find itself.
const UNWANTED: [&str; 10] = [
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
    concat!("/tmp/bash", "_jobs"),
    concat!("/tmp/stu", "dio"),
    concat!("farm", "-studio"),
    concat!("farm", "-bench"),
    concat!("crates", ".io/"),
    concat!("deb.deb", "ian."),
    concat!("pypi", ".org"),
    concat!("npm", "js"),
];

/// Written by tools, which put the registry's address there.
const LOCK_FILES: [&str; 2] = ["Cargo.lock", "package-lock.json"];

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    for file in tree.files().iter().filter(|file| !LOCK_FILES.contains(&file.name())) {
        let Some(text) = file.text() else { continue };
        check_text(file, text, report);
    }
}

fn check_text(file: &File, text: &str, report: &mut Report) {
    for unwanted in UNWANTED {
        for (offset, _) in text.match_indices(unwanted) {
            let line = line_at(text, offset);
            report.find(
                &file.path,
                line,
                format!("expected no path or host of one machine, found {unwanted:?}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::found;
    use super::*;

    #[test]
    fn each_is_found_in_any_text() {
        for unwanted in UNWANTED {
            let text = format!("a\nurl = \"https://{unwanted}x\"");
            let expected = format!("a.toml:2: expected no path or host of one machine, found {unwanted:?}");
            assert_eq!(found(check, &[("a.toml", &text)]), [expected]);
        }
    }

    #[test]
    fn lock_files_are_the_tools_own() {
        let text = UNWANTED[6];
        assert_eq!(
            found(check, &[("Cargo.lock", text), ("web/package-lock.json", text)]),
            Vec::<String>::new()
        );
        let other = ["/network/", "framework/", "/workspace", "debian.org"].join(" ");
        assert_eq!(found(check, &[("a.md", &other)]), Vec::<String>::new());
    }
}
