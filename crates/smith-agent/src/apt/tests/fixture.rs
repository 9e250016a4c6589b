//! A small signed repository and a folder that is a machine to dpkg and apt.
//!
//! Packages are built and installed with the real tools; their scripts run in the folder as in a machine's root, for which the test
//! has to be root.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use smith_agent::protocol::{Body, Cause, Done, Failure, Outcome, Patch, Patched, Release, Source};
use tempfile::TempDir;

use crate::apt::act::{check, patch_within};
use crate::apt::base64;
use crate::apt::lists::sha256;
use crate::apt::told;
use crate::op::{Context, Host, Teller};

/// A package to be built.
#[derive(Debug, Clone)]
pub(super) struct Deb {
    name: String,
    version: String,
    architecture: String,
    fields: Vec<String>,
    scripts: Vec<(&'static str, String)>,
    files: Vec<(String, String)>,
}

pub(super) fn deb(name: &str, version: &str) -> Deb {
    Deb {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: "all".to_owned(),
        fields: Vec::new(),
        scripts: Vec::new(),
        files: vec![(format!("usr/share/{name}"), version.to_owned())],
    }
}

impl Deb {
    pub(super) fn with(mut self, field: &str) -> Self {
        self.fields.push(field.to_owned());
        self
    }

    pub(super) fn of(mut self, architecture: &str) -> Self {
        self.architecture = architecture.to_owned();
        self
    }

    pub(super) fn script(mut self, which: &'static str, body: &str) -> Self {
        self.scripts.push((which, format!("#!/bin/sh\nset -e\n{body}\n")));
        self
    }

    pub(super) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    pub(super) fn build_into(&self, into: &Path) -> PathBuf {
        let tree = tempfile::tempdir().expect("a folder");
        let put = |path: &str, text: &str, mode: u32| {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        };
        let mut control = format!(
            "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: A <a@example.org>\nDescription: x\n",
            self.name, self.version, self.architecture
        );
        self.fields.iter().for_each(|field| control += &format!("{field}\n"));
        put("DEBIAN/control", &control, 0o644);
        let conffiles: String = self
            .files
            .iter()
            .filter(|(path, _)| path.starts_with("etc/"))
            .map(|(path, _)| format!("/{path}\n"))
            .collect();
        if !conffiles.is_empty() {
            put("DEBIAN/conffiles", &conffiles, 0o644);
        }
        self.scripts.iter().for_each(|(which, body)| put(&format!("DEBIAN/{which}"), body, 0o755));
        self.files.iter().for_each(|(path, text)| put(path, text, 0o644));
        // As in archives: the epoch is not in the name of the file.
        let version = self.version.rsplit(':').next().unwrap_or_default();
        let file = format!("{}_{version}_{}.deb", self.name, self.architecture);
        let path = into.join(file);
        fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).expect("set");
        run(Command::new("dpkg-deb")
            .args(["--root-owner-group", "-Znone", "-b"])
            .arg(tree.path())
            .arg(&path));
        path
    }
}

