//! The folder of our own keys.
//!
//! A key is active while `<fingerprint>.key` is there, and then everything is signed with it. A rotation makes a second
//! one beside it: for a time both sign, and the exported keyring holds both, so that clients that know either are
//! content. Retiring the older renames its secret to `.retired`; it stays in the keyring, for old builds, until it is
//! forgotten. Of a key whose secret is on another machine there is only `<fingerprint>.pub`: it is believed and exported,
//! and signs nothing here.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pgp::armor::BlockType;
use pgp::composed::{Deserializable as _, SignedPublicKey, SignedSecretKey};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, Password};

use crate::pgp::sign::is_locked;
use crate::pgp::{Fingerprint, KeyRequest, Keyring, KeyringError, SigningKeys, armor, cert};

/// A certificate with a dozen subkeys and signatures of others has 50 KiB.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

const ACTIVE: &str = "key";
const RETIRED: &str = "retired";
const PUBLIC: &str = "pub";

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("expected a name of one line up to 200 bytes, such as `Site <admin@site>`, found {found:?}")]
    UserId { found: String },
    #[error("expected a key that ends after {made_at}, found {end}")]
    Lifetime { made_at: Timestamp, end: Timestamp },
    #[error("expected a time between 1970 and 2106, found {at}")]
    Time { at: Timestamp },
    #[error("making a key")]
    Making { source: pgp::errors::Error },
    #[error("expected secret keys as `gpg --export-secret-keys` writes them, found {found}")]
    Form { found: String },
    #[error("expected the passphrase of {key}, found another or none")]
    Locked { key: Fingerprint },
    #[error("expected a passphrase in {source_name}, found {found}")]
    Passphrase { source_name: String, found: String },
    #[error("expected no key {key} in the folder, found it")]
    Exists { key: Fingerprint },
    #[error("expected the key {key} in the folder, found none that is {state}")]
    Missing { key: Fingerprint, state: &'static str },
    #[error(transparent)]
    Public(#[from] KeyringError),
    #[error("expected {} to be readable by its owner alone, found mode {mode:o}", .path.display())]
    Mode { path: PathBuf, mode: u32 },
    #[error("{doing} {}", .path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

impl KeyError {
    /// The keys are somebody else's, who alone may read them.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Others than their owner may read a secret key, so it is not used.
    pub fn is_exposed(&self) -> bool {
        matches!(self, Self::Mode { .. })
    }
}

/// Where a passphrase comes from. It is read when it is needed, and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passphrase {
    /// The keys have none.
    None,
    /// The first line of a file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyState {
    Active,
    Retired,
    /// Its secret is on another machine.
    Public,
}

/// A key of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    pub fingerprint: Fingerprint,
    pub state: KeyState,
    pub user_ids: Vec<String>,
    pub made_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// It signs only with its passphrase.
    pub is_locked: bool,
}

#[derive(Debug, Clone)]
pub struct KeyFolder {
    folder: PathBuf,
}

impl Passphrase {
    pub(super) fn read(&self) -> Result<String, KeyError> {
        let (name, text) = match self {
            Self::None => return Ok(String::new()),
            Self::File(path) => {
                let text = fs::read_to_string(path).map_err(io("reading", path))?;
                (path.display().to_string(), text.lines().next().unwrap_or_default().to_owned())
            }
            Self::Environment(name) => (name.clone(), std::env::var(name).unwrap_or_default()),
        };
        if text.is_empty() {
            return Err(KeyError::Passphrase { source_name: name, found: "nothing".to_owned() });
        }
        Ok(text)
    }
}

impl KeyFolder {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Makes a key. It is active at once.
    pub fn generate(&self, request: &KeyRequest, passphrase: &Passphrase) -> Result<Fingerprint, KeyError> {
        let mut key = request.generate()?;
        if *passphrase != Passphrase::None {
            let password = Password::from(passphrase.read()?.as_str());
            let locked = key.primary_key.set_password(rand_core::OsRng, &password);
            locked.map_err(|source| KeyError::Making { source })?;
        }
        self.add(&key)
    }

