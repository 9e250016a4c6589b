//! The server's program and its Debian package, for the architecture of this computer.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::linked::Linked;
use super::stage::{Pressing, Stage, VERSION};
use crate::failure::Failure;
use crate::process::{capture, cargo, run as run_command};

/// Where the files lie that are not built.
const SOURCE: &str = "crates/smith/package";

/// A file of [`SOURCE`], where it goes, and its permissions.
const FILES: [(&str, &str, u32); 8] = [
    ("smith.yaml", "etc/smith/smith.yaml", 0o640),
    ("smith.service", "usr/lib/systemd/system/smith.service", 0o644),
    ("sysusers.conf", "usr/lib/sysusers.d/smith.conf", 0o644),
    ("README.Debian", "usr/share/doc/smith/README.Debian", 0o644),
    ("copyright", "usr/share/doc/smith/copyright", 0o644),
    ("postinst", "DEBIAN/postinst", 0o755),
    ("prerm", "DEBIAN/prerm", 0o755),
    ("postrm", "DEBIAN/postrm", 0o755),
];

/// What each shell looks for, and where.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/smith"),
    ("zsh", "usr/share/zsh/vendor-completions/_smith"),
    ("fish", "usr/share/fish/vendor_completions.d/smith.fish"),
];

/// How the program is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    /// For handing out.
    Release,
    /// As the tests have built it already.
    Dev,
}

impl Profile {
    pub(super) fn named(name: &str) -> Result<Self, Failure> {
        match name {
            "release" => Ok(Self::Release),
            "dev" => Ok(Self::Dev),
            other => Err(Failure::Usage(format!("--profile: expected release or dev, found {other:?}"))),
        }
    }

    fn pressing(self) -> Pressing {
        match self {
            Self::Release => Pressing::Hard,
            Self::Dev => Pressing::Light,
        }
    }
}

/// Builds the program and takes away what only a debugger reads; the names in a backtrace stay.
pub(super) fn build(profile: Profile, target_directory: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let mut command = cargo(["build", "--locked", "--package", "smith", "--bin", "smith"]);
    let built = match profile {
        Profile::Dev => target_directory.join("debug/smith"),
        Profile::Release => {
            command.args(["--release", "--target-dir"]).arg(target_directory.join("server"));
            command.env("RUSTFLAGS", remapped()?);
            target_directory.join("server/release/smith")
        }
    };
    run_command(&mut command)?;
    fs::create_dir_all(folder)
        .map_err(|source| Failure::Write { path: folder.display().to_string(), source })?;
    let binary = folder.join("smith");
    run_command(Command::new("strip").arg("--strip-debug").arg("-o").arg(&binary).arg(&built))?;
    Ok(binary)
}

/// Paths of the builder are not part of what is handed out.
fn remapped() -> Result<String, Failure> {
    let root = env::current_dir().map_err(|source| Failure::Read { path: ".".to_owned(), source })?;
    let root = root.canonicalize().map_err(|source| Failure::Read { path: ".".to_owned(), source })?;
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let flags = [(Some(root), "smith"), (home, "cargo")]
        .into_iter()
        .filter_map(|(path, name)| path.map(|path| format!("--remap-path-prefix={}={name}", path.display())));
    Ok(flags.collect::<Vec<_>>().join(" "))
}

/// What Debian calls the architecture of this computer.
pub(super) fn architecture() -> Result<String, Failure> {
    let output = capture(Command::new("dpkg").arg("--print-architecture"))?;
    Ok(String::from_utf8_lossy(&output).trim().to_owned())
}

/// Makes the package of this program in the folder.
pub(super) fn make(binary: &Path, profile: Profile, folder: &Path) -> Result<PathBuf, Failure> {
    let architecture = architecture()?;
    let bytes =
        fs::read(binary).map_err(|source| Failure::Read { path: binary.display().to_string(), source })?;
    let linked = Linked::of(&bytes).ok_or_else(|| Failure::Dist {
        what: binary.display().to_string(),
        expected: "a program of 64 bits that says which libraries it needs".to_owned(),
        found: "something else".to_owned(),
    })?;
    let depends = linked.depends()?;
    let package = folder.join(format!("smith_{VERSION}_{architecture}.deb"));
    let stage = Stage::begin(folder.join("stage-server"))?;
    stage.put("usr/bin/smith", &bytes, 0o755)?;
    for (from, to, mode) in FILES {
        stage.copy(&Path::new(SOURCE).join(from), to, mode)?;
    }
    stage.put("DEBIAN/conffiles", b"/etc/smith/smith.yaml\n", 0o644)?;
    for (shell, path) in COMPLETIONS {
        stage.put(path, &capture(Command::new(binary).args(["completions", shell]))?, 0o644)?;
    }
    pages(binary, &stage, folder)?;
    stage.seal(&package, profile.pressing(), |size| control(&architecture, &depends, size))?;
    Ok(package)
}

fn pages(binary: &Path, stage: &Stage, folder: &Path) -> Result<(), Failure> {
    let pages = folder.join("pages");
    let failed = |source| Failure::Read { path: pages.display().to_string(), source };
    capture(Command::new(binary).arg("manual").arg(&pages))?;
    for entry in fs::read_dir(&pages).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let section = name.rsplit('.').next().unwrap_or_default();
        stage.page(&path, &format!("usr/share/man/man{section}/{name}"))?;
    }
    fs::remove_dir_all(&pages).map_err(|source| Failure::Remove { path: pages.display().to_string(), source })
}

fn control(architecture: &str, depends: &str, installed_size: u64) -> String {
    format!(
        "Package: smith\n\
         Version: {VERSION}\n\
         Architecture: {architecture}\n\
         Maintainer: The smith authors <smith@localhost>\n\
         Installed-Size: {installed_size}\n\
         Depends: {depends}, ca-certificates, passwd\n\
         Recommends: openssh-client\n\
         Suggests: smith-agent\n\
         Section: admin\n\
         Priority: optional\n\
         Description: keeps a fleet of Linux machines patched\n \
         Upstream repositories are frozen into numbered, signed builds, copied to\n \
         mirrors, and rolled out phase by phase under changes, approvals, limits and\n \
         budgets. The server drives it and keeps one journal of who did what and why;\n \
         the same program is its command line.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_one_that_dpkg_reads() {
        let text = control("amd64", "libc6 (>= 2.36)", 12);
        assert!(text.contains("\nDepends: libc6 (>= 2.36), ca-certificates, passwd\n"), "{text}");
        let (_, description) = text.split_once("Description: ").unwrap();
        assert!(description.lines().skip(1).all(|line| line.starts_with(' ') && line.len() <= 80), "{text}");
    }

    #[test]
    fn a_profile_that_is_not_known_is_refused() {
        assert_eq!(Profile::named("dev").unwrap(), Profile::Dev);
        assert!(matches!(Profile::named("debug"), Err(Failure::Usage(_))));
    }
}
