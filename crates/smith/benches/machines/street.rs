//! A street of doors: one sshd in a network namespace, which answers under as many addresses as are wanted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Outcome;

/// Whom the machines know. A user of its own with a plain shell: sshd starts even a forced command by the login shell, and root's
/// may read a page of settings first.
const USER: &str = "smith-bench";
const PORT: u16 = 20_022;

pub(crate) struct Street {
    pub(crate) dir: TempDir,
    namespace: String,
    sshd: Child,
    /// The user was made here and goes with us.
    made_user: bool,
}

impl Drop for Street {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
        let _ = quiet("ip", &["netns", "pids", &self.namespace]).map(|pids| {
            for pid in pids.split_whitespace() {
                let _ = quiet("kill", &["-9", pid]);
            }
        });
        let _ = quiet("ip", &["netns", "del", &self.namespace]);
        if self.made_user {
            let _ = quiet("userdel", &[USER]);
        }
    }
}

impl Street {
    pub(crate) fn of(doors: usize) -> Outcome<Street> {
        for tool in ["/usr/sbin/sshd", "/usr/bin/ssh-keygen"] {
            if !Path::new(tool).exists() {
                return Err(
                    format!("expected {tool} (packages openssh-server, openssh-client), found none").into()
                );
            }
        }
        let dir = tempfile::Builder::new().prefix("smith-bench").tempdir()?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        for key in ["host", "controller", "person"] {
            quiet("ssh-keygen", &["-q", "-N", "", "-t", "ed25519", "-f", &text(&dir.path().join(key))])?;
        }
        let made_user = quiet("id", &[USER]).is_err();
        if made_user {
            quiet(
                "useradd",
                // A password that nobody can have: without one the account is locked, for keys too.
                &[
                    "--system",
                    "--no-create-home",
                    "--home-dir",
                    "/nonexistent",
                    "--shell",
                    "/bin/sh",
                    "--password",
                    "*",
                    USER,
                ],
            )?;
        }
        let root = dir.path().join("root");
        fs::create_dir_all(&root)?;
        quiet("chown", &[USER, &text(&root)])?;
        let agent = agent()?;
        let read = |name: &str| fs::read_to_string(dir.path().join(name));
        let command = format!("{} --root {}", agent.display(), root.display());
        let keys =
            format!("command=\"{command}\",restrict {}{}", read("controller.pub")?, read("person.pub")?);
        fs::write(dir.path().join("keys"), keys)?;
        let config = format!(
            "Port {PORT}\nListenAddress 0.0.0.0\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
             MaxStartups 10000\nMaxSessions 10000\nLogLevel ERROR\nPasswordAuthentication no\n",
            text(&dir.path().join("host")),
            text(&dir.path().join("keys")),
        );
        fs::write(dir.path().join("sshd_config"), config)?;
        fs::create_dir_all("/run/sshd")?;
        let namespace = format!("smith-bench-{}", std::process::id());
        quiet("ip", &["netns", "add", &namespace])?;
        quiet("ip", &["-n", &namespace, "link", "set", "lo", "up"])?;
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &namespace, "/usr/sbin/sshd", "-D", "-f"])
            .arg(dir.path().join("sshd_config"));
        let sshd = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let street = Street { dir, namespace, sshd, made_user };
        street.write_lists(doors)?;
        street.wait()?;
        Ok(street)
    }

    /// A command that runs where the doors are.
    pub(crate) fn inside(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same machines for every tool: our inventory, Ansible's, and a plain list.
    fn write_lists(&self, doors: usize) -> Outcome {
        let host_key = fs::read_to_string(self.path("host.pub"))?;
        let host_key = host_key.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let mut own = "machines:\n".to_owned();
        let mut ansible = "[all]\n".to_owned();
        let mut plain = String::new();
        for door in 0..doors {
            let address = format!("127.0.{}.{}", 1 + door / 250, 1 + door % 250);
            own.push_str(&format!(
                "  - {{name: door-{door}, address: {address}, ssh-port: {PORT}, ssh-user: {USER}, host-key: {host_key}}}\n"
            ));
            ansible.push_str(&format!("door-{door} ansible_host={address}\n"));
            plain.push_str(&format!("{address}\n"));
        }
        ansible.push_str(&format!(
            "[all:vars]\nansible_port={PORT}\nansible_user={USER}\nansible_ssh_private_key_file={}\n",
            text(&self.path("person"))
        ));
        fs::write(self.path("machines.yaml"), own)?;
        fs::write(self.path("sources.yaml"), "sources:\n  - {name: street, file: machines.yaml}\n")?;
        fs::write(self.path("hosts.ini"), ansible)?;
        fs::write(self.path("hosts.txt"), plain)?;
        Ok(())
    }

    fn wait(&self) -> Outcome {
        let since = Instant::now();
        let probe = format!("exec 3<>/dev/tcp/127.0.1.1/{PORT}");
        while since.elapsed() < Duration::from_secs(10) {
            let mut command = self.inside(Path::new("bash"));
            if command.args(["-c", &probe]).stderr(Stdio::null()).status()?.success() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("expected sshd to answer within 10 s".into())
    }

    /// What the others start on a machine: the same agent with the same job, through a shell as they do.
    pub(crate) fn job(&self) -> Outcome<String> {
        let job = r#"{\"protocol\":1,\"id\":\"bench-$$-$(date +%s%N)\",\"limit_s\":60,\"action\":\"facts\"}"#;
        Ok(format!("echo \"{job}\" | {} --root {}", agent()?.display(), text(&self.path("root"))))
    }
}

/// The agent as it is shipped, if `cargo xtask dist` has made it, or else as it was built for this.
pub(crate) fn agent() -> Outcome<PathBuf> {
    let release = Path::new(env!("CARGO_BIN_EXE_smith")).with_file_name("smith-agent");
    let target = release.parent().and_then(Path::parent).ok_or("a target folder")?;
    let shipped = target.join(format!("dist/smith-agent-{}-unknown-linux-musl", std::env::consts::ARCH));
    if shipped.exists() {
        return Ok(shipped);
    }
    if release.exists() {
        return Ok(release);
    }
    Err(format!("expected {}, found none; `cargo xtask bench machines` builds it", release.display()).into())
}

fn quiet(program: &str, args: &[&str]) -> Outcome<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim()).into())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
