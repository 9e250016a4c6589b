//! A folder that becomes a Debian package. The same files and the same moment give the same bytes.

use std::fs::{self, File, FileTimes};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::failure::Failure;
use crate::process::{capture, run as run_command};

/// All crates have the workspace's version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How much work goes into making a package small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressing {
    /// For handing out.
    Hard,
    /// For trying.
    Light,
}

#[derive(Debug)]
pub(super) struct Stage {
    folder: PathBuf,
}

impl Stage {
    /// An empty one.
    pub(super) fn begin(folder: PathBuf) -> Result<Self, Failure> {
        let stage = Self { folder };
        stage.clear()?;
        let made = fs::create_dir_all(&stage.folder).and_then(|()| {
            // The package's own root folder.
            fs::set_permissions(&stage.folder, fs::Permissions::from_mode(0o755))
        });
        made.map_err(|source| stage.unwritten(source))?;
        Ok(stage)
    }

    pub(super) fn folder(&self, path: &str, mode: u32) -> Result<(), Failure> {
        let made = make_folder(&self.folder, path)
            .and_then(|()| fs::set_permissions(self.folder.join(path), fs::Permissions::from_mode(mode)));
        made.map_err(|source| self.unwritten(source))
    }

    /// The permissions are set afterwards: the umask of whoever builds is not part of the package.
    pub(super) fn put(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), Failure> {
        put(&self.folder, path, bytes, mode).map_err(|source| self.unwritten(source))
    }

    /// A file as it lies elsewhere.
    pub(super) fn copy(&self, from: &Path, to: &str, mode: u32) -> Result<(), Failure> {
        let bytes =
            fs::read(from).map_err(|source| Failure::Read { path: from.display().to_string(), source })?;
        self.put(to, &bytes, mode)
    }

    /// A manual page, pressed as Debian has them.
    pub(super) fn page(&self, from: &Path, to: &str) -> Result<(), Failure> {
        self.copy(from, to, 0o644)?;
        // Its name and its time would be in it otherwise.
        run_quietly(Command::new("gzip").args(["-9", "-n"]).arg(self.folder.join(to)))
    }

    /// The package of what is here, described by what `control` makes of its size in KiB.
    pub(super) fn seal(
        self,
        package: &Path,
        pressing: Pressing,
        control: impl FnOnce(u64) -> String,
    ) -> Result<(), Failure> {
        let moment = moment()?;
        self.describe(control).map_err(|source| self.unwritten(source))?;
        settle(&self.folder, moment).map_err(|source| self.unwritten(source))?;
        let mut build = Command::new("dpkg-deb");
        build.args(["--root-owner-group", "-Zxz", "--build"]);
        if pressing == Pressing::Light {
            build.arg("-z0");
        }
        build.arg(&self.folder).arg(package);
        run_command(build.env("SOURCE_DATE_EPOCH", moment.to_string()))?;
        self.clear()
    }

    fn describe(&self, control: impl FnOnce(u64) -> String) -> io::Result<()> {
        let files = files(&self.folder)?;
        let mut size = 0;
        for file in &files {
            // dpkg counts by KiB, and a file takes one at least.
            size += fs::metadata(self.folder.join(file))?.len().div_ceil(1024);
        }
        put(&self.folder, "DEBIAN/control", control(size).as_bytes(), 0o644)?;
        let output = Command::new("md5sum").args(&files).current_dir(&self.folder).output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        put(&self.folder, "DEBIAN/md5sums", &output.stdout, 0o644)
    }

    fn clear(&self) -> Result<(), Failure> {
        if !self.folder.exists() {
            return Ok(());
        }
        fs::remove_dir_all(&self.folder)
            .map_err(|source| Failure::Remove { path: self.folder.display().to_string(), source })
    }

    fn unwritten(&self, source: io::Error) -> Failure {
        Failure::Write { path: self.folder.display().to_string(), source }
    }
}

/// Of a hundred pages nobody wants to read a hundred lines.
fn run_quietly(command: &mut Command) -> Result<(), Failure> {
    capture(command).map(drop)
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
