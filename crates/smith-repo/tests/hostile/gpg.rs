//! Keys that only gpg makes: revoked, expired, with weak digests. Skipped with a word where it is not installed.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::world::Outcome;

pub(crate) struct Gpg {
    home: tempfile::TempDir,
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // Its agent would live on.
        let _ =
            Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status();
    }
}

impl Gpg {
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub(crate) fn new() -> Outcome<Option<Self>> {
        if Command::new("gpg").arg("--version").stdout(Stdio::null()).status().is_err() {
            println!("skipped: gpg is not on this machine");
            return Ok(None);
        }
        let home = tempfile::tempdir()?;
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700))?;
        Ok(Some(Self { home }))
    }

    /// Runs it as if it were this time.
    pub(crate) fn run(&self, at: &str, args: &[&str], input: &[u8]) -> Outcome<Vec<u8>> {
        let mut child = Command::new("gpg")
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--batch", "--yes", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback"])
            .args(["--faked-system-time", at])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().ok_or("no input")?.write_all(input)?;
        let output = child.wait_with_output()?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(format!("gpg {args:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
        }
    }

    /// A key that was made at this time and ends then; its fingerprint.
    pub(crate) fn key(&self, at: &str, name: &str, kind: &str, ends: &str) -> Outcome<String> {
        self.run(at, &["--quick-generate-key", name, kind, "sign", ends], b"")?;
        let listed = self.run(at, &["--with-colons", "--list-keys", name], b"")?;
        let text = String::from_utf8(listed)?;
        let line = text.lines().find(|line| line.starts_with("fpr:")).ok_or("no fingerprint")?;
        Ok(line.split(':').nth(9).ok_or("no fingerprint")?.to_owned())
    }

    /// Revokes a key with the certificate that was made with it.
    pub(crate) fn revoke(&self, at: &str, key: &str) -> Outcome {
        let path = self.home.path().join(format!("openpgp-revocs.d/{key}.rev"));
        // A colon keeps people from using it by mistake.
        let certificate = fs::read_to_string(path)?.replace(":-----BEGIN", "-----BEGIN");
        self.run(at, &["--import"], certificate.as_bytes()).map(drop)
    }

    pub(crate) fn export(&self, at: &str, key: &str) -> Outcome<Vec<u8>> {
        self.run(at, &["--export", key], b"")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }
}
