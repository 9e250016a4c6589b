//! Runs the program in the root of the repository, as its documentation does.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn smith(args: &[&str]) -> Ran {
    smith_with(args, &[])
}

/// The same with more in its environment.
pub(crate) fn smith_with(args: &[&str], more: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smith"));
    for name in ["SMITH_JOURNAL", "SMITH_PIPELINES", "SMITH_INVENTORY", "SMITH_STORE", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    // Help and tables are made for the terminal, of which a test has none.
    command.env("COLUMNS", "100").envs(more.iter().copied());
    let output: Output = command.args(args).current_dir(root()).stdin(Stdio::null()).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs it and expects that it ends well.
pub(crate) fn good(args: &[&str]) -> String {
    let ran = smith(args);
    assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
    ran.out
}

pub(crate) fn json(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&good(args)).unwrap()
}
