//! Trying what was made: in an empty folder, and installed in a Debian that is made for it.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, id};

use super::stage::VERSION;
use super::target::Target;
use crate::failure::Failure;
use crate::process::{capture, probe, run as run_command};

/// Debian as old as its mirrors still have.
pub(super) const SUITE: &str = "bookworm";

/// A folder that goes when the trial is over.
pub(super) struct Root(pub(super) PathBuf);

impl Root {
    pub(super) fn make(what: &str) -> Result<Self, Failure> {
        let path = env::temp_dir().join(format!("smith-dist-{what}-{}", id()));
        fs::create_dir(&path)
            .map_err(|source| Failure::Write { path: path.display().to_string(), source })?;
        // Whoever the package manager runs as must be able to pass.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, open)
            .map_err(|source| Failure::Write { path: path.display().to_string(), source })?;
        Ok(Self(path))
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // What stays is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Why it cannot be tried here, if it cannot.
pub(super) fn run(target: Target, binary: &Path, package: &Path) -> Result<Option<String>, Failure> {
    if !target.is_own() {
        return Ok(Some(format!("this machine does not run programs for {}", target.debian)));
    }
    if fs::metadata("/proc/self").map_or(1, |meta| meta.uid()) != 0 {
        return Ok(Some("only root can change the root folder".to_owned()));
    }
    runs_alone(binary)?;
    if probe(Command::new("mmdebstrap").arg("--version")).is_none() {
        return Ok(Some("mmdebstrap is not there; the program runs alone".to_owned()));
    }
    installs(target, package)
}

/// In a folder with nothing else in it: no C library, no /etc, no /dev.
fn runs_alone(binary: &Path) -> Result<(), Failure> {
    let root = Root::make("agent")?;
    let inside = root.0.join("smith-agent");
    fs::copy(binary, &inside)
        .map_err(|source| Failure::Write { path: inside.display().to_string(), source })?;
    expect_version(
        "smith-agent",
        &capture(Command::new("chroot").arg(&root.0).args(["/smith-agent", "--version"]))?,
    )
}

pub(super) fn expect_version(program: &str, output: &[u8]) -> Result<(), Failure> {
    let expected = format!("{program} {VERSION}");
    expect(&format!("{program} --version"), &expected, String::from_utf8_lossy(output).trim())
}

pub(super) fn expect(what: &str, expected: &str, found: &str) -> Result<(), Failure> {
    if expected == found {
        return Ok(());
    }
    Err(Failure::Dist {
        what: what.to_owned(),
        expected: format!("{expected:?}"),
        found: format!("{found:?}"),
    })
}

/// Installed, used, upgraded to itself, purged: nothing is asked, and nothing stays.
fn installs(target: Target, package: &Path) -> Result<Option<String>, Failure> {
    let root = Root::make("agent")?;
    let machine = root.0.join("machine");
    let mut strap = Command::new("mmdebstrap");
    strap.args([
        "--quiet",
        "--variant=apt",
        "--mode=root",
        &format!("--architectures={}", target.debian),
        SUITE,
    ]);
    // Without a network there is no Debian to install it in, and the package is none the worse.
    if let Err(failure) = run_command(strap.arg(&machine)) {
        return Ok(Some(format!("no Debian can be made here ({}); the program runs alone", failure.chain())));
    }
    let inside = machine.join("smith-agent.deb");
    fs::copy(package, &inside)
        .map_err(|source| Failure::Write { path: inside.display().to_string(), source })?;
    let dpkg = |args: &[&str]| run_command(chroot(&machine, "dpkg").args(args));
    for _ in 0..2 {
        dpkg(&["--install", "/smith-agent.deb"])?;
    }
    expect_version("smith-agent", &capture(chroot(&machine, "smith-agent").arg("--version"))?)?;
    expect("dpkg --audit", "", &said(chroot(&machine, "dpkg").arg("--audit"))?)?;
    expect("dpkg --verify", "", &said(chroot(&machine, "dpkg").args(["--verify", "smith-agent"]))?)?;
    let state =
        said(chroot(&machine, "stat").args(["--format=%a %U", "/var/lib/smith", "/usr/sbin/smith-agent"]))?;
    expect("the owners and permissions", "700 root\n755 root", &state)?;
    fs::write(machine.join("var/lib/smith/state"), "")
        .map_err(|source| Failure::Write { path: machine.display().to_string(), source })?;
    dpkg(&["--purge", "smith-agent"])?;
    let left = ["etc/smith", "var/lib/smith", "usr/sbin/smith-agent"].map(|path| machine.join(path));
    let left: Vec<String> =
        left.iter().filter(|path| path.exists()).map(|path| path.display().to_string()).collect();
    expect("what a purge leaves", "", &left.join(" "))?;
    Ok(None)
}

pub(super) fn chroot(machine: &Path, program: &str) -> Command {
    let mut command = Command::new("chroot");
    command.arg(machine).arg(program).env_clear().env("LC_ALL", "C");
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

pub(super) fn said(command: &mut Command) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&capture(command)?).trim().to_owned())
}
