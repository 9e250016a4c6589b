//! A machine's door: a listener on a port of its own that hands each connection to a fresh sshd.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use russh::keys::PublicKey;
use smith_server::machine::{Address, Identity, LinkLimits, Links};
use tempfile::TempDir;
use tokio::net::TcpListener;

const SSHD: &str = "/usr/sbin/sshd";

pub(crate) struct Door {
    pub(crate) dir: TempDir,
    pub(crate) address: Address,
    pub(crate) knocks: Arc<AtomicUsize>,
    /// Sessions that have ended.
    gone: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether there is an sshd, and we may start it; otherwise says what is left out.
pub(crate) fn sshd_is_there() -> bool {
    let root = rustix_uid() == 0;
    let there = Path::new(SSHD).exists() && root;
    if !there {
        println!("left out: expected root and {SSHD} (package openssh-server)");
    }
    there
}

fn rustix_uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid()
}

impl Door {
    /// Behind the door stands a script of sh; `$COUNT` is how often it was started before.
    pub(crate) async fn with(script: &str) -> Door {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        keygen(&path("host"), "ed25519");
        keygen(&path("client"), "ed25519");
        let count = format!(
            "#!/bin/sh\ncd {dir}\nCOUNT=$(cat count 2>/dev/null || echo 0)\necho $((COUNT + 1)) >count\n",
            dir = dir.path().display()
        );
        write(&path("agent"), &format!("{count}{script}\n"), 0o755);
        let key = fs::read_to_string(path("client.pub")).unwrap();
        write(&path("keys"), &format!("command=\"{}\",restrict {key}", path("agent").display()), 0o644);
        let config = format!(
            "HostKey {host}\nAuthorizedKeysFile {keys}\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\n\
             PidFile none\nLogLevel ERROR\n",
            host = path("host").display(),
            keys = path("keys").display()
        );
        write(&path("config"), &config, 0o600);
        fs::create_dir_all("/run/sshd").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = listener.local_addr().unwrap();
        let host = fs::read_to_string(path("host.pub")).unwrap();
        let address = Address {
            name: "one".to_owned(),
            sockets: vec![socket],
            user: "root".to_owned(),
            host_key: PublicKey::from_openssh(&host).unwrap(),
        };
        let knocks = Arc::new(AtomicUsize::new(0));
        let gone = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(serve(listener, path("config"), Arc::clone(&knocks), Arc::clone(&gone)));
        Door { dir, address, knocks, gone, task }
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity::from_files([self.dir.path().join("client")], None).unwrap()
    }

    pub(crate) fn links(&self) -> Links {
        Links::new(self.identity(), limits())
    }

    /// How often the script was started.
    pub(crate) fn starts(&self) -> usize {
        let text = fs::read_to_string(self.dir.path().join("count")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    /// Waits until all sessions have ended.
    pub(crate) async fn is_left(&self) -> bool {
        for _ in 0..2_000 {
            if self.gone.load(Ordering::SeqCst) == self.knocks() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    pub(crate) fn knocks(&self) -> usize {
        self.knocks.load(Ordering::SeqCst)
    }
}

pub(crate) fn limits() -> LinkLimits {
    LinkLimits { connect: Duration::from_secs(15), ..LinkLimits::default() }
}

async fn serve(listener: TcpListener, config: PathBuf, knocks: Arc<AtomicUsize>, gone: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        knocks.fetch_add(1, Ordering::SeqCst);
        let stream = stream.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        let mut command = Command::new(SSHD);
        command.arg("-i").arg("-f").arg(&config).stderr(Stdio::null());
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(stream.try_clone().unwrap())));
        command.stdout(Stdio::from(std::os::fd::OwnedFd::from(stream)));
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
        let gone = Arc::clone(&gone);
        tokio::spawn(async move {
            let ended = child.wait().await;
            gone.fetch_add(1, Ordering::SeqCst);
            ended
        });
    }
}

pub(crate) fn keygen(path: &Path, kind: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-N", "", "-t", kind, "-f"]).arg(path);
    assert!(command.status().unwrap().success());
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
