//! Which mirrors of a site a command is about, whose builds are believed, and how what became of them is told.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use smith_repo::mirror::{Mirror, Mode, Outcome, RegistryError, append_log, mirror, mirrors};
use smith_repo::name::{BadName, BuildNumber, MirrorName};
use smith_repo::pgp::{KeyFolder, Keyring, Policy, verify_detached};
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::{input, output};

/// A mirror or a build: what is a number is a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Mirror(MirrorName),
    Build(BuildNumber),
}

impl FromStr for Word {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Self::Build);
        }
        text.parse().map(Self::Mirror)
    }
}

/// The names and the numbers of a line, each in its order.
pub(crate) fn parted(words: &[Word]) -> (Vec<MirrorName>, Vec<BuildNumber>) {
    let (mut names, mut builds) = (Vec::new(), Vec::new());
    for word in words {
        match word {
            Word::Mirror(name) => names.push(name.clone()),
            Word::Build(build) => builds.push(*build),
        }
    }
    (names, builds)
}

/// Mirrors that are meant without their names.
#[derive(Debug, Clone, Args)]
pub(crate) struct ManyArgs {
    /// Every mirror of this region
    #[arg(long, value_name = "REGION", help_heading = "Mirrors")]
    region: Option<MirrorName>,
    /// Every mirror of the site
    #[arg(long, conflicts_with = "region", help_heading = "Mirrors")]
    all: bool,
}

impl ManyArgs {
    /// Whether no mirror at all is meant, so that the command is about the store itself.
    pub(crate) fn is_none(&self, names: &[MirrorName]) -> bool {
        names.is_empty() && self.region.is_none() && !self.all
    }

    /// What is meant. A name that is not known, and a region without a mirror, are mistakes.
    pub(crate) fn chosen(&self, site: &Store, names: &[MirrorName]) -> Result<Vec<Mirror>, Failure> {
        let all = mirrors(site).map_err(registry)?;
        if self.all && all.is_empty() {
            let error = "expected a mirror that the site knows, found none";
            return Err(Failure::new(Exit::NotThere, error).with_hint("`smith mirror add` makes one known"));
        }
        if self.all {
            return Ok(all);
        }
        let mut chosen = Vec::new();
        for name in names {
            chosen.push(mirror(site, name).map_err(registry)?);
        }
        if let Some(region) = &self.region {
            let before = chosen.len();
            chosen.extend(all.into_iter().filter(|one| one.region == *region));
            if chosen.len() == before {
                let error = format!("expected a region that a mirror is in, found {region}");
                return Err(Failure::new(Exit::NotThere, error)
                    .with_hint("`smith mirror list` shows mirrors and their regions"));
            }
        }
        chosen.sort_by(|a, b| a.name.cmp(&b.name));
        chosen.dedup_by(|a, b| a.name == b.name);
        Ok(chosen)
    }
}

pub(crate) fn registry(error: RegistryError) -> Failure {
    let exit = match &error {
        RegistryError::Exists { .. }
        | RegistryError::Unknown { .. }
        | RegistryError::Bad { .. }
        | RegistryError::InTheWay { .. }
        | RegistryError::TooMany => Exit::NotThere,
        RegistryError::Form { .. } | RegistryError::Read(_) => Exit::BadInput,
        RegistryError::Store(_) => Exit::Output,
    };
    Failure::new(exit, error)
}

/// The keys whose builds are believed.
#[derive(Debug)]
pub(crate) struct Believed {
    keyring: Keyring,
    policy: Policy,
}

impl Believed {
    /// Those of a file.
    pub(crate) fn load(file: &PathBuf) -> Result<Self, Failure> {
        let keyring = Keyring::load(&[file]).map_err(|error| Failure::new(Exit::BadInput, error))?;
        Ok(Self { keyring, policy: Policy::any(input::now()) })
    }

    /// Those of a file, or else the site's own.
    pub(crate) fn at(site: &Store, file: Option<&PathBuf>) -> Result<Self, Failure> {
        if let Some(file) = file {
            return Self::load(file);
        }
        let keys = KeyFolder::new(&site.keys());
        let own = keys.export().map_err(|error| Failure::new(Exit::BadInput, error))?;
        if own.is_empty() {
            let error = "expected a key in the store whose builds are believed, found none";
            return Err(Failure::new(Exit::BadInput, error)
                .with_hint("`--keyring FILE` names the keys where they lie elsewhere"));
        }
        let keyring = Keyring::parse(&own).map_err(|error| Failure::new(Exit::BadInput, error))?;
        Ok(Self { keyring, policy: Policy::any(input::now()) })
    }

    /// Who signed this, or why nobody did.
    pub(crate) fn check(&self, json: &[u8], signature: &[u8]) -> Result<Vec<String>, String> {
        let signers = verify_detached(json, signature, &self.keyring, &self.policy)
            .map_err(|error| error.to_string())?;
        Ok(signers.iter().map(|signer| signer.fingerprint.to_string()).collect())
    }
}

pub(crate) fn mode(dry_run: DryRun) -> Mode {
    if dry_run.dry_run { Mode::DryRun } else { Mode::Do }
}

/// `--dry-run`, the same everywhere.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct DryRun {
    /// Only say what would be done, with counts and bytes
    #[arg(long)]
    dry_run: bool,
}

/// A line for each on standard error, and in the log of the site, but for what was only tried.
pub(crate) fn tell(site: &Store, outcomes: &[Outcome], mode: Mode) -> Result<(), Failure> {
    for outcome in outcomes {
        output::note(&outcome.to_string());
    }
    match mode {
        Mode::DryRun => Ok(()),
        Mode::Do => {
            append_log(site, input::now(), outcomes).map_err(|error| Failure::new(Exit::Output, error))
        }
    }
}
