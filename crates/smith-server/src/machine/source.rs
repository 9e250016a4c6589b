//! Where a machine finds a build, and by what it knows that it is this one: taken from a store.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use smith_agent::protocol::{Conffiles, Downgrades, Holds, Kernels, Patch, Release, Removals, Source};
use smith_repo::hash::Sha256;
use smith_repo::name::BuildNumber;
use smith_repo::pgp::{KeyError, KeyFolder};
use smith_repo::release::{self, ReleaseError};
use smith_repo::store::Store;
use thiserror::Error;

/// Why a build cannot be told to a machine.
#[derive(Debug, Error)]
pub enum SourceError {
    #[error("expected a build {number} in {}, found none", store.display())]
    NoBuild { number: BuildNumber, store: PathBuf },
    #[error("expected build {number} with suites, found none")]
    NoSuites { number: BuildNumber },
    #[error("{} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("expected a Release in {}", path.display())]
    Release {
        path: PathBuf,
        #[source]
        source: ReleaseError,
    },
    #[error("expected where machines find the build")]
    Uri(#[source] BadUri),
    #[error("expected keys whose public parts machines can believe")]
    Keys(#[source] KeyError),
}

/// An address of a repository that no machine may be given. It is not repeated: it may have a password in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadUri {
    #[error("expected an address that begins with http://, https:// or file:/, found another one")]
    Scheme,
    #[error(
        "expected an address without a name or password, found one that has them: machines would keep it in their logs"
    )]
    Credentials,
}

/// Whether machines may be given this address. Of what follows, they judge themselves.
pub fn check_uri(uri: &str) -> Result<(), BadUri> {
    if uri.starts_with("file:/") {
        return Ok(());
    }
    let rest = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://")).ok_or(BadUri::Scheme)?;
    let host = rest.split('/').next().unwrap_or_default();
    match host {
        "" => Err(BadUri::Scheme),
        host if host.contains('@') => Err(BadUri::Credentials),
        // A password may have any sign in it.
        _ if rest.contains('@') && host.contains(':') && !is_port(host) => Err(BadUri::Credentials),
        _ => Ok(()),
    }
}

fn is_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Suites lie at most so deep below `dists`: `bookworm-security/updates` is two.
const DEEPEST: usize = 3;

/// The patch to a build of `store` that a mirror serves under `base`, with everything else as it usually is.
pub fn patch_of_build(store: &Store, number: BuildNumber, base: &str) -> Result<Patch, SourceError> {
    check_uri(base).map_err(SourceError::Uri)?;
    let folder = store.build(number);
    if !folder.is_dir() {
        return Err(SourceError::NoBuild { number, store: store.root().to_owned() });
    }
    let mut sources = Vec::new();
    for upstream in folders(&folder)? {
        let Some(name) = upstream.file_name().map(|name| name.to_string_lossy().into_owned()) else {
            continue;
        };
        let dists = upstream.join("dists");
        let mut found = Vec::new();
        if dists.is_dir() {
            suites(&dists, &dists, DEEPEST, &mut found)?;
        }
        // apt wants one list of components for a source; suites that differ become sources of their own.
        for (components, release) in found {
            let uri = format!("{}/builds/{number}/{name}", base.trim_end_matches('/'));
            let same = |source: &&mut Source| source.uri == uri && source.components == components;
            match sources.iter_mut().find(same) {
                Some(source) => source.releases.push(release),
                None => sources.push(Source { uri, components, releases: vec![release] }),
            }
        }
    }
    if sources.is_empty() {
        return Err(SourceError::NoSuites { number });
    }
    let keyring = KeyFolder::new(&store.keys()).export().map_err(SourceError::Keys)?;
    Ok(plain_patch(number.0, sources, &keyring))
}

/// A patch that refuses whatever a person has not asked for.
pub fn plain_patch(build: u32, sources: Vec<Source>, keyring: &[u8]) -> Patch {
    Patch {
        build,
        sources,
        keyring: BASE64.encode(keyring),
        expect: None,
        removals: Removals::None,
        downgrades: Downgrades::Refuse,
        holds: Holds::Refuse,
        conffiles: Conffiles::Keep,
        kernels: Kernels::Purge,
        dead_man: None,
    }
}

fn suites(
    dists: &Path,
    folder: &Path,
    left: usize,
    found: &mut Vec<(Vec<String>, Release)>,
) -> Result<(), SourceError> {
    let path = folder.join("InRelease");
    if path.is_file() {
        let suite = folder.strip_prefix(dists).unwrap_or(folder).to_string_lossy().into_owned();
        let in_release_sha256 = Some(Sha256::of(&read(&path)?).hex());
        let plain = folder.join("Release");
        let text = release::Release::parse(&read(&plain)?)
            .map_err(|source| SourceError::Release { path: plain, source })?;
        let components = text.components.iter().map(ToString::to_string).collect();
        found.push((components, Release { suite, in_release_sha256 }));
        return Ok(());
    }
    if left > 0 {
        for inner in folders(folder)? {
            suites(dists, &inner, left - 1, found)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    fs::read(path).map_err(|source| SourceError::Unreadable { path: path.to_owned(), source })
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |source| SourceError::Unreadable { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_is_given_to_no_machine() {
        for (uri, expected) in [
            ("http://mirror.example/debian", Ok(())),
            ("https://mirror.example:8443/a@b", Ok(())),
            ("http://[2001:db8::1]:80/debian", Ok(())),
            ("file:/srv/debian", Ok(())),
            ("http://u:p@mirror.example/debian", Err(BadUri::Credentials)),
            ("https://token@mirror.example", Err(BadUri::Credentials)),
            ("http://u:p/w@mirror.example/", Err(BadUri::Credentials)),
            ("foo", Err(BadUri::Scheme)),
            ("http:///debian", Err(BadUri::Scheme)),
            ("ftp://mirror.example/", Err(BadUri::Scheme)),
        ] {
            assert_eq!(check_uri(uri), expected, "{uri}");
        }
        assert!(!BadUri::Credentials.to_string().contains("u:p"));
    }
}