pub(super) fn run(command: &mut Command) -> String {
    command.env("SOURCE_DATE_EPOCH", "1700000000").env("LC_ALL", "C.UTF-8");
    let output = command.output().expect("the program");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

/// A key, a repository of one suite, and a machine.
pub(super) struct World {
    folder: TempDir,
    pub(super) job: Patch,
    operations: u32,
    /// The time of an action.
    pub(super) limit: Duration,
    pub(super) told: Told,
}

/// What the operations told.
#[derive(Debug, Default)]
pub(super) struct Told(pub(super) Vec<Body>);

impl Teller for Told {
    fn tell(&mut self, body: Body) {
        self.0.push(body);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The agent of gpg would stay.
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(self.path("gpg"))
            .args(["--kill", "gpg-agent"])
            .output();
    }
}

/// A world, or a word why there is none.
pub(super) fn world() -> Option<World> {
    let needed = ["apt-get", "dpkg", "dpkg-deb", "gpg", "ldd"];
    let is_there =
        |tool: &&str| Command::new("which").arg(tool).output().is_ok_and(|found| found.status.success());
    if let Some(missing) = needed.iter().find(|tool| !is_there(tool)) {
        println!("skipped: {missing} is not on this machine");
        return None;
    }
    if !rustix::process::geteuid().is_root() {
        println!(
            "skipped: scripts of packages run in a root of their own, for which the test has to be root"
        );
        return None;
    }
    Some(World::new())
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // apt's own user reads in it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("set");
        let release = Release { suite: "stable".to_owned(), in_release_sha256: None };
        let uri = format!("file://{}/repo", folder.path().display());
        let source = Source { uri, components: vec!["main".to_owned()], releases: vec![release] };
        let job = Patch {
            build: 7,
            sources: vec![source],
            keyring: String::new(),
            expect: None,
            removals: Default::default(),
            downgrades: Default::default(),
            holds: Default::default(),
            conffiles: Default::default(),
            kernels: Default::default(),
            dead_man: None,
        };
        let mut world =
            Self { folder, job, operations: 0, limit: Duration::from_secs(600), told: Told::default() };
        world.job.keyring = world.key("gpg");
        world.make_root();
        world
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(super) fn root(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    pub(super) fn host(&self) -> Host {
        Host::at(self.path("root"))
    }

    /// Makes a key and gives its public half as a job has it.
    pub(super) fn key(&self, home: &str) -> String {
        let home = self.path(home);
        fs::create_dir_all(&home).expect("made");
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).expect("set");
        let gpg = || {
            let mut gpg = Command::new("gpg");
            gpg.arg("--homedir").arg(&home).args([
                "--batch",
                "--quiet",
                "--pinentry-mode",
                "loopback",
                "--passphrase",
                "",
            ]);
            gpg
        };
        run(gpg().args(["--quick-generate-key", "build@example.org", "rsa2048", "sign", "never"]));
        let public = gpg().arg("--export").output().expect("gpg").stdout;
        base64::tests::encode(&public)
    }

    fn make_root(&self) {
        for folder in [
            "bin",
            "etc",
            "usr/share",
            "boot",
            "tmp",
            "var/log/apt",
            "var/lib/apt",
            "var/lib/dpkg/info",
            "var/lib/dpkg/updates",
            "var/lib/dpkg/triggers",
            "var/cache",
            "proc/sys/kernel",
            "run",
        ] {
            fs::create_dir_all(self.root(folder)).expect("made");
        }
        // As the agent keeps it.
        fs::create_dir_all(self.root("var/lib/smith")).expect("made");
        fs::set_permissions(self.root("var/lib/smith"), fs::Permissions::from_mode(0o700)).expect("set");
        for file in ["status", "available", "lock", "lock-frontend"] {
            fs::write(self.root(&format!("var/lib/dpkg/{file}")), "").expect("written");
        }
        for program in ["/bin/sh", "/bin/sleep", "/usr/bin/touch"] {
            let real = fs::canonicalize(program).expect("a program");
            fs::copy(&real, self.root("bin").join(Path::new(program).file_name().expect("a name")))
                .expect("copied");
            for word in
                run(Command::new("ldd").arg(&real)).split_whitespace().filter(|word| word.starts_with('/'))
            {
                let to = self.root(word.trim_start_matches('/'));
                fs::create_dir_all(to.parent().expect("a parent")).expect("made");
                fs::copy(word, to).expect("copied");
            }
        }
    }

    pub(super) fn dpkg(&self, args: &[&str]) -> String {
        run(self.dpkg_command().args(args))
    }

    pub(super) fn dpkg_command(&self) -> Command {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", self.path("root").display()))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        dpkg
    }

    /// Installs packages as they were before the build.
    pub(super) fn install(&self, debs: &[Deb]) {
        let folder = tempfile::tempdir().expect("a folder");
        let built: Vec<PathBuf> = debs.iter().map(|deb| deb.build_into(folder.path())).collect();
        run(self.dpkg_command().arg("-i").args(built));
    }

    /// Makes the repository anew with these packages.
    pub(super) fn publish(&self, debs: &[Deb]) {
        self.publish_signed(debs, "gpg", "");
    }

    pub(super) fn publish_signed(&self, debs: &[Deb], home: &str, release: &str) {
        let repo = self.path("repo");
        let _ = fs::remove_dir_all(&repo);
        let dist = repo.join("dists/stable");
        fs::create_dir_all(dist.join("main/binary-amd64")).expect("made");
        fs::create_dir_all(repo.join("pool")).expect("made");
        let mut packages = String::new();
        for deb in debs {
            let file = deb.build_into(&repo.join("pool"));
            let control = run(Command::new("dpkg-deb").arg("-f").arg(&file));
            let name = file.file_name().expect("a name").to_string_lossy();
            let size = fs::metadata(&file).expect("a file").len();
            let hash = sha256(&file).expect("a hash");
            packages += &format!("{control}Filename: pool/{name}\nSize: {size}\nSHA256: {hash}\n\n");
        }
        let index = dist.join("main/binary-amd64/Packages");
        fs::write(&index, &packages).expect("written");
        let hash = sha256(&index).expect("a hash");
        let text = format!(
            "Suite: stable\nCodename: stable\nDate: Sat, 01 Nov 2025 00:00:00 UTC\nArchitectures: amd64 i386\nComponents: main\n{release}SHA256:\n {hash} {} main/binary-amd64/Packages\n",
            packages.len()
        );
        fs::write(dist.join("Release"), text).expect("written");
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir").arg(self.path(home)).args(["--batch", "--yes", "--clearsign", "-o"]);
        run(gpg.arg(dist.join("InRelease")).arg(dist.join("Release")));
    }

    pub(super) fn in_release_sha256(&self) -> String {
        sha256(&self.path("repo/dists/stable/InRelease")).expect("a hash")
    }

    /// Says that a kernel runs.
    pub(super) fn running(&self, release: &str) {
        fs::write(self.root("proc/sys/kernel/osrelease"), format!("{release}\n")).expect("written");
    }

    pub(super) fn check(&mut self) -> Result<Outcome, Failure> {
        self.act(check)
    }

    pub(super) fn patch(&mut self) -> Result<Outcome, Failure> {
        let ended = self.killed();
        if let Ok(outcome) = &ended {
            told(&self.host(), outcome).expect("gone");
        }
        ended
    }

    /// A patch whose worker is gone before its last word is on the disk.
    pub(super) fn killed(&mut self) -> Result<Outcome, Failure> {
        self.act(|ctx, patch| patch_within(ctx, patch, Duration::from_secs(1)))
    }

    pub(super) fn act(
        &mut self,
        action: impl FnOnce(&mut Context<'_>, &Patch) -> Result<Outcome, Failure>,
    ) -> Result<Outcome, Failure> {
        self.operations += 1;
        let folder = self.path(&format!("ops/{}", self.operations));
        fs::create_dir_all(&folder).expect("made");
        let host = self.host();
        self.told = Told::default();
        let mut ctx = Context::new(&host, &folder, &mut self.told, self.limit);
        action(&mut ctx, &self.job)
    }

    /// What the last operation's apt said.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(self.path(&format!("ops/{}/apt.log", self.operations))).unwrap_or_default()
    }

    /// A patch that does something.
    pub(super) fn patched(&mut self) -> Patched {
        match self.patch() {
            Ok(Outcome::Done(Done::Patched(patched))) => *patched,
            other => panic!("{other:?}\n{}", self.said()),
        }
    }

    pub(super) fn is_already_so(&mut self) {
        match self.patch() {
            Ok(Outcome::AlreadySo(Done::Patched(patched))) => assert!(patched.changes.is_empty()),
            other => panic!("{other:?}\n{}", self.said()),
        }
    }

    pub(super) fn fails(&mut self, cause: Cause) -> Failure {
        match self.patch() {
            Err(failure) => {
                assert_eq!(failure.cause, cause, "{failure:?}\n{}", self.said());
                assert!(!failure.message.contains('\n'), "{failure:?}");
                failure
            }
            other => panic!("{other:?}\n{}", self.said()),
        }
    }

    /// `name version` of all that is installed.
    pub(super) fn installed(&self) -> Vec<String> {
        let said = self.dpkg_query(&["-W", "-f", "${binary:Package} ${Version} ${db:Status-Status}\n"]);
        let lines = said.lines().filter_map(|line| line.strip_suffix(" installed"));
        lines.map(str::to_owned).collect()
    }

    fn dpkg_query(&self, args: &[&str]) -> String {
        run(Command::new("dpkg-query")
            .arg(format!("--admindir={}", self.root("var/lib/dpkg").display()))
            .args(args))
    }

    /// Serves the repository over HTTP on a port of its own and points the job there.
    pub(super) fn serve(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let repo = self.path("repo");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let repo = repo.clone();
                std::thread::spawn(move || answer(&stream, &repo));
            }
        });
        self.job.sources[0].uri = format!("http://127.0.0.1:{port}");
    }
}

/// Answers the requests of one connection, one file each.
fn answer(stream: &TcpStream, repo: &Path) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    loop {
        let request = lines.next()?.ok()?;
        let path = request.split(' ').nth(1)?.trim_start_matches('/').to_owned();
        while !lines.next()?.ok()?.is_empty() {}
        let (status, body) = match fs::read(repo.join(path)) {
            Ok(body) => ("200 OK", body),
            Err(_) => ("404 Not Found", Vec::new()),
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut stream = stream;
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(&body).ok()?;
    }
}
