//! A store with its keys, the program that works on it, and apts that know nothing else.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
}

/// `smith mirror serve`, until it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether the tools are on this machine; says which are not.
pub(crate) fn has(tools: &[&str]) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&paths).collect();
    folders.extend(["/usr/sbin".into(), "/sbin".into()]);
    let missing: Vec<&str> = tools
        .iter()
        .filter(|tool| !folders.iter().any(|folder| folder.join(tool).is_file()))
        .copied()
        .collect();
    if !missing.is_empty() {
        println!("skipped: {} not on this machine", missing.join(", "));
    }
    missing.is_empty()
}

pub(crate) fn is_root() -> bool {
    let is_root = fs::metadata("/proc/self").is_ok_and(|metadata| {
        use std::os::unix::fs::MetadataExt as _;
        metadata.uid() == 0
    });
    if !is_root {
        println!("skipped: only root can enter a root");
    }
    is_root
}

/// Both outputs of a command that must end well.
pub(crate) fn good(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C").output().unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

impl Site {
    /// A store with a key.
    pub(crate) fn new() -> Self {
        let site = Self::empty();
        site.new_key();
        site
    }

    /// A folder.
    pub(crate) fn empty() -> Self {
        // In memory, where it can be: what is tested is the order of things and not the disk.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self { folder: folder.unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Another key, which signs beside those that are there, and the keyring of all of them.
    pub(crate) fn new_key(&self) {
        self.smith(&["build", "key", "new", "--user-id", "Site <admin@site>"]);
        self.smith(&["build", "key", "export", self.path("smith.gpg").to_str().unwrap()]);
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smith"));
        command.args(args).current_dir(self.folder.path());
        command.env("SMITH_STORE", self.path("store")).env("USER", "tester").env("COLUMNS", "100");
        command.env_remove("CLICOLOR_FORCE");
        command
    }

    /// Runs the program, which must end well; its standard output.
    pub(crate) fn smith(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program, which must find something wrong; both of its outputs.
    pub(crate) fn finds(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let text = text(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
        text
    }

    /// Runs the program, which must refuse what is asked; both of its outputs.
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let text = text(&output);
        assert_eq!(output.status.code(), Some(5), "{args:?}: {text}");
        text
    }

    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.smith(args)).unwrap()
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_store("store")
    }

    pub(crate) fn serve_store(&self, store: &str) -> Server {
        let mut command = self.command(&["mirror", "serve", "--listen", "127.0.0.1:0"]);
        command.env("SMITH_STORE", self.path(store));
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Server { process, address: address.trim().to_owned() }
    }

    /// A package file of our own in the folder `debs`.
    pub(crate) fn package(&self, name: &str, version: &str) {
        let root = self.path("package");
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("DEBIAN")).unwrap();
        fs::create_dir_all(self.path("debs")).unwrap();
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@b>\nDescription: {name}\n long\n"
        );
        fs::write(root.join("DEBIAN/control"), control).unwrap();
        let out = self.path("debs").join(format!("{name}.deb"));
        good(
            Command::new("dpkg-deb")
                .env("SOURCE_DATE_EPOCH", "1700000000")
                .args(["--root-owner-group", "-b"])
                .args([&root, &out]),
        );
    }

    /// An apt of this machine with a root of its own, whose only source is this line.
    pub(crate) fn apt(&self, name: &str, source: &str) -> Apt {
        let root = self.path(name);
        for folder in
            ["etc/preferences.d", "none", "state/lists/partial", "cache/archives/partial", "trusted"]
        {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("status"), "").unwrap();
        let key = self.path("smith.gpg");
        let line = format!("deb [signed-by={}] {source}\n", key.display());
        fs::write(root.join("sources.list"), line).unwrap();
        let at = root.display();
        let config = format!(
            "Dir \"{at}\";\nDir::State \"{at}/state\";\nDir::State::status \"{at}/status\";\n\
             Dir::Cache \"{at}/cache\";\nDir::Etc \"{at}/etc\";\nDir::Etc::sourcelist \"{at}/sources.list\";\n\
             Dir::Etc::sourceparts \"{at}/none\";\nDir::Etc::parts \"{at}/none\";\nDir::Etc::trusted \"{at}/none.gpg\";\n\
             Dir::Etc::trustedparts \"{at}/trusted\";\nDir::Log \"{at}\";\nAPT::Architecture \"amd64\";\n\
             APT::Architectures {{ \"amd64\"; }};\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
             Acquire::By-Hash \"force\";\nAcquire::http::Proxy::127.0.0.1 \"DIRECT\";\nAcquire::Retries \"0\";\n"
        );
        fs::write(root.join("apt.conf"), config).unwrap();
        Apt { root }
    }
}

pub(crate) struct Apt {
    root: PathBuf,
}

impl Apt {
    pub(crate) fn run(&self, tool: &str, args: &[&str]) -> (bool, String) {
        let output = Command::new(tool)
            .env("APT_CONFIG", self.root.join("apt.conf"))
            .env("LC_ALL", "C")
            .current_dir(&self.root)
            .args(args)
            .output()
            .unwrap();
        (output.status.success(), text(&output))
    }

    /// An update that has neither an error nor a warning.
    pub(crate) fn update(&self) {
        let (is_good, text) = self.run("apt-get", &["update"]);
        let is_quiet = text.lines().all(|line| !["W:", "E:", "N:"].iter().any(|mark| line.starts_with(mark)));
        assert!(is_good && is_quiet, "{text}");
    }

    /// The version that it would install.
    pub(crate) fn candidate(&self, package: &str) -> String {
        let (is_good, text) = self.run("apt-cache", &["policy", package]);
        assert!(is_good, "{text}");
        let line = text.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
        line.unwrap_or("none").to_owned()
    }
}

/// Where this machine's apt has Debian from: the addresses of the distribution and of its security fixes. Nothing, with a
/// word, where it has it from nowhere.
pub(crate) fn upstream() -> Option<(String, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_smith")).args(["build", "init"]).output().unwrap();
    let recipe = String::from_utf8(output.stdout).unwrap();
    let mut found: Vec<(String, bool)> = Vec::new();
    let mut uri = None;
    for line in recipe.lines().map(|line| line.trim().trim_start_matches("- ")) {
        if let Some(value) = line.strip_prefix("uris:") {
            let value = value.trim().trim_matches(['[', ']']).split(',').next().unwrap_or_default();
            uri = Some(value.trim().trim_matches('"').to_owned());
        }
        if let (Some(suites), Some(uri)) = (line.strip_prefix("suites:"), &uri)
            && suites.contains("bookworm")
        {
            found.push((uri.clone(), suites.contains("-security")));
        }
    }
    let of = |security: bool| found.iter().find(|(_, is)| *is == security).map(|(uri, _)| uri.clone());
    let pair = of(false).zip(of(true));
    if pair.is_none() {
        println!("skipped: this machine's apt has no Debian 12 and its security fixes");
    }
    pair
}

pub(crate) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
