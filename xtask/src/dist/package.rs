//! The Debian package. The same program and the same moment give the same bytes.

use std::fs::{self, File, FileTimes};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::target::Target;
use crate::failure::Failure;
use crate::process::{capture, run as run_command};

/// Where the files lie that are not built.
const SOURCE: &str = "crates/smith-agent/package";

/// All crates have the workspace's version, this one too.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

const FOLDERS: [(&str, u32); 5] = [
    ("etc/smith", 0o755),
    ("etc/smith/drain.d", 0o755),
    ("etc/smith/undrain.d", 0o755),
    ("etc/smith/health.d", 0o755),
    ("var/lib/smith", 0o700),
];

/// A file of [`SOURCE`], where it goes, and its permissions.
const FILES: [(&str, &str, u32); 7] = [
    ("smith-agent.8", "usr/share/man/man8/smith-agent.8", 0o644),
    ("smith-agent-settle.service", "usr/lib/systemd/system/smith-agent-settle.service", 0o644),
    ("README.Debian", "usr/share/doc/smith-agent/README.Debian", 0o644),
    ("copyright", "usr/share/doc/smith-agent/copyright", 0o644),
    ("postinst", "DEBIAN/postinst", 0o755),
    ("prerm", "DEBIAN/prerm", 0o755),
    ("postrm", "DEBIAN/postrm", 0o755),
];

const PROGRAM: &str = "usr/sbin/smith-agent";
const MANUAL: &str = "usr/share/man/man8/smith-agent.8";

/// Makes the package of this program in the folder.
pub(super) fn make(binary: &Path, target: Target, folder: &Path) -> Result<PathBuf, Failure> {
    let stage = folder.join(format!("stage-{}", target.debian));
    let package = folder.join(format!("smith-agent_{VERSION}_{}.deb", target.debian));
    let moment = moment()?;
    clear(&stage)?;
    fill(&stage, binary).map_err(|source| unwritten(&stage, source))?;
    // Its name and its time would be in it otherwise.
    run_command(Command::new("gzip").args(["-9", "-n"]).arg(stage.join(MANUAL)))?;
    describe(&stage, target).map_err(|source| unwritten(&stage, source))?;
    settle(&stage, moment).map_err(|source| unwritten(&stage, source))?;
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Zxz", "--build"]).arg(&stage).arg(&package);
    run_command(build.env("SOURCE_DATE_EPOCH", moment.to_string()))?;
    clear(&stage)?;
    Ok(package)
}

/// Seconds since 1970: what the builder says, else the moment of the last commit.
fn moment() -> Result<u64, Failure> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => {
            let output = capture(Command::new("git").args(["log", "-1", "--format=%ct"]))?;
            String::from_utf8_lossy(&output).trim().to_owned()
        }
    };
    text.parse().map_err(|_| {
        Failure::Usage(format!("SOURCE_DATE_EPOCH: expected seconds since 1970, found {text:?}"))
    })
}

fn fill(stage: &Path, binary: &Path) -> io::Result<()> {
    fs::create_dir_all(stage)?;
    // The package's own root folder.
    fs::set_permissions(stage, fs::Permissions::from_mode(0o755))?;
    for (path, mode) in FOLDERS {
        make_folder(stage, path)?;
        fs::set_permissions(stage.join(path), fs::Permissions::from_mode(mode))?;
    }
    put(stage, PROGRAM, &fs::read(binary)?, 0o755)?;
    for (from, to, mode) in FILES {
        put(stage, to, &fs::read(Path::new(SOURCE).join(from))?, mode)?;
    }
    Ok(())
}

fn describe(stage: &Path, target: Target) -> io::Result<()> {
    let files = files(stage)?;
    let mut size = 0;
    for file in &files {
        // dpkg counts by KiB, and a file takes one at least.
        size += fs::metadata(stage.join(file))?.len().div_ceil(1024);
    }
    put(stage, "DEBIAN/control", control(target, size).as_bytes(), 0o644)?;
    let output = Command::new("md5sum").args(&files).current_dir(stage).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    put(stage, "DEBIAN/md5sums", &output.stdout, 0o644)
}

fn control(target: Target, installed_size: u64) -> String {
    format!(
        "Package: smith-agent\n\
         Version: {VERSION}\n\
         Architecture: {}\n\
         Maintainer: The smith authors <smith@localhost>\n\
         Installed-Size: {installed_size}\n\
         Depends: apt (>= 1.2), dpkg (>= 1.18)\n\
         Recommends: openssh-server (>= 1:7.2)\n\
         Section: admin\n\
         Priority: optional\n\
         Multi-Arch: foreign\n\
         Description: does the work of the patch system smith on a machine\n \
         A controller comes over ssh and asks for one of a few things: what the machine\n \
         is, what a patch would change, the patch itself, a reboot, whether the machine\n \
         is well. Each is done once, outlives the connection, and is told with what was\n \
         found afterwards. There is no way to ask for a command of one's own.\n",
        target.debian
    )
}

/// What the package brings, by relative path and in order.
fn files(stage: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(stage, &mut |path, is_folder| {
        if !is_folder && !path.starts_with(stage.join("DEBIAN")) {
            found.extend(path.strip_prefix(stage).ok().map(Path::to_owned));
        }
        Ok(())
    })?;
    found.sort();
    Ok(found)
}

/// Everything has the one moment, whatever order it was made in.
fn settle(stage: &Path, moment: u64) -> io::Result<()> {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(moment);
    let times = FileTimes::new().set_modified(at).set_accessed(at);
    walk(stage, &mut |path, _| File::open(path)?.set_times(times))
}

/// What lies in a folder before the folder itself.
fn walk(folder: &Path, visit: &mut impl FnMut(&Path, bool) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, visit)?;
        } else {
            visit(&path, false)?;
        }
    }
    visit(folder, true)
}

/// The permissions are set afterwards: the umask of whoever builds is not part of the package.
fn put(stage: &Path, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    if let Some((folder, _)) = path.rsplit_once('/') {
        make_folder(stage, folder)?;
    }
    fs::write(stage.join(path), bytes)?;
    fs::set_permissions(stage.join(path), fs::Permissions::from_mode(mode))
}

fn make_folder(stage: &Path, path: &str) -> io::Result<()> {
    let mut at = stage.to_owned();
    for part in path.split('/') {
        at.push(part);
        if !at.is_dir() {
            fs::DirBuilder::new().mode(0o755).create(&at)?;
            fs::set_permissions(&at, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

fn clear(stage: &Path) -> Result<(), Failure> {
    if !stage.exists() {
        return Ok(());
    }
    fs::remove_dir_all(stage).map_err(|source| Failure::Remove { path: stage.display().to_string(), source })
}

fn unwritten(path: &Path, source: io::Error) -> Failure {
    Failure::Write { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_one_that_dpkg_reads() {
        let text = control(Target { triple: "x", debian: "amd64" }, 12);
        assert!(text.contains("\nArchitecture: amd64\n") && text.contains("\nInstalled-Size: 12\n"));
        let (_, description) = text.split_once("Description: ").unwrap();
        assert!(
            description.lines().skip(1).all(|line| line.starts_with(' ') && line.len() <= 80),
            "{description}"
        );
        assert!(description.ends_with('\n'));
    }
}
