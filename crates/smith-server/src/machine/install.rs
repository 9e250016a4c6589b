//! The agent's package, put on a machine with an administrator's own access.

use russh::ChannelMsg;
use russh::keys::PublicKey;
use smith_agent::protocol::{Body, read_reply};
use thiserror::Error;

use super::address::Address;
use super::link::Links;
use super::text::one_line;

/// Runs on the machine as root. Nothing is written into it: the key and the package's size come as its first two lines of
/// input, the package after them. The file of keys gets its name when it is whole: a full disk must lock nobody out. The last that
/// it says is what it did and the first line of the agent's own answer, which whoever merely answers does not say.
const SCRIPT: &str = r#"set -eu
umask 077
IFS= read -r key
IFS= read -r size
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
head -c "$size" >"$dir/smith-agent.deb"
mkdir -p /root/.ssh
touch /root/.ssh/authorized_keys
blob=${key#* }
blob=${blob%% *}
if grep -F -- "$blob" /root/.ssh/authorized_keys | grep -qvF 'command="/usr/sbin/smith-agent"'; then
    echo "expected a key of the controller alone, found one that lets a person in" >&2
    exit 1
fi
name=$(dpkg-deb -f "$dir/smith-agent.deb" Package)
if [ "$name" != smith-agent ]; then
    echo "expected the package smith-agent, found $name" >&2
    exit 1
fi
new=$(dpkg-deb -f "$dir/smith-agent.deb" Version)
change=already-so
old=$(dpkg-query -W -f '${db:Status-Abbrev} ${Version}' smith-agent 2>/dev/null || true)
if [ "$old" != "ii  $new" ]; then
    DEBIAN_FRONTEND=noninteractive dpkg -i "$dir/smith-agent.deb" >"$dir/log" 2>&1 </dev/null || { cat "$dir/log" >&2; exit 1; }
    change=installed
fi
hello=$(printf '%s\n' '{"protocol":1,"id":"installed","limit_s":60,"action":"facts"}' | /usr/sbin/smith-agent 2>&1 | head -n 1 | head -c 4096)
line="command=\"/usr/sbin/smith-agent\",restrict $key"
if ! grep -qxF -- "$line" /root/.ssh/authorized_keys; then
    grep -vF -- "$blob" /root/.ssh/authorized_keys >"$dir/keys" || [ $? = 1 ]
    printf '%s\n' "$line" >>"$dir/keys"
    cat "$dir/keys" >/root/.ssh/.authorized_keys.smith
    sync /root/.ssh/.authorized_keys.smith
    mv -f /root/.ssh/.authorized_keys.smith /root/.ssh/authorized_keys
    change=installed
fi
printf '\nsmith-install %s %s\n%s\n' "$change" "$new" "$hello""#;

/// Before the line that says what was done, and in front of its two words.
const DID: &str = "smith-install ";

/// What the agent says first to everybody, as it begins.
const AGENT_SAYS: &str = "{\"seq\":0,";

/// What a failing machine may say.
const SAID_MAX: usize = 16 << 10;

/// What came of it on a machine that has the agent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The package's.
    pub version: String,
    pub change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Installed,
    /// The same package and the key were there.
    AlreadySo,
}

/// Why a machine does not have the agent, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotInstalled {
    #[error("{0}")]
    NoLink(String),
    /// Whatever is asked for with this key, the agent is started.
    #[error(
        "nothing was installed: the identity is the controller's own key, which starts the agent and nothing else; \
         an administrator's key is needed (--identity)"
    )]
    ControllersKey,
    #[error("code {code}: {said}")]
    Code { code: u32, said: String },
    #[error("expected what was done as the last of what it said, found {found:?}")]
    Foreign { found: String },
    #[error("smith-agent {version} is on the machine, and does not answer as an agent does: {found:?}")]
    NoAgent { version: String, found: String },
    #[error("the connection ended in the middle")]
    Cut,
}

/// What a machine is given: the controller's public key and the package.
#[derive(Debug, Clone)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// None if the text is no public key. Of the key only what identifies it is passed on.
    pub fn new(controller_key: &str, package: &[u8]) -> Option<Self> {
        let mut key = PublicKey::from_openssh(controller_key.trim()).ok()?;
        key.set_comment("smith");
        let mut given = format!("{}\n{}\n", key.to_openssh().ok()?.trim(), package.len()).into_bytes();
        given.extend_from_slice(package);
        Some(Self(given))
    }
}

