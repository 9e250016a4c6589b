//! Why a command of this program ended badly, and the exit code that says so.

use std::error::Error;
use std::io;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("cannot start `{command}`")]
    Start { command: String, source: io::Error },
    #[error("`{command}`: expected exit code 0, found {found}")]
    Exit { command: String, found: String },
    #[error("cannot read {path}")]
    Read { path: String, source: io::Error },
    #[error("cannot write {path}")]
    Write { path: String, source: io::Error },
    #[error("{what}: expected {expected}, found {found}")]
    Dist { what: String, expected: String, found: String },
    #[error("cannot remove {path}")]
    Remove { path: String, source: io::Error },
    #[error("`cargo metadata`: expected {expected}, found {found}")]
    Metadata { expected: &'static str, found: String },
    #[error("expected {what}, found none; {hint}")]
    Missing { what: String, hint: String },
    #[error("tidy: expected no findings, found {0}")]
    Untidy(usize),
    #[error("stage {stage} failed")]
    Stage { stage: &'static str, source: Box<Failure> },
}

impl Failure {
    /// 2 when the command line was wrong, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        if matches!(self, Failure::Usage(_)) { 2 } else { 1 }
    }

    /// This failure and its causes in one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_said_once() {
        let source = Failure::Start {
            command: "cargo fmt".to_owned(),
            source: io::Error::new(io::ErrorKind::NotFound, "no such file"),
        };
        let failure = Failure::Stage { stage: "fmt", source: Box::new(source) };
        assert_eq!(failure.chain(), "stage fmt failed: cannot start `cargo fmt`: no such file");
        assert_eq!(failure.exit_code(), 1);
    }
}
