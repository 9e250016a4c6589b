//! Recipes, and where in them a mistake stands that shows only when a build is made.

use std::path::{Path, PathBuf};

use smith_repo::create::CreateError;
use smith_repo::fetch::chain;
use smith_repo::pgp::KeyringError;
use smith_repo::select::Refusal;
use smith_repo::upstream::{Fault, Offer, Recipe, Refused};
use smith_server::config::places::Places;
use smith_server::config::recipe::load;
use smith_server::problem::{Problem, Problems};

use crate::failure::Failure;

/// A recipe with its file.
#[derive(Debug)]
pub(crate) struct RecipeFile {
    pub(crate) recipe: Recipe,
    file: String,
    /// Paths in it are below this.
    folder: PathBuf,
    text: String,
    places: Places,
}

/// What is wrong with which value.
struct Mistake {
    /// Of the upstream, the folder or the package.
    name: String,
    key: &'static str,
    value: String,
    expected: String,
    found: String,
}

impl RecipeFile {
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let bytes = std::fs::read(path).map_err(|error| super::unreadable("a recipe", path, error))?;
        let file = path.display().to_string();
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match load(&file, &bytes, &folder) {
            Ok(recipe) => {
                let places = Places::of(&file, &bytes);
                Ok(Self { recipe, file, folder, text, places })
            }
            Err(problems) => Err(mistakes(problems, file, text)),
        }
    }

    /// The error with its place, if it is a mistake in the recipe.
    pub(crate) fn mistake(&self, error: &CreateError) -> Option<Failure> {
        let Mistake { name, key, value, expected, found } = self.about(error)?;
        let (line, column) = self.places.find(&name, key, &value)?;
        let (file, code) = (self.file.clone(), error.code().unwrap_or("S0208"));
        let problem = Problem { file, line, column, code, expected, found, hint: None };
        Some(mistakes(Problems(vec![problem]), self.file.clone(), self.text.clone()))
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is not a mistake in the recipe is told as it is"
    )]
    fn about(&self, error: &CreateError) -> Option<Mistake> {
        match error {
            CreateError::Upstream(refused) => self.about_upstream(refused),
            CreateError::Folder { path, source } => self.about_folder(path, &source.to_string()),
            CreateError::Status { path, what } => self.about_folder(path, what),
            CreateError::Password { upstream } => Some(Mistake {
                name: upstream.to_string(),
                key: "uris",
                value: String::new(),
                expected:
                    "addresses without a password, since a lazy build tells its mirrors where files are"
                        .to_owned(),
                found: "one with a password".to_owned(),
            }),
            CreateError::Choice(Refusal::Empty { upstream, among }) => Some(Mistake {
                name: upstream.clone(),
                key: "take",
                value: String::new(),
                expected: format!("a filter that takes at least one of {among} packages"),
                found: "one that takes none".to_owned(),
            }),
            CreateError::Choice(Refusal::PinMissing { package, wanted, found }) => Some(Mistake {
                name: package.clone(),
                key: "version",
                value: wanted.clone(),
                expected: format!("a version of {package} that there is"),
                found: format!("{wanted}, and only {found} there"),
            }),
            _ => None,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other faults are of the upstream")]
    fn about_upstream(&self, refused: &Refused) -> Option<Mistake> {
        let Refused { upstream, suite, fault } = refused;
        let mistake = |key, value: &str, expected: String, found: String| {
            Some(Mistake { name: upstream.clone(), key, value: value.to_owned(), expected, found })
        };
        match &**fault {
            Fault::Keyring(error) => {
                let path = self.written(keyring_path(error));
                let expected = "keyrings that can be read, as `gpg --export` writes them".to_owned();
                mistake("keyring", &path, expected, chain(error))
            }
            Fault::Fingerprint { found } => {
                mistake("signers", found, "the fingerprint of a key".to_owned(), format!("{found:?}"))
            }
            Fault::NotOffered { offer, name, known } => {
                let key = match offer {
                    Offer::Component => "components",
                    Offer::Architecture => "architectures",
                };
                let expected = format!("one of the {key} that suite {suite} offers ({known})");
                mistake(key, name, expected, format!("`{name}`"))
            }
            Fault::NoRelease => {
                let expected = "a suite with an InRelease or a Release at one of the addresses".to_owned();
                mistake("suites", suite, expected, format!("nothing for `{suite}`"))
            }
            Fault::WrongSuite { found, .. } => mistake(
                "suites",
                suite,
                "a suite as it calls itself".to_owned(),
                format!("a Release of {found}"),
            ),
            _ => None,
        }
    }

    /// Folders of packages, and folders of what machines have installed.
    fn about_folder(&self, path: &Path, found: &str) -> Option<Mistake> {
        let written = |folder: &PathBuf| self.written(Some(folder));
        let local = self.recipe.local.iter().find(|local| path.starts_with(&local.folder));
        let (name, key, value) = match local {
            Some(local) => (local.name.to_string(), "folder", written(&local.folder)),
            None => self.recipe.upstreams.iter().find_map(|upstream| {
                let folder = upstream.filter.installed.iter().find(|folder| path.starts_with(folder))?;
                Some((upstream.name.to_string(), "installed", written(folder)))
            })?,
        };
        let expected = "a folder whose files can be read".to_owned();
        Some(Mistake { name, key, value, expected, found: format!("{}: {found}", path.display()) })
    }

    /// As it stands in the recipe.
    fn written(&self, path: Option<&PathBuf>) -> String {
        let path = path.map(|path| path.strip_prefix(&self.folder).unwrap_or(path));
        path.map(|path| path.display().to_string()).unwrap_or_default()
    }
}

fn keyring_path(error: &KeyringError) -> Option<&PathBuf> {
    match error {
        KeyringError::Io { path, .. } | KeyringError::File { path, .. } => Some(path),
        KeyringError::TooLong { .. }
        | KeyringError::Keybox
        | KeyringError::Form { .. }
        | KeyringError::Empty => None,
    }
}

fn mistakes(problems: Problems, file: String, text: String) -> Failure {
    Failure::mistakes(problems, vec![(file, text)])
}