/// Brings one machine there. Well is only what a real installation says in the end, with an agent that answers.
pub async fn install(links: &Links, address: &Address, payload: &Payload) -> Result<Installed, NotInstalled> {
    let no_link = |error: &dyn std::error::Error| NotInstalled::NoLink(error.to_string());
    let link = links.open(address).await.map_err(|error| no_link(&error))?;
    // One constant command: what differs from machine to machine goes through its input.
    let quoted = SCRIPT.replace('\'', r"'\''");
    let command = match address.user.as_str() {
        "root" => format!("exec sh -c '{quoted}'"),
        _ => format!("exec sudo -n sh -c '{quoted}'"),
    };
    let mut channel = link.command(&command).await.map_err(|error| no_link(&error))?;
    // Who is not what was started reads nothing of it; what it says instead tells who it is.
    let _ = channel.data(payload.0.as_slice()).await;
    let _ = channel.eof().await;
    let (mut said, mut complaint, mut code) = (Vec::new(), Vec::new(), None);
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Data { data }) if said.len() < SAID_MAX => said.extend_from_slice(&data),
            Some(ChannelMsg::ExtendedData { data, .. }) if complaint.len() < SAID_MAX => {
                complaint.extend_from_slice(&data);
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => code = Some(exit_status),
            Some(_) => {}
            None => break,
        }
    }
    let (said, complaint) = (String::from_utf8_lossy(&said), String::from_utf8_lossy(&complaint));
    judge(code, &said, &complaint)
}

fn judge(code: Option<u32>, said: &str, complaint: &str) -> Result<Installed, NotInstalled> {
    // The agent where it is there, or the shell that was to start it and nothing else where it is not.
    let is_agents = said.trim_start().starts_with(AGENT_SAYS)
        || (code == Some(127) && complaint.contains("/usr/sbin/smith-agent"));
    match code {
        _ if is_agents => Err(NotInstalled::ControllersKey),
        Some(0) => did(said),
        Some(code) => Err(NotInstalled::Code { code, said: one_line(complaint.trim()) }),
        None => Err(NotInstalled::Cut),
    }
}

/// Shells may greet before.
fn did(said: &str) -> Result<Installed, NotInstalled> {
    let foreign = || NotInstalled::Foreign { found: one_line(said.trim()) };
    let mut lines = said.lines().skip_while(|line| !line.starts_with(DID));
    let line = lines.next().and_then(|line| line.strip_prefix(DID)).ok_or_else(foreign)?;
    let (change, version) = match line.split_once(' ') {
        Some(("installed", version)) => (Change::Installed, version),
        Some(("already-so", version)) => (Change::AlreadySo, version),
        Some(_) | None => return Err(foreign()),
    };
    let (version, hello) = (one_line(version), lines.next().unwrap_or_default());
    match read_reply(hello.as_bytes()) {
        Ok(reply) if matches!(reply.body, Body::Hello(_)) => Ok(Installed { version, change }),
        Ok(_) | Err(_) => Err(NotInstalled::NoAgent { version, found: one_line(hello) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str =
        r#"{"seq":0,"at_ms":1,"kind":"hello","value":{"protocol":1,"version":"0.1.0","boot":"b"}}"#;

    #[test]
    fn only_a_real_installation_is_one() {
        let installed = Installed { version: "0.1.0".to_owned(), change: Change::Installed };
        let told = format!("Welcome!\n\nsmith-install installed 0.1.0\n{HELLO}\n");
        assert_eq!(judge(Some(0), &told, ""), Ok(installed));
        let again = format!("\nsmith-install already-so 0.1.0\n{HELLO}\n");
        assert_eq!(judge(Some(0), &again, "").map(|one| one.change), Ok(Change::AlreadySo));
        let broken = judge(Some(0), "\nsmith-install installed 0.1.0\nbash: Exec format error\n", "");
        assert!(matches!(broken, Err(NotInstalled::NoAgent { .. })), "{broken:?}");
        assert!(matches!(judge(Some(0), "Hello\n", ""), Err(NotInstalled::Foreign { .. })));
        assert_eq!(judge(None, "", ""), Err(NotInstalled::Cut));
    }

    #[test]
    fn the_controllers_own_key_is_told_from_an_administrators() {
        let refused = format!("{HELLO}\n{{\"seq\":0,\"kind\":\"refused\"}}\n");
        for (code, said, complaint) in [
            (Some(0), refused.as_str(), ""),
            (Some(1), refused.as_str(), ""),
            (Some(127), "", "bash: line 1: /usr/sbin/smith-agent: No such file or directory"),
        ] {
            let error = judge(code, said, complaint).unwrap_err();
            assert_eq!(error, NotInstalled::ControllersKey);
            assert!(error.to_string().contains("an administrator's key is needed"));
        }
    }
}
