//! What makes a machine of the base: its name, identity, network and keys.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::{Doing as _, LabError};
use crate::keys::{self, Keys};
use crate::net::Subnet;
use crate::state::{Member, Token};

/// A machine's files, written below the root of its tree.
#[derive(Debug)]
pub(crate) struct Dress<'a> {
    pub(crate) root: PathBuf,
    pub(crate) subnet: Subnet,
    pub(crate) token: Token,
    pub(crate) keys: &'a Keys,
}

impl Dress<'_> {
    /// Writes everything and gives the public part of a new host key, which is drawn in `scratch`.
    pub(crate) fn put_on(&self, member: &Member, scratch: &Path) -> Result<String, LabError> {
        let (name, address) = (member.name(), self.subnet.machine(member.slot));
        let gateway = self.subnet.gateway();
        self.write("etc/hostname", 0o644, &format!("{name}\n"))?;
        self.write(
            "etc/hosts",
            0o644,
            &format!(
                "127.0.0.1 localhost\n::1 localhost ip6-localhost\n{address} {name}\n{gateway} mirror.lab\n"
            ),
        )?;
        self.write(
            "etc/network/interfaces",
            0o644,
            &format!(
                "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet static\n    address {address}/24\n    gateway {gateway}\n"
            ),
        )?;
        let drawn = scratch.join("host-key");
        keys::make(&drawn, name.as_str())?;
        let public = drawn.with_extension("pub");
        let line = keys::public(&public)?;
        let secret = fs::read_to_string(&drawn).doing("reading", &drawn)?;
        // Another key is another identity: a machine that is made anew is another machine.
        let identity = Sha256::digest(format!("{} {line}", self.token).as_bytes());
        let identity: String = identity.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.write("etc/machine-id", 0o444, &format!("{identity}\n"))?;
        self.write("etc/ssh/ssh_host_ed25519_key", 0o600, &secret)?;
        self.write("etc/ssh/ssh_host_ed25519_key.pub", 0o644, &format!("{line}\n"))?;
        self.write("root/.ssh/authorized_keys", 0o600, &self.keys.authorized())?;
        fs::remove_file(&drawn).doing("removing", &drawn)?;
        fs::remove_file(&public).doing("removing", &public)?;
        // Without the comment, as inventories have it.
        Ok(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
    }

    fn write(&self, path: &str, mode: u32, text: &str) -> Result<(), LabError> {
        let path = self.root.join(path);
        if let Some(dir) = path.parent().filter(|dir| !dir.is_dir()) {
            fs::create_dir_all(dir).doing("making", dir)?;
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).doing("changing", dir)?;
        }
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path).doing("removing", &path)?;
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .doing("writing", &path)
    }
}
