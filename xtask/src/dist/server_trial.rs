//! Trying the server's package: looked into, installed in a Debian that is made for it, started, killed, started again, purged.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::server::architecture;
use super::stage::VERSION;
use super::trial::{Root, SUITE, chroot, expect, expect_version, said};
use crate::failure::Failure;
use crate::process::{capture, probe, run as run_command};

/// A server with an empty journal answers in a moment; a machine that does much else at the same time has longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the unit gives it, TimeoutStopSec, as seconds.
const STOPS_WITHIN: Duration = Duration::from_secs(45);

const CONFIG: &str = "/etc/smith/smith.yaml";

/// Why it cannot be tried here, if it cannot.
pub(super) fn run(package: &Path) -> Result<Option<String>, Failure> {
    look_into(package)?;
    unit_is_understood()?;
    if probe(Command::new("id").arg("-u")).as_deref() != Some("0") {
        return Ok(Some("it takes root; the package was looked into".to_owned()));
    }
    if probe(Command::new("mmdebstrap").arg("--version")).is_none() {
        return Ok(Some("mmdebstrap is not there; the package was looked into".to_owned()));
    }
    let root = Root::make("server")?;
    let machine = root.0.join("machine");
    let mut strap = Command::new("mmdebstrap");
    // What the package depends on, or recommends, besides what every Debian has.
    strap.args([
        "--quiet",
        "--variant=apt",
        "--mode=root",
        "--include=ca-certificates,openssh-client",
        SUITE,
    ]);
    // Without a network there is no Debian to install it in, and the package is none the worse.
    if let Err(failure) = run_command(strap.arg(&machine)) {
        return Ok(Some(format!(
            "no Debian can be made here ({}); the package was looked into",
            failure.chain()
        )));
    }
    installs(&machine, package)?;
    serves(&machine)?;
    purges(&machine)?;
    Ok(None)
}

/// Everything belongs to root and may be read but for the settings, nothing is where packages have nothing, and dpkg knows what is the site's.
fn look_into(package: &Path) -> Result<(), Failure> {
    let listed = said(Command::new("dpkg-deb").arg("--contents").arg(package))?;
    for line in listed.lines() {
        let mut words = line.split_whitespace();
        let (mode, owner, path) = (words.next(), words.next(), words.nth(3));
        let is_settings = path.and_then(|path| path.strip_prefix('.')) == Some(CONFIG);
        let modes = match mode {
            Some("-rw-r-----") => is_settings,
            Some("drwxr-xr-x" | "-rw-r--r--" | "-rwxr-xr-x") => !is_settings,
            _ => false,
        };
        let good = modes && owner == Some("root/root");
        let placed = path.is_some_and(|path| {
            path == "./" || ["./etc/", "./usr/"].iter().any(|begin| path.starts_with(begin))
        });
        expect("a line of the package's contents", "good", if good && placed { "good" } else { line })?;
    }
    for wanted in [
        "./usr/bin/smith",
        "./usr/lib/systemd/system/smith.service",
        "./usr/lib/sysusers.d/smith.conf",
        "./usr/share/doc/smith/copyright",
        "./usr/share/man/man1/smith.1.gz",
        "./usr/share/man/man1/smith-serve.1.gz",
        "./usr/share/man/man5/smith.yaml.5.gz",
        "./usr/share/bash-completion/completions/smith",
        "./usr/share/zsh/vendor-completions/_smith",
        "./usr/share/fish/vendor_completions.d/smith.fish",
    ] {
        let found = listed.lines().any(|line| line.ends_with(wanted));
        expect("what the package brings", wanted, if found { wanted } else { "nothing of it" })?;
    }
    let field = |name: &str| said(Command::new("dpkg-deb").arg("--field").arg(package).arg(name));
    expect("Version", VERSION, &field("Version")?)?;
    expect("Architecture", &architecture()?, &field("Architecture")?)?;
    let control = Root::make("control")?;
    capture(Command::new("dpkg-deb").arg("--control").arg(package).arg(&control.0))?;
    let read = |name: &str| {
        let path = control.0.join(name);
        fs::read_to_string(&path).map_err(|source| Failure::Read { path: path.display().to_string(), source })
    };
    expect("conffiles", &format!("{CONFIG}\n"), &read("conffiles")?)?;
    for script in ["postinst", "prerm", "postrm"] {
        expect(script, "#!/bin/sh\nset -e\n", &read(script)?.chars().take(17).collect::<String>())?;
        capture(Command::new("sh").arg("-n").arg(control.0.join(script)))?;
    }
    Ok(())
}

