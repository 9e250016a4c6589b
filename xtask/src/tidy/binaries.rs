//! Tracked files are text. What a test needs in another form stands with the tests.

use super::report::Report;
use super::tree::{File, Tree};

/// Forms that a test may need as they come from outside: packages, patch files, keys, screenshots.
const FIXTURES: [&str; 5] = ["rpm", "patch", "gpg", "deb", "png"];
const FIXTURE_FOLDERS: [&str; 2] = ["fixtures", "tests"];

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    for file in tree.files().iter().filter(|file| file.text().is_none() && !is_fixture(file)) {
        let allowed = FIXTURES.join(", ");
        let message =
            format!("expected UTF-8 text, or one of {allowed} under fixtures/ or tests/, found neither");
        report.find(&file.path, 0, message);
    }
}

fn is_fixture(file: &File) -> bool {
    FIXTURES.contains(&file.extension()) && file.folders().any(|folder| FIXTURE_FOLDERS.contains(&folder))
}

#[cfg(test)]
mod tests {
    use super::super::report::found;
    use super::*;

    #[test]
    fn only_fixtures_may_be_binary() {
        let good = [("a.rs", "é"), ("crates/a/tests/key.gpg", "\0"), ("crates/a/fixtures/b/c.deb", "\0")];
        assert_eq!(found(check, &good), Vec::<String>::new());
        for path in ["a.rs", "crates/a/src/key.gpg", "crates/a/tests/a.zip", "fixtures"] {
            let findings = found(check, &[(path, "\0")]);
            assert!(findings.len() == 1 && findings[0].starts_with(&format!("{path}: expected UTF-8 text")));
        }
    }
}
