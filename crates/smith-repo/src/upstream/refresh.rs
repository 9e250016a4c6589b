//! What a suite is at this moment: its Release, fetched if it changed, believed if it is signed, current, and the suite's.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::fetch::{Answer, Fetcher, Validators};
use crate::hash::Sha256;
use crate::index::{room, unpack};
use crate::name::{RelPath, SuiteName};
use crate::pgp::{Fingerprint, Keyring, Policy, SignedBy, verify_cleartext, verify_detached};
use crate::release::{FileSum, Release};
use crate::store::{Store, StoreError, write_atomically};
use crate::upstream::{Fault, Refused, Staleness, Upstream};

/// The largest InRelease of Debian is 220 KiB with all its architectures; a signature adds a few.
const RELEASE_MAX: u64 = 8 << 20;

/// Detached signatures of a handful of keys.
const SIGNATURE_MAX: u64 = 256 << 10;

/// An index of all of Debian is 50 MB; one of this size is of something else.
const INDEX_MAX: u64 = 2 << 30;

/// How an index may be packed, the smallest first.
const PACKINGS: [&str; 4] = [".xz", ".zst", ".gz", ""];

/// A mirror that is updated while it is read is asked again so often.
const TRIES: u32 = 3;

/// Clocks differ by seconds. A date of the future would make every true Release after it look like an old one.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// Whether a Release that is older than one that was seen may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replay {
    #[default]
    Refuse,
    /// Somebody asked for the older state.
    Allow,
}

/// A suite's Release that is believed.
#[derive(Debug, Clone)]
pub struct Believed {
    pub release: Release,
    /// Of the text that was signed.
    pub hash: Sha256,
    pub signers: Vec<SignedBy>,
    /// The address that it came from.
    pub uri: String,
    /// As it came, for whoever wants to look at it later: an InRelease, or a Release and its signature.
    pub message: Vec<u8>,
    pub detached: Option<Vec<u8>>,
    /// What the address said of it.
    pub(crate) validators: Validators,
}

/// An index as it was unpacked.
#[derive(Debug, Clone)]
pub struct IndexText {
    /// Below the suite, as it was packed.
    pub path: String,
    pub sum: FileSum,
    pub packed: Vec<u8>,
    pub text: Vec<u8>,
}

/// What is kept of a suite between two looks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Seen {
    /// The date of the newest Release that was believed.
    date: Option<Timestamp>,
    /// The address that the kept files came from, and what it said of them.
    uri: String,
    validators: Validators,
}

/// One suite of an upstream.
#[derive(Debug, Clone, Copy)]
pub struct Suite<'a> {
    pub store: &'a Store,
    pub fetcher: &'a Fetcher,
    pub upstream: &'a Upstream,
    pub suite: &'a SuiteName,
    pub now: Timestamp,
    pub replay: Replay,
}

/// A Release as it came, and whether it is the one that was kept.
struct Fetched {
    message: Vec<u8>,
    detached: Option<Vec<u8>>,
    uri: String,
    validators: Validators,
    /// It was not sent, because it is what was sent before.
    was_kept: bool,
}

