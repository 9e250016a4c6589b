//! The world of one run: its folder, what runs in it, and how commands are given in it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::children::Children;
use super::place::{self, Place};
use super::stage::Stage;
use crate::failure::{Exit, Failure};
use crate::input::unreadable;

/// How often it is looked whether a command has ended, or somebody wants to end it.
const LOOK: Duration = Duration::from_millis(20);

pub(super) struct World<'p> {
    pub(super) place: &'p Place,
    pub(super) stage: Stage,
    pub(super) children: Children,
    /// The agent's package.
    pub(super) agent: PathBuf,
    program: PathBuf,
    interrupted: Arc<AtomicBool>,
}

/// What a command said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl<'p> World<'p> {
    pub(super) fn open(place: &'p Place, agent: PathBuf) -> Result<Self, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| unreadable("this program", "/proc/self/exe".as_ref(), error))?;
        let interrupted = Arc::new(AtomicBool::new(false));
        listen_for_signals(Arc::clone(&interrupted))?;
        let children = Children::open(place.run("processes.json"));
        Ok(Self { place, stage: Stage::new(), children, agent, program, interrupted })
    }

    /// Ends everything that runs; files stay, so that they can be read.
    pub(super) fn remove(&mut self) -> Result<(), Failure> {
        // Whoever is impatient may press Ctrl-C again; what is left then is removed by the next run.
        self.interrupted.store(false, Ordering::Relaxed);
        self.children.end()?;
        if self.place.lab_file("lab.json").exists() {
            self.good(&["lab", "down", "--yes"])?;
        }
        Ok(())
    }

    /// Begins with an empty run: whatever an earlier one has left is ended and removed.
    pub(super) fn begin_anew(&mut self) -> Result<(), Failure> {
        self.remove()?;
        place::clear(&self.place.run(""))?;
        place::make(&self.place.run("server"))?;
        place::make(&self.place.labs())?;
        self.children = Children::open(self.place.run("processes.json"));
        Ok(())
    }

    /// An error where somebody wants to end it, or what it needs has ended.
    pub(super) fn go_on(&self) -> Result<(), Failure> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Failure::new(Exit::Interrupted, "interrupted; what ran is ended"));
        }
        if !self.children.all_run() {
            let log = self.place.run("server/log");
            let error = format!(
                "expected the server and the mirrors to run, found that one has ended; see {}",
                log.display()
            );
            return Err(Failure::new(Exit::Bug, error));
        }
        Ok(())
    }

    pub(super) fn rest(&self, time: Duration) -> Result<(), Failure> {
        self.go_on()?;
        std::thread::sleep(time);
        Ok(())
    }

    /// Another run of this program, which finds what belongs to the demo.
    pub(super) fn smith(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).stdin(Stdio::null()).current_dir(self.place.dir());
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("SMITH_")) {
                command.env_remove(name);
            }
        }
        command.envs(self.environment());
        command
    }

    /// What commands of the demo have in their environment; people who go on by hand need the same.
    pub(super) fn environment(&self) -> [(&'static str, String); 5] {
        let shown = |path: PathBuf| path.display().to_string();
        [
            ("SMITH_STORE", shown(self.place.store())),
            ("SMITH_LAB_DIR", shown(self.place.labs())),
            ("SMITH_LAB_CACHE", self.place.base().display().to_string()),
            ("SMITH_LAB", self.place.lab().to_string()),
            ("SMITH_SERVER", shown(self.place.socket())),
        ]
    }

    /// Runs a command and expects a good end.
    pub(super) fn good(&mut self, args: &[&str]) -> Result<String, Failure> {
        let said = self.run(args)?;
        if said.code == Some(0) {
            return Ok(said.out);
        }
        self.go_on()?;
        let told = format!("{}{}", said.out, said.err);
        let error = format!("`smith {}` ended with {:?}: {}", args.join(" "), said.code, told.trim());
        Err(Failure::new(Exit::NotThere, error))
    }

    /// Runs a command, and ends it when somebody wants to end the story.
    pub(super) fn run(&mut self, args: &[&str]) -> Result<Said, Failure> {
        let mut command = self.smith(args);
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| unreadable("this program", &self.program, error))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let out = std::thread::spawn(move || all_of(out));
        let (sender, progress) = channel();
        let err = std::thread::spawn(move || lines_of(err, &sender));
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if let Some(line) = progress.try_iter().last() {
                self.stage.draw(&[format!("    {line}")])?;
            }
            if self.interrupted.load(Ordering::Relaxed) {
                let _ = child.kill();
            }
            std::thread::sleep(LOOK);
        };
        let text = |thread: std::thread::JoinHandle<String>| thread.join().unwrap_or_default();
        Ok(Said { code: status.code(), out: text(out), err: text(err) })
    }

    /// Runs a command that people see, with its answer.
    pub(super) fn show(&mut self, args: &[&str]) -> Result<String, Failure> {
        self.stage.typed("$", &format!("smith {}", quoted(args)))?;
        let out = self.good(args)?;
        self.stage.answered(&out)?;
        Ok(out)
    }
}

/// The lines, each of which is told when it comes.
fn lines_of(source: Option<impl std::io::Read>, tell: &Sender<String>) -> String {
    let mut all = String::new();
    let Some(source) = source else { return all };
    for line in BufReader::new(source).lines().map_while(Result::ok) {
        all.push_str(&line);
        all.push('\n');
        // Nobody listens any more once the command has ended.
        let _ = tell.send(line);
    }
    all
}

fn all_of(source: Option<impl std::io::Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut source) = source {
        // What was read before an error is all that can be told.
        let _ = source.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As a shell takes it.
fn quoted(args: &[&str]) -> String {
    let is_plain = |text: &str| {
        !text.is_empty() && text.chars().all(|one| one.is_ascii_alphanumeric() || "-_./:,=@%+".contains(one))
    };
    let words = args.iter().map(|arg| {
        if is_plain(arg) { (*arg).to_owned() } else { format!("'{}'", arg.replace('\'', "'\\''")) }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// From the first Ctrl-C on the story ends in order, because what runs must be ended.
fn listen_for_signals(interrupted: Arc<AtomicBool>) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Bug, error))?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let heard = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
            let (Ok(mut interrupt), Ok(mut terminate)) = heard else { return };
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                interrupted.store(true, Ordering::Relaxed);
            }
        });
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_is_shown_can_be_typed() {
        assert_eq!(
            quoted(&["build", "key", "new", "--user-id", "Demo <demo@x>"]),
            "build key new --user-id 'Demo <demo@x>'"
        );
        assert_eq!(quoted(&["a", "it's", ""]), "a 'it'\\''s' ''");
    }
}
