//! The agent's package, put on a machine with an administrator's own access.

use russh::ChannelMsg;
use russh::keys::PublicKey;

use super::address::Address;
use super::link::Links;
use super::text::one_line;

/// Runs on the machine as root. Nothing is written into it: the key and the package's size come as its first two lines of
/// input, the package after them. The file of keys gets its name when it is whole: a full disk must lock nobody out.
const SCRIPT: &str = r#"set -eu
umask 077
IFS= read -r key
IFS= read -r size
dir=$(mktemp -d -t smith-agent.XXXXXXXX)
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
new=$(dpkg-deb -f "$dir/smith-agent.deb" Version)
old=$(dpkg-query -W -f '${db:Status-Abbrev} ${Version}' smith-agent 2>/dev/null || true)
if [ "$old" != "ii  $new" ]; then
    DEBIAN_FRONTEND=noninteractive dpkg -i "$dir/smith-agent.deb" >"$dir/log" 2>&1 </dev/null || { cat "$dir/log" >&2; exit 1; }
fi
line="command=\"/usr/sbin/smith-agent\",restrict $key"
if ! grep -qxF -- "$line" /root/.ssh/authorized_keys; then
    grep -vF -- "$blob" /root/.ssh/authorized_keys >"$dir/keys" || [ $? = 1 ]
    printf '%s\n' "$line" >>"$dir/keys"
    cat "$dir/keys" >/root/.ssh/.authorized_keys.smith
    sync /root/.ssh/.authorized_keys.smith
    mv -f /root/.ssh/.authorized_keys.smith /root/.ssh/authorized_keys
fi
printf 'smith-agent %s\n' "$new""#;

/// What a failing machine may say.
const SAID_MAX: usize = 16 << 10;

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

/// Brings one machine there, and gives what it says: the version that it has now, or why not.
pub async fn install(links: &Links, address: &Address, payload: &Payload) -> Result<String, String> {
    let link = links.open(address).await.map_err(|error| error.to_string())?;
    // One constant command: what differs from machine to machine goes through its input.
    let quoted = SCRIPT.replace('\'', r"'\''");
    let command = match address.user.as_str() {
        "root" => format!("exec sh -c '{quoted}'"),
        _ => format!("exec sudo -n sh -c '{quoted}'"),
    };
    let mut channel = link.command(&command).await.map_err(|error| error.to_string())?;
    channel.data(payload.0.as_slice()).await.map_err(|error| error.to_string())?;
    channel.eof().await.map_err(|error| error.to_string())?;
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
    match code {
        Some(0) => Ok(one_line(String::from_utf8_lossy(&said).trim())),
        Some(code) => Err(format!("code {code}: {}", one_line(String::from_utf8_lossy(&complaint).trim()))),
        None => Err("the connection ended in the middle".to_owned()),
    }
}