impl Suite<'_> {
    pub fn refused(&self, fault: Fault) -> Refused {
        let (upstream, suite) = (self.upstream.name.to_string(), self.suite.to_string());
        Refused { upstream, suite, fault: Box::new(fault) }
    }

    /// The Release as it is now. It is not kept: see [`Suite::remember`].
    pub fn release(&self) -> Result<Believed, Refused> {
        self.look().map_err(|fault| self.refused(fault))
    }

    /// From the first address whose Release is believed: a mirror that is stale, broken or somebody else's does not keep
    /// the others from being asked. If none is, what is wrong at the first that answered says most.
    fn look(&self) -> Result<Believed, Fault> {
        let seen = self.seen();
        let mut wrong = None;
        for uri in self.upstream.addresses() {
            match self.look_at(&uri, &seen) {
                Ok(Some(believed)) => return Ok(believed),
                Ok(None) => {}
                Err(fault) if matches!(wrong, None | Some(Fault::Network(_))) => wrong = Some(fault),
                Err(_) => {}
            }
        }
        Err(wrong.unwrap_or(Fault::NoRelease))
    }

    fn look_at(&self, uri: &str, seen: &Seen) -> Result<Option<Believed>, Fault> {
        let Some(mut fetched) = self.fetch(uri, seen)? else { return Ok(None) };
        let mut signed = self.believe(&fetched);
        if fetched.was_kept && matches!(signed, Err(Fault::Signature(_))) {
            // It was good when it was kept, so it is this disk that has changed it.
            let Some(again) = self.fetch(uri, &Seen::default())? else { return Ok(None) };
            fetched = again;
            signed = self.believe(&fetched);
        }
        let (text, signers) = signed?;
        let release = Release::parse(&text)?;
        self.check(&release, seen)?;
        let Fetched { message, detached, uri, validators, .. } = fetched;
        Ok(Some(Believed { hash: Sha256::of(&text), release, signers, uri, message, detached, validators }))
    }

    /// Nothing, where the address has no Release.
    fn fetch(&self, uri: &str, seen: &Seen) -> Result<Option<Fetched>, Fault> {
        let kept = (seen.uri == uri).then(|| self.kept("InRelease")).flatten();
        let known = kept.as_ref().map(|_| &seen.validators);
        let answer = self.fetcher.get(&self.address(uri, "InRelease"), RELEASE_MAX, known);
        let (message, validators, was_kept) = match answer.map_err(|error| Fault::Network(Box::new(error)))? {
            Answer::Found { bytes, validators } => (bytes, validators, false),
            // It is only asked in this way for what was kept.
            Answer::NotModified => (kept.unwrap_or_default(), seen.validators.clone(), true),
            Answer::Missing => return self.fetch_pair(uri),
        };
        Ok(Some(Fetched { message, detached: None, uri: uri.to_owned(), validators, was_kept }))
    }

    /// The older form: a Release with its signature beside it.
    fn fetch_pair(&self, uri: &str) -> Result<Option<Fetched>, Fault> {
        let get = |name: &str, max| self.fetcher.get(&self.address(uri, name), max, None);
        let release = get("Release", RELEASE_MAX).map_err(|error| Fault::Network(Box::new(error)))?;
        let signature = get("Release.gpg", SIGNATURE_MAX).map_err(|error| Fault::Network(Box::new(error)))?;
        let Answer::Found { bytes: message, .. } = release else { return Ok(None) };
        // A Release without a signature is one whose signature is empty: it is refused for that, not for being absent.
        let detached = match signature {
            Answer::Found { bytes, .. } => bytes,
            Answer::NotModified | Answer::Missing => Vec::new(),
        };
        let (uri, validators) = (uri.to_owned(), Validators::default());
        Ok(Some(Fetched { message, detached: Some(detached), uri, validators, was_kept: false }))
    }

    fn believe(&self, fetched: &Fetched) -> Result<(Vec<u8>, Vec<SignedBy>), Fault> {
        let keyring = Keyring::load(&self.upstream.keyrings)?;
        let mut allowed = BTreeSet::new();
        for signer in &self.upstream.signers {
            let fingerprint = signer.parse::<Fingerprint>();
            allowed.insert(fingerprint.map_err(|_| Fault::Fingerprint { found: signer.clone() })?);
        }
        let threshold = usize::try_from(self.upstream.threshold).unwrap_or(usize::MAX).max(1);
        let policy = Policy { allowed, threshold, now: self.now };
        let disbelieved = |error| Fault::Signature(Box::new(error));
        match &fetched.detached {
            None => {
                let verified = verify_cleartext(&fetched.message, &keyring, &policy).map_err(disbelieved)?;
                Ok((verified.text, verified.signers))
            }
            Some(signature) => {
                let signers = verify_detached(&fetched.message, signature, &keyring, &policy);
                Ok((fetched.message.clone(), signers.map_err(disbelieved)?))
            }
        }
    }

    /// That it is the suite's, and neither old nor expired.
    fn check(&self, release: &Release, seen: &Seen) -> Result<(), Fault> {
        let names = [&release.suite, &release.codename];
        let mut known = names.into_iter().flatten().peekable();
        let is_named = known.peek().is_some();
        if is_named && !self.suite.is_flat() && !known.any(|name| name == self.suite.as_str()) {
            let found = names.into_iter().flatten().cloned().collect::<Vec<_>>().join(" or ");
            return Err(Fault::WrongSuite { expected: self.suite.to_string(), found });
        }
        if release.date > self.now + SLACK {
            return Err(Fault::Future { found: release.date, now: self.now });
        }
        if self.upstream.staleness == Staleness::Allow || self.upstream.snapshot.is_some() {
            return Ok(());
        }
        if let Some(until) = release.valid_until.filter(|until| *until < self.now) {
            return Err(Fault::Expired { until, now: self.now });
        }
        match seen.date {
            Some(last) if release.date < last && self.replay == Replay::Refuse => {
                Err(Fault::Older { last, found: release.date })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// All these indexes, unpacked. A mirror that changes under way is asked again for the whole suite.
    pub fn indexes(
        &self,
        mut believed: Believed,
        stems: &[String],
    ) -> Result<(Believed, Vec<IndexText>), Refused> {
        for _ in 0..TRIES {
            let found: Result<Vec<IndexText>, Fault> =
                stems.iter().map(|stem| self.index(&believed, stem)).collect();
            match found {
                Ok(found) => return Ok((believed, found)),
                Err(fault) => {
                    let now = self.release()?;
                    if now.hash == believed.hash {
                        return Err(self.refused(fault));
                    }
                    believed = now;
                }
            }
        }
        Err(self.refused(Fault::Restless { times: TRIES }))
    }

    /// One index in the smallest form that the Release names.
    fn index(&self, believed: &Believed, stem: &str) -> Result<IndexText, Fault> {
        let named = |packing: &&str| {
            let path = RelPath::new(&format!("{stem}{packing}")).ok()?;
            believed.release.files.get(&path).map(|sum| (path, *sum))
        };
        let packed = PACKINGS.iter().find_map(|packing| named(packing).map(|found| (*packing, found)));
        let Some((packing, (path, sum))) = packed else {
            return Err(Fault::NoIndex { path: stem.to_owned() });
        };
        if sum.size > INDEX_MAX {
            // It would be held in memory, and a server can send bytes for as long as the Release says there are some.
            return Err(Fault::Bomb { path: path.as_str().into(), limit: INDEX_MAX });
        }
        let bytes = self.fetch_index(believed, &path, &sum)?;
        let plain = RelPath::new(stem).ok().and_then(|path| believed.release.files.get(&path).copied());
        let text = unpacked(packing, &bytes, path.as_str(), plain)?;
        Ok(IndexText { path: path.to_string(), sum, packed: bytes, text })
    }

    fn fetch_index(&self, believed: &Believed, path: &RelPath, sum: &FileSum) -> Result<Vec<u8>, Fault> {
        let by_hash = || {
            let folder = path.parent().map(|parent| format!("{parent}/")).unwrap_or_default();
            format!("{folder}by-hash/SHA256/{}", sum.sha256)
        };
        let mut names = Vec::with_capacity(2);
        if believed.release.acquire_by_hash {
            names.push(by_hash());
        }
        names.push(path.to_string());
        let mut uris = vec![believed.uri.clone()];
        uris.extend(self.upstream.addresses().into_iter().filter(|uri| *uri != believed.uri));
        let mut trouble = None;
        for address in uris.iter().flat_map(|uri| names.iter().map(move |name| self.address(uri, name))) {
            match self.fetcher.get(&address, sum.size, None) {
                Ok(Answer::Found { bytes, .. }) => {
                    let (found, found_size) = (Sha256::of(&bytes), bytes.len() as u64);
                    if (found, found_size) == (sum.sha256, sum.size) {
                        return Ok(bytes);
                    }
                    let (path, expected, size) = (path.as_str().into(), sum.sha256, sum.size);
                    trouble = Some(Fault::IndexHash { path, size, expected, found_size, found });
                }
                Ok(Answer::Missing | Answer::NotModified) => {}
                Err(source) => {
                    trouble = Some(Fault::Fetch { path: path.as_str().into(), source: Box::new(source) })
                }
            }
        }
        Err(trouble.unwrap_or_else(|| Fault::Gone { path: path.as_str().into() }))
    }

    /// The address of a file of the suite.
    fn address(&self, uri: &str, name: &str) -> String {
        match self.suite.as_str() {
            "./" => format!("{uri}/{name}"),
            flat if flat.ends_with('/') => format!("{uri}/{flat}{name}"),
            suite => format!("{uri}/dists/{suite}/{name}"),
        }
    }

    fn folder(&self) -> PathBuf {
        // A suite may have slashes; as a part of a path it has none.
        self.store.state_of(&self.upstream.name).join(self.suite.as_str().replace('/', "%"))
    }

    fn seen(&self) -> Seen {
        let bytes = fs::read(self.folder().join("seen.json")).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    fn kept(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.folder().join(name)).ok().filter(|bytes| !bytes.is_empty())
    }

    /// Keeps a Release for the next look. Only once everything that it names was good: of an upstream that was refused
    /// the store shows no trace.
    pub fn remember(&self, believed: &Believed) -> Result<(), Refused> {
        self.keep(believed).map_err(|error| self.refused(error.into()))
    }

    fn keep(&self, believed: &Believed) -> Result<(), StoreError> {
        let seen = self.seen();
        let (folder, found) = (self.folder(), believed.release.date);
        fs::create_dir_all(&folder).map_err(StoreError::io("making", &folder))?;
        let date = match self.replay {
            Replay::Refuse => Some(found.max(seen.date.unwrap_or(found))),
            // Whoever asks for an older state goes on from there.
            Replay::Allow => Some(found),
        };
        let now = Seen { date, uri: believed.uri.clone(), validators: believed.validators.clone() };
        let message: &[u8] = if believed.detached.is_none() { &believed.message } else { &[] };
        if now == seen && self.kept("InRelease").unwrap_or_default() == message {
            return Ok(());
        }
        write_atomically(&folder.join("InRelease"), message)?;
        write_atomically(&folder.join("seen.json"), &serde_json::to_vec(&now).unwrap_or_default())
    }
}

/// Unpacks what was hashed, and not a byte more than the Release says that there is.
fn unpacked(packing: &str, bytes: &[u8], path: &str, plain: Option<FileSum>) -> Result<Vec<u8>, Fault> {
    let limit = plain.map_or_else(|| room(bytes.len()), |plain| plain.size).min(INDEX_MAX);
    let text = unpack(packing, bytes, limit).map_err(|error| {
        if error.kind() == io::ErrorKind::FileTooLarge {
            return Fault::Bomb { path: path.into(), limit };
        }
        Fault::Unpack { path: path.into(), found: error.to_string() }
    })?;
    let (found, found_size) = (Sha256::of(&text), text.len() as u64);
    match plain {
        Some(FileSum { size, sha256: expected }) if (found, found_size) != (expected, size) => {
            Err(Fault::Unpacked { path: path.into(), size, expected, found_size, found })
        }
        Some(_) | None => Ok(text),
    }
}