    /// Takes in secret keys as gpg exports them, locked as they are.
    pub fn import(&self, bytes: &[u8]) -> Result<Vec<Fingerprint>, KeyError> {
        parse(bytes)?.iter().map(|key| self.add(key)).collect()
    }

    /// Takes in public keys as gpg exports them: what they sign elsewhere is believed from now on. One that is there
    /// already is replaced, as it may live longer by now.
    pub fn import_public(&self, bytes: &[u8]) -> Result<Vec<Fingerprint>, KeyError> {
        let keyring = Keyring::parse(bytes)?;
        let mut imported = Vec::with_capacity(keyring.certs().len());
        for cert in keyring.certs() {
            let fingerprint = Fingerprint::of(cert);
            if self.path(&fingerprint, ACTIVE).exists() || self.path(&fingerprint, RETIRED).exists() {
                return Err(KeyError::Exists { key: fingerprint });
            }
            let text = armor::encode(cert, BlockType::PublicKey);
            let text = text.map_err(|source| KeyError::Making { source })?;
            self.write(&self.path(&fingerprint, PUBLIC), &fingerprint, &text)?;
            imported.push(fingerprint);
        }
        Ok(imported)
    }

    /// All keys, the active ones first, the newest first among these.
    pub fn list(&self, now: Timestamp) -> Result<Vec<KeyInfo>, KeyError> {
        let all = self.read_all()?;
        let known = |(state, key): &(KeyState, SignedSecretKey)| KeyInfo {
            is_locked: is_locked(key),
            ..info(*state, &key.to_public_key(), now)
        };
        let mut infos: Vec<KeyInfo> = all.iter().map(known).collect();
        infos.extend(self.read_public()?.iter().map(|key| info(KeyState::Public, key, now)));
        infos.sort_by_key(|info| (info.state, std::cmp::Reverse(info.made_at), info.fingerprint.clone()));
        Ok(infos)
    }

    /// The active keys, unlocked.
    pub fn signing_keys(&self, passphrase: &Passphrase) -> Result<SigningKeys, KeyError> {
        let active = self.read_all()?.into_iter().filter(|(state, _)| *state == KeyState::Active);
        SigningKeys::unlock(active.map(|(_, key)| key).collect(), passphrase)
    }

