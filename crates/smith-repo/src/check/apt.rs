//! apt-get in a root of its own: it knows a build, a keyring and a status file, and nothing of the machine it runs on.

use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::check::CheckError;

/// A simulation of a thousand upgrades prints 300 KB; what comes after this is read and dropped.
const OUTPUT_MAX: u64 = 16 << 20;

/// What may stand in a path that is written into apt's configuration, where blanks, quotes and brackets have meanings.
fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+~:@,=".contains(&byte))
}

/// A folder with all that apt reads and writes.
pub(super) struct Apt {
    root: PathBuf,
    time_max: Duration,
}

/// What a run of apt came to.
pub(super) enum Ran {
    Ended { is_good: bool, text: String },
    TooLong,
}

impl Apt {
    /// Sources are lines of a list of apt; architectures have the native one first.
    pub(super) fn new(
        root: &Path,
        sources: &str,
        architectures: &[String],
        time_max: Duration,
    ) -> Result<Self, CheckError> {
        plain(root)?;
        let write = |path: &Path, source| CheckError::Write { path: path.to_owned(), source };
        for folder in [
            "etc/preferences.d",
            "etc/sources.list.d",
            "none",
            "state/lists/partial",
            "cache/archives/partial",
        ] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(|source| write(&path, source))?;
        }
        let put = |name: &str, text: &str| {
            let path = root.join(name);
            fs::write(&path, text).map_err(|source| write(&path, source))
        };
        put("status", "")?;
        put("etc/sources.list", sources)?;
        let native = architectures.first().map_or("", String::as_str);
        let list: String = architectures.iter().map(|arch| format!(" \"{arch}\";")).collect();
        let root_text = root.display();
        let conf = format!(
            "Dir \"{root_text}\";\nDir::State \"{root_text}/state\";\nDir::State::status \"{root_text}/status\";\n\
             Dir::Cache \"{root_text}/cache\";\nDir::Etc \"{root_text}/etc\";\nDir::Etc::parts \"{root_text}/none\";\n\
             Dir::Etc::trusted \"{root_text}/none.gpg\";\nDir::Etc::trustedparts \"{root_text}/none\";\n\
             Dir::Log \"{root_text}\";\nAPT::Architecture \"{native}\";\nAPT::Architectures {{{list} }};\n\
             APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAPT::Get::Show-Versions \"true\";\n\
             Debug::NoLocking \"true\";\n"
        );
        put("apt.conf", &conf)?;
        Ok(Self { root: root.to_owned(), time_max })
    }

    pub(super) fn update(&self) -> Result<(), CheckError> {
        let text = match self.run(&["update".to_owned()])? {
            Ran::Ended { is_good: true, text } if !text.lines().any(|line| line.starts_with("E:")) => {
                return Ok(());
            }
            Ran::Ended { text, .. } => text,
            Ran::TooLong => format!("it took longer than {} s", self.time_max.as_secs()),
        };
        Err(CheckError::Update { text: text.trim().to_owned() })
    }

    /// Simulates for a status file. Runs beside each other share the indexes; each keeps its own view of packages in memory.
    pub(super) fn simulate(&self, status: &Path) -> Result<Ran, CheckError> {
        plain(status)?;
        let option = |text: String| ["-o".to_owned(), text];
        let mut arguments = Vec::new();
        arguments.extend(option(format!("Dir::State::status={}", status.display())));
        arguments.extend(option("Dir::Cache::pkgcache=".to_owned()));
        arguments.extend(["-s", "-y", "dist-upgrade"].map(str::to_owned));
        self.run(&arguments)
    }

    fn run(&self, arguments: &[String]) -> Result<Ran, CheckError> {
        let apt = |source| CheckError::Apt { source };
        let mut child = Command::new("apt-get")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into()))
            .env("LC_ALL", "C")
            .env("APT_CONFIG", self.root.join("apt.conf"))
            .current_dir(&self.root)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(apt)?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (sender, ended) = mpsc::channel();
        let pipes: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
            child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        ];
        for (at, pipe) in pipes.into_iter().enumerate() {
            let sender = sender.clone();
            // It ends when apt and all that it started have ended.
            thread::spawn(move || {
                sender.send((at, pipe.map(read_bounded).unwrap_or_else(|| Ok(Vec::new()))))
            });
        }
        drop(sender);
        let deadline = Instant::now() + self.time_max;
        let mut texts = [Vec::new(), Vec::new()];
        let mut failure = None;
        let mut is_late = false;
        for _ in 0..2 {
            match ended.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((at, Ok(bytes))) => texts[at] = bytes,
                Ok((_, Err(error))) => failure = Some(error),
                Err(_) => is_late = true,
            }
        }
        if is_late && let Some(group) = group {
            // It may have ended just now, which is as good.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let status = child.wait().map_err(apt)?;
        if let Some(error) = failure {
            return Err(apt(error));
        }
        if is_late {
            return Ok(Ran::TooLong);
        }
        let text = String::from_utf8_lossy(&texts.concat()).into_owned();
        Ok(Ran::Ended { is_good: status.success(), text })
    }
}

pub(super) fn plain(path: &Path) -> Result<(), CheckError> {
    if path.to_str().is_some_and(is_plain) {
        return Ok(());
    }
    Err(CheckError::Form {
        path: path.to_owned(),
        expected: "an absolute path of letters, digits and `._-+~:@,=`, as apt's configuration takes it",
        found: "other characters".to_owned(),
    })
}

fn read_bounded(mut pipe: Box<dyn Read + Send>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.by_ref().take(OUTPUT_MAX).read_to_end(&mut bytes)?;
    // A pipe that nobody reads would stop apt.
    io::copy(&mut pipe, &mut io::sink())?;
    Ok(bytes)
}
