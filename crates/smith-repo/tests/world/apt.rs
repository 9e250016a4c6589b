//! The machine's own apt, in a root of its own and with the sources that a test gives it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Outcome;

pub(crate) struct Apt {
    root: PathBuf,
    /// Where downloads go.
    pub(crate) down: PathBuf,
}

impl Apt {
    /// One that knows no source and believes this key.
    pub(crate) fn new(root: &Path, key: &[u8]) -> Outcome<Self> {
        let _ = fs::remove_dir_all(root);
        for folder in ["etc/preferences.d", "etc/sources.list.d", "none", "cache/archives/partial", "down"] {
            fs::create_dir_all(root.join(folder))?;
        }
        let apt = Self { root: root.to_owned(), down: root.join("down") };
        fs::write(root.join("status"), "")?;
        fs::write(apt.key(), key)?;
        let shown = root.display();
        let conf = format!(
            "Dir \"{shown}\";\nDir::State \"{shown}/state\";\nDir::State::status \"{shown}/status\";\nDir::Cache \"{shown}/cache\";\n\
             Dir::Etc \"{shown}/etc\";\nDir::Etc::parts \"{shown}/none\";\nDir::Etc::trusted \"{shown}/none.gpg\";\n\
             Dir::Etc::trustedparts \"{shown}/none\";\nDir::Log \"{shown}\";\nAPT::Architecture \"amd64\";\n\
             APT::Architectures {{ \"amd64\"; }};\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
             Acquire::By-Hash \"force\";\nAcquire::http::Proxy \"DIRECT\";\nAcquire::Retries \"0\";\n"
        );
        fs::write(root.join("apt.conf"), conf)?;
        apt.forget()?;
        Ok(apt)
    }

    /// The keyring that is believed.
    pub(crate) fn key(&self) -> PathBuf {
        self.root.join("smith.gpg")
    }

    /// From now on these are the sources, `deb` or `deb-src` and what comes after the options. What was known is forgotten.
    pub(crate) fn sources(&self, sources: &[(&str, &str)]) -> Outcome {
        self.sources_signed_by(&self.key(), sources)
    }

    pub(crate) fn sources_signed_by(&self, key: &Path, sources: &[(&str, &str)]) -> Outcome {
        let line = |(kind, source): &(&str, &str)| format!("{kind} [signed-by={}] {source}\n", key.display());
        fs::write(self.root.join("etc/sources.list"), sources.iter().map(line).collect::<String>())?;
        self.forget()
    }

    fn forget(&self) -> Outcome {
        let _ = fs::remove_dir_all(self.root.join("state/lists"));
        let _ = fs::remove_file(self.root.join("cache/pkgcache.bin"));
        let _ = fs::remove_file(self.root.join("cache/srcpkgcache.bin"));
        Ok(fs::create_dir_all(self.root.join("state/lists/partial"))?)
    }

    /// Runs apt-get; the text is both of its outputs.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome<(bool, String)> {
        let output = Command::new("apt-get")
            .env("APT_CONFIG", self.root.join("apt.conf"))
            .env("LC_ALL", "C")
            .current_dir(&self.down)
            .args(arguments)
            .output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    }

    /// An update that has neither an error nor a warning.
    pub(crate) fn updates_quietly(&self) -> Outcome {
        let (is_good, text) = self.run(&["update"])?;
        let is_quiet = text.lines().all(|line| !line.starts_with("W:") && !line.starts_with("E:"));
        assert!(is_good && is_quiet && !text.contains("Ign:"), "{text}");
        Ok(())
    }
}
