//! Pipelines that are shipped, pipelines that are wrong, and pipelines that were made wrong.

mod bad;
mod good;
mod mutated;

use smith_domain::pipeline::Pipeline;

use super::{load, load_folder};

/// The shipped examples by file name.
const EXAMPLES: [(&str, &str); 4] = [
    (
        "buildTestDevToStage.yaml",
        include_str!("../../../../../../examples/pipelines/buildTestDevToStage.yaml"),
    ),
    (
        "rebootProductionAPSouth.yaml",
        include_str!("../../../../../../examples/pipelines/rebootProductionAPSouth.yaml"),
    ),
    ("rebootProduction.yaml", include_str!("../../../../../../examples/pipelines/rebootProduction.yaml")),
    ("supportOnly.yaml", include_str!("../../../../../../examples/pipelines/supportOnly.yaml")),
];

/// A file that uses every key.
const EVERYTHING: &str = include_str!("everything.yaml");

fn files(files: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
}

fn examples() -> Vec<Pipeline> {
    load_folder(&files(&EXAMPLES)).unwrap_or_else(|problems| panic!("the examples are right:\n{problems}"))
}
