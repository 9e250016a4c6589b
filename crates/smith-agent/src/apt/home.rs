//! The private home of apt: its configuration, its lists and its archives.
//!
//! Nothing of /etc/apt is read: a site's hooks, proxies and pins do not change what a build means. What belongs to the machine
//! stays the machine's: dpkg's database and its holds, the marks of what was installed automatically, apt's logs and locks.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use smith_agent::protocol::{Cause, Conffiles, Failure};

use super::wish::Wish;
use crate::op::Host;

/// Not below /var/lib/smith, which is for root alone: the user of apt that has no rights fetches the lists and checks their
/// signatures. All of it can be lost.
const HOME: &str = "/var/cache/smith-agent";

/// A mirror that says nothing for so long is not there; apt tries three times.
const MIRROR_TIMEOUT_S: u32 = 30;

/// What apt itself waits for the lock of dpkg if somebody took it since we looked.
const LOCK_TIMEOUT_S: u32 = 60;

/// Where the private files are, made and written.
#[derive(Debug)]
pub(crate) struct Home {
    root: PathBuf,
    is_whole_machine: bool,
    folder: PathBuf,
    /// What the lists were or are to be fetched with.
    pub(crate) fetched_with: Vec<u8>,
}

impl Home {
    pub(crate) fn prepare(host: &Host, wish: &Wish<'_>) -> Result<Self, Failure> {
        let root = host.path("/");
        let mut home = Self {
            is_whole_machine: root == Path::new("/"),
            root,
            folder: host.path(HOME),
            fetched_with: Vec::new(),
        };
        let cannot = |error: io::Error| {
            let cause =
                if error.kind() == io::ErrorKind::StorageFull { Cause::DiskFull } else { Cause::Mismatch };
            Failure::new(cause, format!("the private configuration of apt could not be written: {error}"))
        };
        home.write(wish).map_err(cannot)?;
        Ok(home)
    }

    fn write(&mut self, wish: &Wish<'_>) -> io::Result<()> {
        for folder in [
            "etc/apt.conf.d",
            "etc/preferences.d",
            "etc/sources.list.d",
            "etc/trusted.gpg.d",
            "etc/auth.conf.d",
        ] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        fs::create_dir_all(self.folder.join("lists/partial"))?;
        fs::create_dir_all(self.folder.join("archives/partial"))?;
        // Whatever the mask of the process is.
        for folder in [&self.folder, &self.lists(), &self.archives()] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        }
        let sources = wish.sources_list(&self.keyring().to_string_lossy());
        put(&self.keyring(), &wish.keyring)?;
        put(&self.folder.join("etc/sources.list"), sources.as_bytes())?;
        put(&self.folder.join("etc/preferences"), b"")?;
        put(&self.conf(), self.configuration(wish.patch.conffiles).as_bytes())?;
        self.fetched_with = [sources.as_bytes(), &wish.keyring].concat();
        Ok(())
    }

    /// Pins in the form of apt's preferences: version by version, for what is to go back to the build.
    pub(crate) fn pin(&self, pins: &[(String, String)]) -> io::Result<()> {
        let pin = |(name, version): &(String, String)| {
            format!("Package: {name}\nPin: version {version}\nPin-Priority: 1001\n\n")
        };
        put(&self.folder.join("etc/preferences"), pins.iter().map(pin).collect::<String>().as_bytes())
    }

    fn configuration(&self, conffiles: Conffiles) -> String {
        let folder = self.folder.display();
        let of_machine = |path: &str| self.root.join(path).display().to_string();
        let mut text = format!(
            "Dir::Etc \"{folder}/etc/\";\n\
             Dir::State \"{}\";\n\
             Dir::State::status \"{}\";\n\
             Dir::State::lists \"{folder}/lists/\";\n\
             Dir::Cache \"{folder}/\";\n\
             Dir::Cache::archives \"{folder}/archives/\";\n\
             Dir::Log \"{}\";\n",
            of_machine("var/lib/apt/"),
            of_machine("var/lib/dpkg/status"),
            of_machine("var/log/apt/"),
        );
        text += &format!(
            "quiet \"1\";\n\
             APT::Get::Assume-Yes \"true\";\n\
             APT::Get::AllowUnauthenticated \"false\";\n\
             APT::Get::Always-Include-Phased-Updates \"true\";\n\
             Acquire::AllowInsecureRepositories \"false\";\n\
             Acquire::AllowDowngradeToInsecureRepositories \"false\";\n\
             Acquire::Check-Valid-Until \"true\";\n\
             Acquire::Languages \"none\";\n\
             Acquire::GzipIndexes \"false\";\n\
             Acquire::PDiffs \"false\";\n\
             Acquire::Retries \"3\";\n\
             Acquire::http::Timeout \"{MIRROR_TIMEOUT_S}\";\n\
             Acquire::https::Timeout \"{MIRROR_TIMEOUT_S}\";\n\
             DPkg::Lock::Timeout \"{LOCK_TIMEOUT_S}\";\n\
             DPkg::Use-Pty \"0\";\n"
        );
        text += "DPkg::Options {\n";
        for option in self.dpkg_options(conffiles) {
            text += &format!(" \"{option}\";\n");
        }
        text + "};\n"
    }

    /// What dpkg is told whoever starts it, apt or we.
    pub(crate) fn dpkg_options(&self, conffiles: Conffiles) -> Vec<String> {
        let mut options: Vec<String> = match conffiles {
            Conffiles::Keep => vec!["--force-confdef".to_owned(), "--force-confold".to_owned()],
            // With `confdef` dpkg would keep the machine's file, which is its own default.
            Conffiles::Replace => vec!["--force-confnew".to_owned()],
        };
        if !self.is_whole_machine {
            options.push(format!("--root={}", self.root.display()));
        }
        options
    }

    pub(crate) fn conf(&self) -> PathBuf {
        self.folder.join("apt.conf")
    }

    fn keyring(&self) -> PathBuf {
        self.folder.join("build.gpg")
    }

    pub(crate) fn lists(&self) -> PathBuf {
        self.folder.join("lists")
    }

    pub(crate) fn archives(&self) -> PathBuf {
        self.folder.join("archives")
    }

    /// Says which wish the lists were fetched for.
    pub(crate) fn stamp(&self) -> PathBuf {
        self.folder.join("fetched")
    }

    /// What was downloaded is not needed again once it is installed.
    pub(crate) fn forget_archives(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.archives())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Writes a file whole or not at all.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    fs::rename(new, path)
}