/// What systemd does not know in a unit it leaves out without a word to the site.
fn unit_is_understood() -> Result<(), Failure> {
    if probe(Command::new("systemd-analyze").arg("--version")).is_none() {
        println!("systemd-analyze is not there: the unit is not read");
        return Ok(());
    }
    let path = Path::new("crates/smith/package/smith.service");
    let unit = fs::read_to_string(path)
        .map_err(|source| Failure::Read { path: path.display().to_string(), source })?;
    let root = Root::make("unit")?;
    // The program, its user and its pages are those of the package, not of this computer.
    let unit = unit.replace("/usr/bin/smith", "/bin/true").replace("=smith\n", "=daemon\n");
    let copy = root.0.join("smith.service");
    fs::write(&copy, unit).map_err(|source| Failure::Write { path: copy.display().to_string(), source })?;
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&copy).output();
    let output =
        output.map_err(|source| Failure::Start { command: "systemd-analyze verify".to_owned(), source })?;
    // It also tells of other units of this computer.
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let own: Vec<&str> = errors.lines().filter(|line| line.contains("smith.service")).collect();
    expect("what systemd-analyze says", "", &own.join("\n"))
}

/// Installed, and again over itself.
fn installs(machine: &Path, package: &Path) -> Result<(), Failure> {
    let inside = machine.join("smith.deb");
    fs::copy(package, &inside)
        .map_err(|source| Failure::Write { path: inside.display().to_string(), source })?;
    for _ in 0..2 {
        run_command(chroot(machine, "dpkg").args(["--install", "/smith.deb"]))?;
    }
    expect_version("smith", &capture(chroot(machine, "smith").arg("--version"))?)?;
    expect("dpkg --audit", "", &said(chroot(machine, "dpkg").arg("--audit"))?)?;
    expect("dpkg --verify", "", &said(chroot(machine, "dpkg").args(["--verify", "smith"]))?)?;
    expect("the user's shell", "/usr/sbin/nologin", &shell(machine)?)?;
    capture(chroot(machine, "smith").args(["serve", "--config", CONFIG, "--check"])).map(drop)
}

fn shell(machine: &Path) -> Result<String, Failure> {
    let account = said(chroot(machine, "getent").args(["passwd", "smith"]))?;
    Ok(account.rsplit(':').next().unwrap_or_default().to_owned())
}

/// Started as the unit starts it, stopped, started, killed, and started again; each time it goes on with what it had.
fn serves(machine: &Path) -> Result<(), Failure> {
    // What StateDirectory and RuntimeDirectory make.
    for folder in ["/var/lib/smith-server", "/run/smith"] {
        run_command(
            chroot(machine, "install").args(["-d", "-o", "smith", "-g", "smith", "-m", "0750", folder]),
        )?;
    }
    // Another server of this computer may have the usual port.
    let fragment = machine.join("etc/smith/smith.d");
    let wrote = fs::create_dir_all(&fragment)
        .and_then(|()| fs::write(fragment.join("trial.yaml"), "listen: {http: no}\n"));
    wrote.map_err(|source| Failure::Write { path: fragment.display().to_string(), source })?;
    let notified = Notified::listen(machine)?;
    let mut server = Server::start(machine, &notified)?;
    let status = said(chroot(machine, "smith").arg("status"))?;
    expect(
        "smith status",
        "driving",
        status.lines().next().unwrap_or_default().rsplit(' ').next().unwrap_or_default(),
    )?;
    let named = ["token", "new", "kept", "--role", "viewer"];
    capture(chroot(machine, "smith").args(named))?;
    server.signal("-TERM")?;
    notified.hear("STOPPING=1")?;
    let ended = server.ended(STOPS_WITHIN)?;
    expect("how it ends when it is asked to", "exit status: 0", &ended.to_string())?;
    let mut server = Server::start(machine, &notified)?;
    server.signal("-KILL")?;
    server.ended(PATIENCE)?;
    let mut server = Server::start(machine, &notified)?;
    let tokens = said(chroot(machine, "smith").args(["token", "list"]))?;
    expect(
        "what was recorded before it was killed",
        "kept",
        if tokens.contains("kept") { "kept" } else { &tokens },
    )?;
    server.signal("-TERM")?;
    server.ended(STOPS_WITHIN)?;
    begins(machine, &notified)?;
    fs::remove_dir_all(&fragment)
        .map_err(|source| Failure::Remove { path: fragment.display().to_string(), source })
}

