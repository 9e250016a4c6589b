//! Starts the process that keeps a machine, in two steps: it mounts and waits, then it is told to boot.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::cgroup::Groups;
use crate::error::{Doing as _, LabError};
use crate::name::MachineName;
use crate::place::{Folder, MachineFolder};
use crate::state::replace;

const SCRIPT: &str = include_str!("keep.sh");

/// For four mounts, also where ten others mount.
const READY_MAX: Duration = Duration::from_secs(30);

/// What is shown of a console where a machine did not come up.
const TAIL: usize = 1 << 10;

/// A keeper that has mounted the machine's disk and waits. If it is dropped, it ends.
#[derive(Debug)]
pub(crate) struct Waiting {
    child: Child,
    root: PathBuf,
}

/// Writes the script where keepers are started from. Keepers that run have the old one open and go on with it.
pub(crate) fn write_script(folder: &Folder) -> Result<(), LabError> {
    replace(&folder.keeper(), SCRIPT.as_bytes())
}

/// # Errors
/// If the disk could not be mounted; the console says why.
pub(crate) fn start(
    lab: &Folder,
    folder: &MachineFolder,
    name: &MachineName,
    lower: &str,
    groups: &Groups,
) -> Result<Waiting, LabError> {
    let joined = groups.ensure(name)?;
    for dir in [folder.writable(), folder.root()] {
        fs::create_dir_all(&dir).doing("making", &dir)?;
    }
    let console = folder.console();
    let complaints = File::create(&console).doing("writing", &console)?;
    let boot = groups.machine(name).join("boot");
    let above = boot.ancestors().nth(3).unwrap_or(Path::new("/"));
    let mut command = Command::new("setsid");
    // An own session: a closed terminal ends no machine.
    command.args(["unshare", "--mount", "--net", "--ipc", "--uts", "sh"]).arg(lab.keeper());
    command.arg(folder.path()).arg(lower).arg(name.as_str());
    command.arg(boot.strip_prefix(above).unwrap_or(&boot)).args(joined);
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(complaints);
    let mut child = command.spawn().doing("starting", &lab.keeper())?;
    let out = child.stdout.take();
    let (said, hears) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = out.map(|out| BufReader::new(out).read_line(&mut line));
        // Nobody listens any more if it took too long.
        let _ = said.send(line);
    });
    let waiting = Waiting { root: PathBuf::from(format!("/proc/{}/root", child.id())), child };
    match hears.recv_timeout(READY_MAX) {
        Ok(line) if line == "ready\n" => Ok(waiting),
        // It ended before: it could not mount.
        Ok(_) => Err(LabError::NotMounted { name: name.clone(), said: tail(&console) }),
        Err(_) => Err(LabError::Silent {
            name: name.clone(),
            seconds: READY_MAX.as_secs(),
            found: format!("what its keeper says: {}", tail(&console)),
        }),
    }
}

impl Waiting {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A path as the keeper sees it, with the machine's disk mounted.
    pub(crate) fn seen(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Lets it boot the machine.
    pub(crate) fn boot(mut self) -> Result<(), LabError> {
        let input = self.child.stdin.take();
        let told = input.map(|mut input| input.write_all(b"go\n"));
        told.unwrap_or(Ok(())).doing("talking to", &self.root)?;
        // Somebody has to take note of its end while this process lives.
        std::thread::spawn(move || self.child.wait());
        Ok(())
    }
}

/// The last lines of a console.
pub(crate) fn tail(console: &Path) -> String {
    let bytes = fs::read(console).unwrap_or_default();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL)..]).trim().to_owned()
}
