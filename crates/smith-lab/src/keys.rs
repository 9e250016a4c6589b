//! The keys of a lab: an administrator's, with which people look in, and a controller's, which can do nothing but talk to the
//! agent.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Doing as _, LabError};
use crate::place::Folder;
use crate::tool::{SHORT, Tool};

/// What sshd runs for the controller's key, whatever it asks for.
const AGENT: &str = "command=\"/usr/sbin/smith-agent\",restrict";

#[derive(Debug, Clone)]
pub(crate) struct Keys {
    admin: String,
    controller: String,
}

pub(crate) fn admin(folder: &Folder) -> PathBuf {
    folder.keys().join("admin")
}

pub(crate) fn controller(folder: &Folder) -> PathBuf {
    folder.keys().join("controller")
}

/// Makes the keys that are not there. A controller's public key that is given takes the place of one of the lab's own.
pub(crate) fn ensure(folder: &Folder, given: Option<&Path>) -> Result<Keys, LabError> {
    let dir = folder.keys();
    fs::create_dir_all(&dir).doing("making", &dir)?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).doing("changing", &dir)?;
    if let Some(given) = given {
        let line = public(given)?;
        let path = controller(folder).with_extension("pub");
        crate::state::replace(&path, format!("{line}\n").as_bytes())?;
    } else if !controller(folder).with_extension("pub").exists() {
        make(&controller(folder), "smith-lab controller")?;
    }
    if !admin(folder).with_extension("pub").exists() {
        make(&admin(folder), "smith-lab administrator")?;
    }
    Ok(Keys {
        admin: public(&admin(folder).with_extension("pub"))?,
        controller: public(&controller(folder).with_extension("pub"))?,
    })
}

impl Keys {
    pub(crate) fn authorized(&self) -> String {
        format!("{AGENT} {}\n{}\n", self.controller, self.admin)
    }
}

/// Makes a key pair; what an interrupted run left is made anew.
pub(crate) fn make(path: &Path, comment: &str) -> Result<(), LabError> {
    if path.exists() {
        fs::remove_file(path).doing("removing", path)?;
    }
    Tool::new("ssh-keygen", SHORT)
        .args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"])
        .arg(path)
        .run()?;
    Ok(())
}

/// The one line of a public key.
pub(crate) fn public(path: &Path) -> Result<String, LabError> {
    let text = fs::read_to_string(path).doing("reading", path)?;
    let line = text.trim();
    let is_key = line.starts_with("ssh-") || line.starts_with("ecdsa-") || line.starts_with("sk-");
    if !is_key || line.lines().count() != 1 {
        return Err(LabError::Place {
            expected: "a file with one public ssh key",
            found: path.display().to_string(),
        });
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controllers_key_can_only_run_the_agent() {
        let keys = Keys { admin: "ssh-ed25519 A".to_owned(), controller: "ssh-ed25519 C".to_owned() };
        assert_eq!(
            keys.authorized(),
            "command=\"/usr/sbin/smith-agent\",restrict ssh-ed25519 C\nssh-ed25519 A\n"
        );
    }

    #[test]
    fn what_is_not_one_public_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pub");
        // A second line would be a second key, without the restriction.
        for bad in [
            "",
            "ssh-ed25519 A\nssh-ed25519 B\n",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "command=\"x\" ssh-rsa A",
        ] {
            fs::write(&path, bad).unwrap();
            assert!(public(&path).is_err(), "{bad:?}");
        }
        fs::write(&path, "ssh-ed25519 AAAA somebody\n").unwrap();
        assert_eq!(public(&path).unwrap(), "ssh-ed25519 AAAA somebody");
    }
}
