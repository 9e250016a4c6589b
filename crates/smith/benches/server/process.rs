//! The server's process: started, asked, looked at from outside, killed.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use smith_api::{Client, Server};
use smith_api::{NewToken, Project, Start, Started, Status, TokenMade};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::Outcome;
use crate::child::CHILD;
use crate::site::{PIPELINE_NAME, Site};
use crate::size::PATIENCE;

/// How often something that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// The same for a start, which is measured in this.
const LOOK_CLOSELY: Duration = Duration::from_millis(2);

/// What the kernel counts processor time in, on every Linux that is built as usual.
const TICKS: f64 = 100.0;

pub(crate) struct Process {
    child: Child,
    began: Instant,
    /// The path of a socket has few bytes, and the target folder may be far down.
    _folder: TempDir,
    pub(crate) socket: PathBuf,
    /// Of the loopback door.
    pub(crate) address: String,
    client: Client,
    runtime: Runtime,
}

impl Process {
    /// Starts a server, which may take its time to open its doors.
    pub(crate) fn start(site: &Site) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("smith").tempdir()?;
        let socket = folder.path().join("smith.sock");
        let log = fs::File::options().create(true).append(true).open(site.path("log"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(CHILD).arg(site.path("smith.yaml")).arg(&socket);
        let began = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let said = child.stdout.take().ok_or("expected its words")?;
        let client = Client::new(Server::Socket(socket.clone()), None)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut process =
            Self { child, began, _folder: folder, socket, address: String::new(), client, runtime };
        BufReader::new(said).read_line(&mut process.address)?;
        process.address.truncate(process.address.trim_end().len());
        if process.address.is_empty() {
            let log = fs::read_to_string(site.path("log"))?;
            return Err(format!("expected a server, found that it ended: {log}").into());
        }
        Ok(process)
    }

    /// How long it took from its start until it says that it drives and shows a project.
    pub(crate) fn until_it_serves(&self, project: u32) -> Outcome<Duration> {
        for path in ["/readyz".to_owned(), format!("/v1/queryproject/{project}")] {
            while self.status_of(&path).unwrap_or_default() != 200 {
                if self.began.elapsed() > PATIENCE {
                    return Err(format!("expected an answer of {path}, found none").into());
                }
                thread::sleep(LOOK_CLOSELY);
            }
        }
        Ok(self.began.elapsed())
    }

    fn status_of(&self, path: &str) -> std::io::Result<u16> {
        let mut stream = UnixStream::connect(&self.socket)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: smith\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or_default())
    }

    /// How long an answer took to its end, and its length.
    pub(crate) fn fetch(&self, path: &str) -> Outcome<(Duration, u64)> {
        let began = Instant::now();
        let bytes = self.runtime.block_on(self.client.download(path, |_| Ok(())))?;
        Ok((began.elapsed(), bytes))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        Ok(self.runtime.block_on(self.client.get(path))?)
    }

    pub(crate) fn status(&self) -> Outcome<Status> {
        self.get("/v1/status")
    }

    pub(crate) fn project(&self, project: u32) -> Outcome<Project> {
        self.get(&format!("/v1/projects/{project}"))
    }

    /// Waits until the status is as it is wanted.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Status) -> bool) -> Outcome {
        let since = Instant::now();
        while !is_so(&self.status()?) {
            if since.elapsed() > PATIENCE {
                return Err(format!("expected {what}, found {:?}", self.status()?).into());
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Waits for the fleet and the builds.
    pub(crate) fn until_furnished(&self, machines: u32) -> Outcome {
        self.until("all machines and builds", |status| status.machines == machines && status.builds == 100)
    }

    /// Rolls a build out over everything.
    pub(crate) fn begin(&self, build: u32) -> Outcome<u32> {
        let start =
            Start { build, config: PIPELINE_NAME.to_owned(), step: None, reason: Some("bench".to_owned()) };
        let started: Started = self.runtime.block_on(self.client.post("/v1/projects", &start, None))?;
        Ok(started.project)
    }

    /// Waits for the end of everything, and looks whether all machines of a project are done.
    pub(crate) fn until_done(&self, project: u32, machines: u32) -> Outcome {
        let ended = self.until("no open project", |status| status.open_projects == 0);
        let found = self.project(project)?;
        if ended.is_ok() && found.totals.pass == machines && found.state == "complete" {
            return Ok(());
        }
        let Project { state, totals, reasons, .. } = found;
        let text =
            format!("expected {machines} machines that are done, found {state}, {totals:?}, {reasons:?}");
        Err(text.into())
    }

    pub(crate) fn token(&self) -> Outcome<String> {
        let asked = NewToken {
            name: "bench".to_owned(),
            roles: vec!["viewer".to_owned()],
            environments: Vec::new(),
            days: None,
            owner: None,
        };
        let made: TokenMade = self.runtime.block_on(self.client.post("/v1/tokens", &asked, None))?;
        Ok(made.secret)
    }

    /// Seconds of processors that it has used.
    pub(crate) fn cpu(&self) -> Outcome<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program may hold anything; what follows it is plain.
        let rest = stat.rsplit_once(')').ok_or("expected a name")?.1;
        let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
    }

    /// The most memory that it has had, in bytes.
    pub(crate) fn peak(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("expected VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    /// Ends it as a power cut does, at this moment.
    pub(crate) fn kill(mut self) -> Outcome {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
