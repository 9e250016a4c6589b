//! Runs every rule and shows what was found.

use super::report::Report;
use super::tree::Tree;
use super::{binaries, commands, crates, errors, hosts, length, links, purity, shape, words};
use crate::failure::Failure;
use crate::metadata::Metadata;

/// The rules that look at nothing but files.
const FILE_RULES: [fn(&Tree, &mut Report); 8] = [
    length::check,
    shape::check,
    words::check,
    errors::check,
    commands::check,
    hosts::check,
    binaries::check,
    links::check,
];

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let Some(arg) = args.first() {
        return Err(Failure::Usage(format!("tidy: expected no arguments, found {arg:?}")));
    }
    let mut report = Report::default();
    crates::check(&Metadata::load()?, &mut report);
    purity::check(&purity::dependency_tree()?, &mut report);
    let tree = Tree::load()?;
    for rule in FILE_RULES {
        rule(&tree, &mut report);
    }
    print!("{report}");
    println!("tidy: {} files, {} findings", tree.files().len(), report.findings().len());
    match report.findings().len() {
        0 => Ok(()),
        count => Err(Failure::Untidy(count)),
    }
}
