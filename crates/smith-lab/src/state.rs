//! What a lab consists of, written to the disk before it is made. A lab that was interrupted anywhere can be finished or removed
//! from this file alone.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::str::FromStr;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::error::{Doing as _, LabError};
use crate::fault::Fault;
use crate::fleet::Planned;
use crate::name::{BadName, LabName, MachineName, Suite};
use crate::net::Subnet;
use crate::place::{Folder, Place};

/// The shape of the file; another one is of another version of smith.
const FORMAT: u32 = 1;

/// The mark of a lab on everything that is not below its folder: drawn once, and in the addresses of its links and the name of
/// its cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Token([u8; 4]);

impl Token {
    fn draw() -> Result<Self, LabError> {
        let random = Path::new("/dev/urandom");
        let mut bytes = [0; 4];
        File::open(random).and_then(|mut file| file.read_exact(&mut bytes)).doing("reading", random)?;
        Ok(Self(bytes))
    }

    pub(crate) fn bytes(self) -> [u8; 4] {
        self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<Token> for String {
    fn from(token: Token) -> String {
        token.to_string()
    }
}

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_hex = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number
            .map(|number| Self(number.to_be_bytes()))
            .ok_or_else(|| format!("expected a mark of eight hex digits, found {text:?}"))
    }
}

impl TryFrom<String> for Token {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    format: u32,
    pub(crate) name: LabName,
    pub(crate) token: Token,
    pub(crate) subnet: Subnet,
    pub(crate) suite: Suite,
    /// The folder of the base in the cache.
    pub(crate) base: String,
    pub(crate) machines: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    #[serde(flatten)]
    pub(crate) planned: Planned,
    /// Its place in the network; never given to another machine while the lab is there.
    pub(crate) slot: u8,
    pub(crate) stage: Stage,
    /// The layer with the agent on top of the base, if the machine was made with one.
    pub(crate) layer: Option<String>,
    /// The public part.
    pub(crate) host_key: Option<String>,
    pub(crate) faults: BTreeSet<Fault>,
}

/// How far a machine's disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// Perhaps nothing is there, perhaps half; it is made from the beginning.
    Planned,
    /// All its files are written.
    Made,
}

impl Member {
    pub(crate) fn planned(planned: Planned, slot: u8) -> Self {
        Self { planned, slot, stage: Stage::Planned, layer: None, host_key: None, faults: BTreeSet::new() }
    }

    pub(crate) fn name(&self) -> &MachineName {
        &self.planned.name
    }
}

impl State {
    pub(crate) fn new(name: LabName, subnet: Subnet, suite: Suite, base: String) -> Result<Self, LabError> {
        let token = Token::draw()?;
        Ok(Self { format: FORMAT, name, token, subnet, suite, base, machines: Vec::new() })
    }

    pub(crate) fn load(place: &Place, name: &LabName) -> Result<Self, LabError> {
        let path = place.lab(name).state();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(LabError::NoLab { name: name.clone(), dir: place.dir().to_owned() });
            }
            Err(error) => return Err(error).doing("reading", &path),
        };
        let state: Self = serde_json::from_slice(&bytes)
            .map_err(|source| LabError::State { path: path.clone(), source })?;
        if state.format != FORMAT || state.name != *name {
            return Err(LabError::Foreign {
                what: format!("lab {name} in format {FORMAT}"),
                found: format!("{} in format {} in {}", state.name, state.format, path.display()),
            });
        }
        Ok(state)
    }

    pub(crate) fn save(&self, folder: &Folder) -> Result<(), LabError> {
        let path = folder.state();
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|source| LabError::State { path: path.clone(), source })?;
        replace(&path, &bytes)
    }

    /// # Errors
    /// If there is no such machine; the most similar name is told.
    pub(crate) fn member(&self, name: &MachineName) -> Result<&Member, LabError> {
        self.machines.iter().find(|member| member.name() == name).ok_or_else(|| {
            let like = self.machines.iter().map(Member::name).max_by_key(|known| alike(known, name));
            // Fewer letters in common are chance.
            let like = like.filter(|known| 2 * alike(known, name) >= known.as_str().len()).cloned();
            LabError::NoMachine { lab: self.name.clone(), name: name.clone(), like }
        })
    }

    pub(crate) fn member_mut(&mut self, name: &MachineName) -> Option<&mut Member> {
        self.machines.iter_mut().find(|member| member.name() == name)
    }
}

/// How many letters two names share at both ends.
fn alike(a: &MachineName, b: &MachineName) -> usize {
    let (a, b) = (a.as_str(), b.as_str());
    let front = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    front + a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count()
}

/// The file has the old content or the new one, also after a power cut.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), LabError> {
    let new = path.with_extension("new");
    File::create(&new)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .doing("writing", &new)?;
    fs::rename(&new, path).doing("writing", path)?;
    let parent = path.parent().unwrap_or(Path::new("/"));
    File::open(parent).and_then(|parent| parent.sync_all()).doing("writing", parent)
}

/// Held while a lab is changed. It is the folder itself that is locked, so that no other file is left over.
#[derive(Debug)]
pub(crate) struct Held {
    _folder: File,
}

impl Held {
    /// The folder must be there; it may be removed while we wait, and then there is no lab.
    pub(crate) fn take(place: &Place, name: &LabName) -> Result<Self, LabError> {
        let path = place.lab(name).path().to_owned();
        let gone = || LabError::NoLab { name: name.clone(), dir: place.dir().to_owned() };
        let folder = match File::open(&path) {
            Ok(folder) => folder,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(gone()),
            Err(error) => return Err(error).doing("opening", &path),
        };
        flock(&folder, FlockOperation::LockExclusive).doing("locking", &path)?;
        let (locked, there) =
            (rustix::fs::fstat(&folder).doing("looking at", &path)?, rustix::fs::stat(&path));
        match there {
            Ok(there) if (there.st_dev, there.st_ino) == (locked.st_dev, locked.st_ino) => {
                Ok(Self { _folder: folder })
            }
            _ => Err(gone()),
        }
    }
}

impl From<BadName> for LabError {
    fn from(error: BadName) -> Self {
        Self::Place { expected: "a name", found: error.to_string() }
    }
}

#[cfg(test)]
mod tests;
