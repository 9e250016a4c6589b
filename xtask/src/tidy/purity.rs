//! The domain decides and does nothing else: no runtime, store, socket, clock, randomness or log among its
//! dependencies, however deep.

use super::report::Report;
use crate::failure::Failure;
use crate::process::{capture, cargo};

const CRATE: &str = "smith-domain";

const BANNED: [&str; 19] = [
    "tokio",
    "async-std",
    "smol",
    "mio",
    "rusqlite",
    "libsqlite3-sys",
    "tokio-postgres",
    "sqlx",
    "reqwest",
    "hyper",
    "socket2",
    "rand",
    "getrandom",
    "fastrand",
    "chrono",
    "time",
    "tracing",
    "log",
    "uuid",
];

/// One line a dependency, its depth before its name: `2serde v1.0.0`.
///
/// `cargo tree` is asked for this crate alone. The graph of `cargo metadata` holds the features that other members
/// switch on in shared dependencies, and would blame the domain for the server's.
pub(crate) fn dependency_tree() -> Result<String, Failure> {
    let args = ["tree", "--locked", "-p", CRATE, "-e", "normal", "--prefix", "depth"];
    Ok(String::from_utf8_lossy(&capture(&mut cargo(args))?).into_owned())
}

pub(crate) fn check(tree: &str, report: &mut Report) {
    let mut chain: Vec<&str> = Vec::new();
    for line in tree.lines() {
        let name_at = line.bytes().take_while(u8::is_ascii_digit).count();
        let (depth, rest) = line.split_at(name_at);
        let (Ok(depth), Some(name)) = (depth.parse::<usize>(), rest.split_whitespace().next()) else {
            continue;
        };
        chain.truncate(depth);
        chain.push(name);
        if BANNED.contains(&name) {
            let message = format!("expected no {name} among its dependencies, found {}", chain.join(" -> "));
            report.find(CRATE, 0, message);
        }
    }
    if chain.first() != Some(&CRATE) {
        let found = tree.lines().next().unwrap_or("nothing");
        report.find(CRATE, 0, format!("expected its dependency tree, found {found}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(tree: &str) -> Vec<String> {
        let mut report = Report::default();
        check(tree, &mut report);
        report.findings().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_banned_crate_is_found_with_the_way_to_it() {
        let tree =
            "0smith-domain v0.1.0 (x)\n1jiff v0.2.0\n2log v0.4.0\n1regex v1.0.0\n2time-macros v0.2.0\n";
        let expected =
            "smith-domain: expected no log among its dependencies, found smith-domain -> jiff -> log";
        assert_eq!(findings(tree), [expected]);
        let twice = "0smith-domain v0.1.0\n1a v1.0.0\n2b v1.0.0\n1rand v0.9.0 (*)\n";
        assert!(findings(twice)[0].ends_with("found smith-domain -> rand"));
    }

    #[test]
    fn an_output_that_is_no_tree_is_not_a_clean_one() {
        for tree in ["", "├── smith-domain v0.1.0"] {
            assert_eq!(findings(tree).len(), 1, "{tree:?}");
        }
    }
}
