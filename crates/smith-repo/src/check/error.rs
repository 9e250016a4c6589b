//! Why a build cannot be checked at all. What is wrong with a single profile stands in the report.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("reading {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("writing {}", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{}: expected {expected}, found {found}", .path.display())]
    Form { path: PathBuf, expected: &'static str, found: String },
    #[error("{}: expected at least one profile, found none", .path.display())]
    NoProfile { path: PathBuf },
    #[error(
        "the profile {profile}: expected suites of the build, found {found}; name them in {profile}.suites"
    )]
    Suites { profile: String, found: String },
    #[error("running apt-get")]
    Apt { source: io::Error },
    #[error("apt-get update of the build failed: {text}")]
    Update { text: String },
}