/// Whoever installs it and says yes to everything has a site that the server's own user can read, keys and all.
fn begins(machine: &Path, notified: &Notified) -> Result<(), Failure> {
    capture(chroot(machine, "smith").args(["init", "--yes", "--no-recipe"]))?;
    let mut server = Server::start(machine, notified)?;
    let pipelines = said(chroot(machine, "smith").args(["pipeline", "list"]))?;
    let wanted = "buildTestDevToStage";
    expect(
        "the pipelines of a site to begin with",
        wanted,
        if pipelines.contains(wanted) { wanted } else { &pipelines },
    )?;
    server.signal("-TERM")?;
    server.ended(STOPS_WITHIN).map(drop)
}

/// The evidence stays, and everything else goes.
fn purges(machine: &Path) -> Result<(), Failure> {
    run_command(chroot(machine, "dpkg").args(["--purge", "smith"]))?;
    let left = ["etc/smith/smith.yaml", "usr/bin/smith", "usr/lib/sysusers.d/smith.conf"]
        .map(|path| machine.join(path));
    let left: Vec<String> =
        left.iter().filter(|path| path.exists()).map(|path| path.display().to_string()).collect();
    expect("what a purge leaves", "", &left.join(" "))?;
    let journal = machine.join("var/lib/smith-server/journal.db");
    expect("the journal after a purge", "there", if journal.exists() { "there" } else { "gone" })
}

/// A socket such as systemd gives a service.
struct Notified {
    socket: UnixDatagram,
    /// As the service sees it.
    name: &'static str,
}

impl Notified {
    fn listen(machine: &Path) -> Result<Self, Failure> {
        let (name, path) = ("/run/notify", machine.join("run/notify"));
        let opened = UnixDatagram::bind(&path).and_then(|socket| {
            socket.set_read_timeout(Some(PATIENCE))?;
            // The service is another user.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
            Ok(socket)
        });
        let socket = opened.map_err(|source| Failure::Write { path: path.display().to_string(), source })?;
        Ok(Self { socket, name })
    }

    /// Waits until it is said, whatever is said before.
    fn hear(&self, wanted: &str) -> Result<(), Failure> {
        let began = Instant::now();
        let mut heard = [0; 4096];
        while began.elapsed() < PATIENCE {
            match self.socket.recv(&mut heard) {
                Ok(length)
                    if heard[..length].split(|byte| *byte == b'\n').any(|line| line == wanted.as_bytes()) =>
                {
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(source) => return Err(Failure::Read { path: self.name.to_owned(), source }),
            }
        }
        expect("what the server tells systemd", wanted, "nothing of it")
    }
}

struct Server {
    child: Child,
    log: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended is not killed again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(machine: &Path, notified: &Notified) -> Result<Self, Failure> {
        let log = machine.join("server.log");
        let file = fs::File::create(&log)
            .map_err(|source| Failure::Write { path: log.display().to_string(), source })?;
        let mut command = chroot(machine, "setpriv");
        command.args(["--reuid=smith", "--regid=smith", "--clear-groups", "--no-new-privs"]);
        command.args(["smith", "serve", "--config", CONFIG]);
        command.env("NOTIFY_SOCKET", notified.name).env("WATCHDOG_USEC", "1000000");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let child =
            command.spawn().map_err(|source| Failure::Start { command: "smith serve".to_owned(), source })?;
        let server = Self { child, log };
        let ready = notified.hear("READY=1").and_then(|()| notified.hear("WATCHDOG=1"));
        ready.inspect_err(|_| println!("{}", fs::read_to_string(&server.log).unwrap_or_default()))?;
        Ok(server)
    }

    fn signal(&self, signal: &str) -> Result<(), Failure> {
        run_command(Command::new("kill").arg(signal).arg(self.child.id().to_string()))
    }

    fn ended(&mut self, within: Duration) -> Result<ExitStatus, Failure> {
        let began = Instant::now();
        loop {
            let looked = self.child.try_wait();
            let looked =
                looked.map_err(|source| Failure::Start { command: "smith serve".to_owned(), source })?;
            match looked {
                Some(status) => return Ok(status),
                None if began.elapsed() > within => {
                    println!("{}", fs::read_to_string(&self.log).unwrap_or_default());
                    expect("a server that was asked to end", "ended", "running")?;
                }
                None => sleep(Duration::from_millis(20)),
            }
        }
    }
}
