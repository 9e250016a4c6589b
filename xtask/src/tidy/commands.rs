//! Every command of the program is in the command reference. There is one file per command, and its path is its name:
//! `command/rollout/show.rs` is `smith rollout show`.

use super::item::words;
use super::report::Report;
use super::tree::{File, Tree};

const REFERENCE: &str = "docs/reference/commands.md";
const CRATE: &str = "crates/smith/";
const COMMANDS: &str = "crates/smith/src/command/";

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    if !tree.files().iter().any(|file| file.path.starts_with(CRATE)) {
        report.note("the command reference is not checked: there is no crate smith");
        return;
    }
    let reference = tree.file(REFERENCE).and_then(File::text).unwrap_or_default();
    for file in tree.rust().filter(|file| !file.is_test_code()) {
        let Some(command) = command(file) else { continue };
        if words(reference, &command).next().is_none() {
            report.find(&file.path, 0, format!("expected `{command}` in {REFERENCE}, found nothing of it"));
        }
    }
}

fn command(file: &File) -> Option<String> {
    let path = file.path.strip_prefix(COMMANDS)?.strip_suffix(".rs")?;
    (file.name() != "mod.rs").then(|| format!("smith {}", path.replace('/', " ").replace('_', "-")))
}

#[cfg(test)]
mod tests {
    use super::super::report::found;
    use super::*;

    const FILES: [(&str, &str); 5] = [
        ("crates/smith/src/main.rs", ""),
        ("crates/smith/src/command/mod.rs", ""),
        ("crates/smith/src/command/demo.rs", ""),
        ("crates/smith/src/command/rollout/what_if.rs", ""),
        ("crates/smith/src/command/rollout/tests.rs", ""),
    ];

    fn with(reference: &str) -> Vec<String> {
        let mut files = FILES.to_vec();
        files.push((REFERENCE, reference));
        found(check, &files)
    }

    #[test]
    fn each_command_is_named_in_full() {
        assert_eq!(with("## `smith demo`\n## `smith rollout what-if ID`"), Vec::<String>::new());
        assert_eq!(
            with("`smith demonstrate`, `smith rollout what-if`"),
            [
                "crates/smith/src/command/demo.rs: expected `smith demo` in docs/reference/commands.md, found nothing of it"
            ]
        );
        assert_eq!(found(check, &FILES).len(), 2);
    }

    #[test]
    fn without_the_program_there_is_a_note() {
        let mut report = Report::default();
        check(&Tree::of(&[("crates/smith-domain/src/lib.rs", "")]), &mut report);
        assert_eq!(
            report.to_string(),
            "note: the command reference is not checked: there is no crate smith\n"
        );
    }
}
