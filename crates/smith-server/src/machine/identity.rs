//! Who the controller is to the machines: keys from files, or whatever a running ssh-agent holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::client::Handle;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, load_secret_key};
use thiserror::Error;

use super::link::HostKey;

/// What proves the controller to a machine.
#[derive(Debug, Clone)]
pub enum Identity {
    Keys(Vec<Arc<PrivateKey>>),
    /// The socket of an ssh-agent.
    Agent(PathBuf),
}

#[derive(Debug, Error)]
pub enum IdentityError {
    #[error("expected a private key in {}, found none that can be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        error: russh::keys::Error,
    },
    #[error("expected {} to be readable by its owner alone, found mode {mode:o}", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("expected a private key in {}, found a public one", path.display())]
    Public { path: PathBuf },
    #[error("expected at least one key, found none")]
    Nothing,
}

impl IdentityError {
    /// What somebody at a command line can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { error: russh::keys::Error::KeyIsEncrypted, .. } => Some(
                "the key has a passphrase: `--identity-passphrase-file FILE` unlocks it, or an ssh-agent that holds it"
                    .to_owned(),
            ),
            Self::Open { path, .. } => Some(format!("`chmod 600 {}`", path.display())),
            Self::Public { path } => {
                let private = path.with_extension("");
                Some(format!("its private part is mostly beside it: {}", private.display()))
            }
            Self::Unreadable { .. } | Self::Nothing => None,
        }
    }
}

impl Identity {
    /// Reads keys from files. A file that others may read is refused, as ssh does.
    pub fn from_files<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
        passphrase: Option<&str>,
    ) -> Result<Self, IdentityError> {
        let mut keys = Vec::new();
        for path in paths {
            let path = path.as_ref();
            // Everybody may read a public key: that is not what is wrong with it.
            if PublicKey::read_openssh_file(path).is_ok() {
                return Err(IdentityError::Public { path: path.to_owned() });
            }
            check_mode(path)?;
            let key = load_secret_key(path, passphrase)
                .map_err(|error| IdentityError::Unreadable { path: path.to_owned(), error })?;
            keys.push(Arc::new(key));
        }
        if keys.is_empty() { Err(IdentityError::Nothing) } else { Ok(Identity::Keys(keys)) }
    }

    /// Whether the machine takes one of the keys.
    pub(super) async fn authenticate(
        &self,
        handle: &mut Handle<HostKey>,
        user: &str,
    ) -> Result<bool, russh::Error> {
        match self {
            Identity::Keys(keys) => {
                for key in keys {
                    // Every sshd since 2016 knows the hash; asking first would cost a round trip for each machine.
                    let key = PrivateKeyWithHashAlg::new(Arc::clone(key), Some(HashAlg::Sha512));
                    if handle.authenticate_publickey(user, key).await?.success() {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Identity::Agent(socket) => with_agent(socket, handle, user).await,
        }
    }
}

async fn with_agent(socket: &Path, handle: &mut Handle<HostKey>, user: &str) -> Result<bool, russh::Error> {
    let mut agent = AgentClient::connect_uds(socket).await.map_err(from_keys)?;
    for identity in agent.request_identities().await.map_err(from_keys)? {
        let AgentIdentity::PublicKey { key, .. } = identity else { continue };
        let hash = matches!(key.algorithm(), Algorithm::Rsa { .. }).then_some(HashAlg::Sha512);
        match handle.authenticate_publickey_with(user, key, hash, &mut agent).await {
            Ok(result) if result.success() => return Ok(true),
            // One key that the agent would not use, or the machine would not take, leaves the others.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(false)
}

fn from_keys(error: russh::keys::Error) -> russh::Error {
    russh::Error::Keys(error)
}

fn check_mode(path: &Path) -> Result<(), IdentityError> {
    use std::os::unix::fs::PermissionsExt;
    // Whether it is there at all is said by the reading.
    let Ok(meta) = std::fs::metadata(path) else { return Ok(()) };
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(IdentityError::Open { path: path.to_owned(), mode }) }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Identity::Agent(one), Identity::Agent(two)) => one == two,
            (Identity::Keys(one), Identity::Keys(two)) => {
                one.iter().map(|key| key.public_key()).eq(two.iter().map(|key| key.public_key()))
            }
            (Identity::Agent(_), Identity::Keys(_)) | (Identity::Keys(_), Identity::Agent(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_private_key_says_what_it_is() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pub");
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ somebody\n";
        std::fs::write(&path, key).unwrap();
        let refused = Identity::from_files([&path], None).unwrap_err();
        assert!(refused.to_string().ends_with("found a public one"), "{refused}");
        assert!(refused.hint().unwrap().ends_with("/key"));
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Identity::from_files([&path], None), Err(IdentityError::Open { mode: 0o644, .. })));
    }
}
