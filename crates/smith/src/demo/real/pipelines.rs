//! The shipped pipelines with minutes in place of the day that a build soaks in stage, without the regions that the demo has no
//! machines in, and without the minutes after which a package that failed is tried again by itself. All else is as it is shipped.

use crate::input::Length;

use super::fleet::Size;
use super::settings;

const TEST: &str = include_str!("../../../../../examples/pipelines/buildTestDevToStage.yaml");
const CANARY: &str = include_str!("../../../../../examples/pipelines/rebootProductionAPSouth.yaml");
const REST: &str = include_str!("../../../../../examples/pipelines/rebootProduction.yaml");

/// How long a build soaks as it is shipped.
const SOAK: &str = "soak: 24h";

/// What is tried again by itself as it is shipped, and in the demo, whose machine is to fail for good.
const RETRIED: &str = "causes: {unreachable: 5}";
const RETRIED_HERE: &str = "causes: {unreachable: 5, package-failed: 1, dpkg-broken: 1}";

/// The files with their names.
pub(super) fn files(soak: Length, size: Size) -> [(&'static str, String); 3] {
    let shipped = [
        ("buildTestDevToStage.yaml", TEST),
        ("rebootProductionAPSouth.yaml", CANARY),
        ("rebootProduction.yaml", REST),
    ];
    shipped.map(|(name, text)| {
        let text = text.replace(SOAK, &format!("soak: {}", soak.0)).replace(RETRIED, RETRIED_HERE);
        let text = only_here(&text);
        // A small fleet lacks machines of most kinds.
        let text = match size {
            Size::Whole => text,
            Size::Small => text.replacen("defaults:\n", "defaults:\n  if-empty: allow\n", 1),
        };
        (name, text)
    })
}

/// Of the regions that share a file, the one that there is.
fn only_here(text: &str) -> String {
    let is_elsewhere = |line: &&str| {
        line.starts_with("  rebootProduction") && !line.starts_with(&format!("  {}:", settings::REST))
    };
    text.lines().filter(|line| !is_elsewhere(line)).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use smith_domain::time::Span;
    use smith_server::config::pipeline::load_folder;

    use super::*;

    #[test]
    fn they_are_those_that_are_shipped_with_another_soak() {
        for size in [Size::Whole, Size::Small] {
            let files = files(Length(Span::mins(1)), size);
            assert_eq!(files.iter().filter(|(_, text)| text.contains("soak: 1m")).count(), 1);
            assert!(!files.iter().any(|(_, text)| text.contains(SOAK)));
            assert!(files.iter().all(|(_, text)| text.contains(RETRIED_HERE)));
            let files: Vec<(String, Vec<u8>)> =
                files.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect();
            let names: Vec<String> =
                load_folder(&files).unwrap().iter().map(|one| one.name.to_string()).collect();
            assert_eq!(names.len(), 3, "{names:?}");
            for needed in [settings::TEST, settings::CANARY, settings::REST] {
                assert!(names.iter().any(|name| name == needed), "{names:?}");
            }
        }
    }
}