    /// Nothing is signed with it any more; clients still believe what it has signed.
    pub fn retire(&self, key: &Fingerprint) -> Result<(), KeyError> {
        let (from, to) = (self.path(key, ACTIVE), self.path(key, RETIRED));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(KeyError::Missing { key: key.clone(), state: "active" })
            }
            renamed => renamed.map_err(io("renaming", &from)),
        }
    }

    /// Takes a retired key away, or a public one. Builds that only it has signed are believed by nobody from then on.
    pub fn forget(&self, key: &Fingerprint) -> Result<(), KeyError> {
        for extension in [RETIRED, PUBLIC] {
            let path = self.path(key, extension);
            match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => return removed.map_err(io("removing", &path)),
            }
        }
        Err(KeyError::Missing { key: key.clone(), state: "retired or public" })
    }

    /// The public keys, active, retired and those whose secrets are elsewhere, for `Signed-By`.
    pub fn export(&self) -> Result<Vec<u8>, KeyError> {
        self.public_keys()?.to_bytes().map_err(|source| KeyError::Making { source })
    }

    /// The same as text, which apt takes since 1.4.
    pub fn export_armored(&self) -> Result<String, KeyError> {
        armor::encode(&self.public_keys()?, BlockType::PublicKey)
            .map_err(|source| KeyError::Making { source })
    }

    fn public_keys(&self) -> Result<Vec<SignedPublicKey>, KeyError> {
        let mut keys: Vec<SignedPublicKey> =
            self.read_all()?.iter().map(|(_, key)| key.to_public_key()).collect();
        keys.extend(self.read_public()?);
        Ok(keys)
    }

    fn add(&self, key: &SignedSecretKey) -> Result<Fingerprint, KeyError> {
        let fingerprint = Fingerprint::of(&key.primary_key);
        let path = self.path(&fingerprint, ACTIVE);
        if path.exists() || self.path(&fingerprint, RETIRED).exists() {
            return Err(KeyError::Exists { key: fingerprint });
        }
        let text = armor::encode(key, BlockType::PrivateKey).map_err(|source| KeyError::Making { source })?;
        self.write(&path, &fingerprint, &text)?;
        Ok(fingerprint)
    }

    /// Never readable by others, not even for a moment, and never half of a key under its name.
    fn write(&self, path: &Path, fingerprint: &Fingerprint, text: &str) -> Result<(), KeyError> {
        let temporary = self.folder.join(format!(".tmp-{fingerprint}-{}", std::process::id()));
        let _ = fs::remove_file(&temporary);
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, path)?;
            // What a lost key has signed can never be signed again.
            fs::File::open(&self.folder)?.sync_all()
        };
        if let Err(error) = write() {
            let _ = fs::remove_file(&temporary);
            return Err(io("writing", path)(error));
        }
        Ok(())
    }

    fn read_public(&self) -> Result<Vec<SignedPublicKey>, KeyError> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(io("reading", &self.folder))? {
            let path = entry.map_err(io("reading", &self.folder))?.path();
            if path.extension().is_some_and(|extension| extension == PUBLIC) {
                paths.push(path);
            }
        }
        paths.sort();
        let mut keys = Vec::with_capacity(paths.len());
        for path in paths {
            keys.extend_from_slice(Keyring::load(&[path])?.certs());
        }
        Ok(keys)
    }

    fn read_all(&self) -> Result<Vec<(KeyState, SignedSecretKey)>, KeyError> {
        let mut paths: Vec<(KeyState, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(io("reading", &self.folder))? {
            let path = entry.map_err(io("reading", &self.folder))?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(ACTIVE) => paths.push((KeyState::Active, path)),
                Some(RETIRED) => paths.push((KeyState::Retired, path)),
                Some(_) | None => {}
            }
        }
        paths.sort();
        let mut keys = Vec::new();
        for (state, path) in paths {
            keys.extend(parse(&read_private(&path)?)?.into_iter().map(|key| (state, key)));
        }
        Ok(keys)
    }

    fn path(&self, key: &Fingerprint, extension: &str) -> PathBuf {
        self.folder.join(format!("{key}.{extension}"))
    }
}

fn read_private(path: &Path) -> Result<Vec<u8>, KeyError> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::metadata(path).map_err(io("reading", path))?;
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Mode { path: path.to_owned(), mode });
    }
    if metadata.len() > BYTES_MAX {
        return Err(KeyError::Form { found: format!("{} bytes", metadata.len()) });
    }
    fs::read(path).map_err(io("reading", path))
}

/// Secret keys, armored or not.
fn parse(bytes: &[u8]) -> Result<Vec<SignedSecretKey>, KeyError> {
    let form = |found: &str| KeyError::Form { found: found.to_owned() };
    let is_binary = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let packets = if is_binary {
        bytes.to_vec()
    } else {
        let (blocks, _) = armor::blocks(bytes, "PGP PRIVATE KEY BLOCK");
        let decoded: Option<Vec<Vec<u8>>> =
            blocks.into_iter().map(|block| armor::decode(block, &BlockType::PrivateKey)).collect();
        decoded.ok_or_else(|| form("ASCII armor that is damaged"))?.concat()
    };
    let read =
        SignedSecretKey::from_bytes_many(packets.as_slice()).map_err(|error| form(&error.to_string()))?;
    let keys: Vec<SignedSecretKey> =
        read.collect::<Result<_, _>>().map_err(|error| form(&error.to_string()))?;
    if keys.is_empty() { Err(form("none")) } else { Ok(keys) }
}

fn info(state: KeyState, key: &SignedPublicKey, now: Timestamp) -> KeyInfo {
    let time = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    KeyInfo {
        fingerprint: Fingerprint::of(key),
        state,
        user_ids: key
            .details
            .users
            .iter()
            .map(|user| String::from_utf8_lossy(user.id.id()).into_owned())
            .collect(),
        made_at: time(i64::from(key.primary_key.created_at().as_secs())),
        expires_at: cert::expires(key, now.as_second()).map(time),
        is_locked: false,
    }
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::Io { doing, path, source }
}

#[cfg(test)]
mod tests;
