//! Where everything is made, and what it is made of.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use smith_repo::deb822::{PackageRecord, Stanzas};

use crate::Outcome;
use crate::measure::{Cost, median, run};
use crate::stubs::Upstream;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Real package files: so many, of so many bytes together.
const DEBS: usize = 2_000;
const DEBS_BYTES: u64 = 527_000_000;

/// One to begin with, one for each run that changes something, and one to spare.
const SPARE_STATES: u32 = 2;

pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) runs: u32,
    /// The real index.
    pub(crate) packages: String,
    pub(crate) upstream: Upstream,
    /// Real package files, in one folder.
    pub(crate) debs: PathBuf,
}

impl Place {
    pub(crate) fn make(runs: u32) -> Outcome<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-repo");
        fs::create_dir_all(&folder)?;
        println!("making what is measured in {}", folder.display());
        let uri = debian()?;
        let packages = index(&folder, &uri)?;
        let debs = debs(&folder, &uri, &packages)?;
        let upstream = Upstream::make(&folder.join("upstream"), &packages, runs + SPARE_STATES, now())?;
        println!("{} packages, {} states, {DEBS} real package files\n", upstream.packages, upstream.states);
        Ok(Self { folder, runs, packages, upstream, debs })
    }

    /// A folder of this name with nothing in it.
    pub(crate) fn fresh(&self, name: &str) -> Outcome<PathBuf> {
        let path = self.folder.join(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path)?;
        settle();
        Ok(path)
    }

    /// The program on a store.
    pub(crate) fn smith(&self, store: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smith"));
        command.env("SMITH_STORE", store).env("USER", "bench").current_dir(&self.folder);
        command
    }

    /// A store with a key, and its keyring beside it.
    pub(crate) fn store(&self, name: &str) -> Outcome<PathBuf> {
        let store = self.fresh(name)?;
        run(self.smith(&store).args(["build", "key", "new", "--user-id", "Bench <bench@site>"]))?;
        run(self.smith(&store).args(["build", "key", "export"]).arg(self.keyring(name)))?;
        Ok(store)
    }

    pub(crate) fn keyring(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.gpg"))
    }

    /// The median of so many runs of one command, each after what must go before it.
    pub(crate) fn measured(&self, mut before: impl FnMut(u32) -> Outcome<Command>) -> Outcome<Cost> {
        let mut costs = Vec::new();
        for number in 0..self.runs {
            let mut command = before(number)?;
            settle();
            costs.push(run(&mut command)?);
        }
        Ok(median(&costs))
    }
}

/// What the last run left to be written is not counted for the next.
pub(crate) fn settle() {
    rustix::fs::sync();
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(since).ok().and_then(|since| Timestamp::from_second(since).ok()).unwrap_or(Timestamp::MAX)
}

pub(crate) fn is_installed(tool: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(tool).is_file())
}

/// Where this machine's apt has Debian 12 from.
fn debian() -> Outcome<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_smith")).args(["build", "init"]).output()?;
    let recipe = String::from_utf8(output.stdout)?;
    let mut uri = None;
    for line in recipe.lines().map(|line| line.trim().trim_start_matches("- ")) {
        if let Some(value) = line.strip_prefix("uris:") {
            let first = value.trim().trim_matches(['[', ']']).split(',').next().unwrap_or_default();
            uri = Some(first.trim().trim_matches('"').to_owned());
        }
        if let (Some(suites), Some(uri)) = (line.strip_prefix("suites:"), &uri)
            && suites.contains("bookworm")
            && !suites.contains("-security")
        {
            return Ok(uri.clone());
        }
    }
    Err("expected Debian 12 among this machine's apt sources, found none".into())
}

fn recipe(uri: &str, take: &str) -> String {
    format!(
        "upstreams:\n  - upstream: debian\n    uris: {uri}\n    suites: [bookworm]\n    components: [main]\n    \
         architectures: [amd64]\n    keyring: {KEYRING}\n{take}"
    )
}

/// The index as the machine's apt reads it.
fn index(folder: &Path, uri: &str) -> Outcome<String> {
    let path = folder.join("Packages");
    if !path.exists() {
        let root = folder.join("apt");
        let _ = fs::remove_dir_all(&root);
        for part in ["state/lists/partial", "cache/archives/partial", "none"] {
            fs::create_dir_all(root.join(part))?;
        }
        fs::write(root.join("status"), "")?;
        fs::write(root.join("sources.list"), format!("deb [signed-by={KEYRING}] {uri} bookworm main\n"))?;
        let at = root.display();
        fs::write(
            root.join("apt.conf"),
            format!(
                "Dir::State \"{at}/state\";\nDir::State::status \"{at}/status\";\nDir::Cache \"{at}/cache\";\n\
                 Dir::Etc::sourcelist \"{at}/sources.list\";\nDir::Etc::sourceparts \"{at}/none\";\n\
                 Dir::Etc::main \"{at}/none.conf\";\nDir::Etc::parts \"{at}/none\";\n\
                 APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\nAPT::Sandbox::User \"root\";\n\
                 Acquire::Languages \"none\";\nAcquire::GzipIndexes \"false\";\n"
            ),
        )?;
        run(Command::new("apt-get").env("APT_CONFIG", root.join("apt.conf")).arg("update"))?;
        let lists = fs::read_dir(root.join("state/lists"))?.flatten().map(|entry| entry.path());
        let found = lists.into_iter().find(|path| path.to_string_lossy().ends_with("_Packages"));
        fs::copy(found.ok_or("expected that apt keeps an index, found none")?, &path)?;
    }
    Ok(fs::read_to_string(path)?)
}

/// Real package files of the size that is wanted, brought by the program itself.
fn debs(folder: &Path, uri: &str, packages: &str) -> Outcome<PathBuf> {
    let flat = folder.join("debs");
    if fs::read_dir(&flat).is_ok_and(|entries| entries.count() == DEBS) {
        return Ok(flat);
    }
    let mut sizes: Vec<(u64, String)> = Vec::new();
    for stanza in Stanzas::new(packages.as_bytes()) {
        let record = PackageRecord::read(&stanza?)?;
        sizes.push((record.size, record.package.to_owned()));
    }
    sizes.sort_unstable();
    sizes.dedup_by(|a, b| a.1 == b.1);
    let window = sizes.windows(DEBS).find(|window| window.iter().map(|one| one.0).sum::<u64>() >= DEBS_BYTES);
    let names: Vec<&str> =
        window.ok_or("expected larger packages")?.iter().map(|one| one.1.as_str()).collect();
    let recipe = recipe(uri, &format!("    take: {{packages: [{}]}}\n", names.join(", ")));
    fs::write(folder.join("debs.yaml"), recipe)?;
    let store = folder.join("debs-store");
    let smith = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smith"));
        run(command.env("SMITH_STORE", &store).current_dir(folder).args(args))
    };
    smith(&["build", "key", "new", "--user-id", "Bench <bench@site>"])?;
    smith(&["build", "create", "debs.yaml", "--even-if-unchanged"])?;
    let _ = fs::remove_dir_all(&flat);
    fs::create_dir_all(&flat)?;
    gather(&store.join("pool"), &flat)?;
    Ok(flat)
}

fn gather(folder: &Path, flat: &Path) -> Outcome {
    for entry in fs::read_dir(folder)? {
        let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type()))?;
        if kind?.is_dir() {
            gather(&path, flat)?;
        } else if let Some(name) = path.file_name() {
            fs::copy(&path, flat.join(name))?;
        }
    }
    Ok(())
}
