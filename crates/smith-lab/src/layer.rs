//! The agent on top of the base: the binary put into its place, or its package installed, once for all machines.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::error::{Doing as _, LabError};
use crate::place::Folder;
use crate::tool::Tool;

/// Installing one package that is at hand.
const INSTALL: Duration = Duration::from_secs(120);

/// The mounts are the script's own and go with it.
const SCRIPT: &str = r#"set -eu
mount -t overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" smith-lab "$4"
mount -t proc proc "$4/proc"
cp "$5" "$4/root/agent.deb"
chroot "$4" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive dpkg --install /root/agent.deb
rm "$4/root/agent.deb"
"#;

/// Makes the layer with this agent unless it is there, and gives its name.
pub(crate) fn ensure(folder: &Folder, base: &Path, agent: &Path) -> Result<String, LabError> {
    let bytes = fs::read(agent).doing("reading", agent)?;
    let name: String = Sha256::digest(&bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let layers = folder.layers();
    let whole = layers.join(&name);
    if whole.is_dir() {
        return Ok(name);
    }
    let partial = layers.join("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).doing("removing", &partial)?;
    }
    let upper = partial.join("upper");
    fs::create_dir_all(&upper).doing("making", &upper)?;
    if agent.extension().is_some_and(|extension| extension == "deb") {
        install(&partial, base, agent)?;
    } else {
        let (dir, path) = (upper.join("usr/sbin"), upper.join("usr/sbin/smith-agent"));
        fs::create_dir_all(&dir).doing("making", &dir)?;
        fs::write(&path, &bytes).doing("writing", &path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).doing("changing", &path)?;
    }
    fs::rename(&upper, &whole).doing("renaming", &upper)?;
    fs::remove_dir_all(&partial).doing("removing", &partial)?;
    Ok(name)
}

fn install(partial: &Path, base: &Path, agent: &Path) -> Result<(), LabError> {
    let agent = fs::canonicalize(agent).doing("looking for", agent)?;
    let (upper, work, root) = (partial.join("upper"), partial.join("work"), partial.join("root"));
    for dir in [&work, &root] {
        fs::create_dir_all(dir).doing("making", dir)?;
    }
    Tool::apart("sh", INSTALL)
        .called("the agent's package")
        .args(["-c", SCRIPT, "sh"])
        .args([base, &upper, &work, &root, &agent])
        .run()?;
    Ok(())
}
