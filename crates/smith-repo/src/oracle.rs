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

/// The time at which a test runs, for what real tools check against their own clocks.
pub(crate) fn now() -> jiff::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    jiff::Timestamp::from_second(i64::try_from(since.as_secs()).unwrap_or(0)).unwrap_or_default()
}

/// gpg with a home of its own.
pub(crate) struct Gpg {
    home: tempfile::TempDir,
}

impl Gpg {
    /// Nothing, with a word, where there is no gpg.
    pub(crate) fn new() -> Option<Self> {
        if !is_installed("gpg") || !is_installed("gpgv") {
            println!("skipped: gpg and gpgv are not on this machine");
            return None;
        }
        Some(Self { home: tempfile::tempdir().expect("a folder") })
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.home.path()
    }

    /// Writes a file for it to work on.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, content).expect("written");
        path
    }

    /// Runs it at a faked time, if one is given as `20240131T000000`; answers what it wrote and what it reported.
    pub(crate) fn run(&self, at: &str, arguments: &[&str], input: &[u8]) -> (Vec<u8>, String) {
        use std::io::Write as _;
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.home.path());
        command.args(["--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""]);
        command.args(["--status-fd", "2"]);
        if !at.is_empty() {
            command.args(["--faked-system-time", at]);
        }
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gpg runs");
        child.stdin.take().expect("its input").write_all(input).expect("written");
        let output = child.wait_with_output().expect("gpg ends");
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "gpg {arguments:?}: {report}");
        (output.stdout, report)
    }

    /// Makes a key and answers its fingerprint.
    pub(crate) fn key(&self, at: &str, name: &str, kind: &str, expires: &str) -> String {
        let (_, report) = self.run(at, &["--quick-gen-key", name, kind, "sign", expires], b"");
        let created = report.lines().find_map(|line| line.strip_prefix("[GNUPG:] KEY_CREATED P "));
        created.expect("a key").trim().to_owned()
    }

    pub(crate) fn export(&self, keys: &[&str]) -> Vec<u8> {
        let mut arguments = vec!["--export"];
        arguments.extend(keys);
        self.run("", &arguments, b"").0
    }

    /// What gpgv reports of a signed file, or of a signature and its file.
    pub(crate) fn gpgv(&self, keyring: &[u8], files: &[&std::path::Path]) -> String {
        let path = self.file("oracle-keyring.gpg", keyring);
        let output = Command::new("gpgv")
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--status-fd", "1", "--output", "/dev/null", "--keyring"])
            .arg(path)
            .args(files)
            .output()
            .expect("gpgv runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Gpg {
    /// gpg leaves an agent behind.
    fn drop(&mut self) {
        let _ =
            Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).output();
    }
}
