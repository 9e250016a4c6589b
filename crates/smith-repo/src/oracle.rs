//! What tests ask of the machine they run on: its tools, its package indexes, its keyrings.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const LISTS: &str = "/var/lib/apt/lists";

/// Whether a tool is there. A test that needs one says so when it is not.
pub(crate) fn is_installed(tool: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(tool).is_file())
}

/// Files that apt has fetched whose names end so.
pub(crate) fn lists_of_this_machine(end: &str) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(LISTS) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = folder
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().trim_end_matches(".lz4").ends_with(end))
        .collect();
    paths.sort();
    paths
}

/// The package indexes that apt has fetched; it unpacks what it has packed.
pub(crate) fn indexes_of_this_machine() -> Vec<String> {
    lists_of_this_machine("_Packages")
        .iter()
        .filter_map(|path| {
            let output = Command::new("/usr/lib/apt/apt-helper")
                .arg("cat-file")
                .arg(path)
                .stderr(Stdio::null())
                .output()
                .ok()?;
            String::from_utf8(output.stdout).ok()
        })
        .collect()
}
