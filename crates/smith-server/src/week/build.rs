//! The link `build`: a build of the plan's recipe, made once however often it is tried.
//!
//! Before it is made, its number is written down. Whoever tries again looks whether the build of that number is there
//! and was made for this cycle.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use smith_repo::create::{Create, CreateError, Created, IfUnchanged};
use smith_repo::manifest::BuildInfo;
use smith_repo::mirror::Held;
use smith_repo::name::BuildNumber;
use smith_repo::pgp::{KeyFolder, KeyState};
use smith_repo::store::Store;
use smith_repo::upstream::{Recipe, Replay};

use super::job::{Job, interrupted};
use super::off::Off;
use super::shop::{Shop, Trouble, now, one_line};
use crate::config::recipe::load;
use crate::files::write_whole;
use crate::words::counted;

/// What a try writes down before it begins.
#[derive(Debug, Serialize, Deserialize)]
struct Promise {
    number: u32,
    made_by: String,
}

/// Where a cycle's build is made from, and where that is written down.
#[derive(Debug)]
pub(super) struct Making<'a> {
    pub(super) shop: &'a Shop,
    /// Paths of the plan are below this; not known where the week has left the settings. What was made is found all the same.
    pub(super) folder: Result<&'a Path, Trouble>,
    /// What the server keeps for itself.
    pub(super) data: &'a Path,
    pub(super) off: &'a Off,
}

impl Making<'_> {
    /// The number of the build, and what to say of it.
    pub(super) fn run(&self, job: &Job) -> Result<(u32, String), Trouble> {
        let store = self.shop.open()?;
        if let Some(info) = self.made_before(&store, job)? {
            return Ok((info.number.0, told(&info)));
        }
        if job.is_look() {
            return Err(interrupted(job.link));
        }
        let recipe = self.recipe(job)?;
        let signer = self.shop.signer(&store)?;
        let fetcher = self.shop.fetcher()?;
        let made_by =
            format!("smith {}, cycle {} of {}", env!("CARGO_PKG_VERSION"), job.cycle, job.plan.name);
        let number = self.promise(&store, job, &made_by)?;
        let create = Create {
            store: &store,
            fetcher: &fetcher,
            recipe: &recipe,
            signer: &signer,
            signed_from: signed_from(&store)?,
            number: Some(number),
            if_unchanged: IfUnchanged::Stop,
            replay: Replay::Refuse,
            progress: self.off,
            now: now(),
            made_by: &made_by,
        };
        // It looks again wherever something is fetched; a recipe may have nothing to fetch.
        if self.off.is_raised() {
            return Err(Trouble::Failed("called off".to_owned()));
        }
        match create.run().map_err(|error| trouble(&error))? {
            Created::Made { info, .. } => Ok((info.number.0, told(&info))),
            Created::Unchanged(info) => {
                Ok((info.number.0, format!("nothing is new since build {}", info.number)))
            }
        }
    }

    fn recipe(&self, job: &Job) -> Result<Recipe, Trouble> {
        let folder = self.folder.clone()?;
        let path = folder.join(&job.plan.recipe);
        let bytes = fs::read(&path).map_err(|error| {
            Trouble::Failed(format!("expected a recipe in {}, found that {error}", path.display()))
        })?;
        let folder = path.parent().unwrap_or(folder);
        load(&path.display().to_string(), &bytes, folder)
            .map_err(|problems| Trouble::Refused(one_line(&problems.to_string())))
    }

    fn note(&self, job: &Job) -> PathBuf {
        self.data.join("week").join(format!("cycle-{}-build.json", job.cycle))
    }

    /// The build of an earlier try, if that came to its end.
    fn made_before(&self, store: &Store, job: &Job) -> Result<Option<BuildInfo>, Trouble> {
        let path = self.note(job);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Trouble::failed(&error)),
        };
        // What cannot be read was torn by a lost disk: the build is made anew rather than never.
        let Ok(promise) = serde_json::from_slice::<Promise>(&text) else { return Ok(None) };
        let number = BuildNumber(promise.number);
        let present = store.builds_present().map_err(|error| Trouble::failed(&error))?;
        if !present.contains(&number) {
            return Ok(None);
        }
        let info = Held::info(store, number).map_err(|error| Trouble::failed(&error))?;
        Ok(Some(info).filter(|info| info.made_by == promise.made_by))
    }

    /// Writes down which number the build will have.
    fn promise(&self, store: &Store, job: &Job, made_by: &str) -> Result<BuildNumber, Trouble> {
        let highest = store.highest_number().map_err(|error| Trouble::failed(&error))?;
        let number = highest.map_or(1, |highest| highest.0.saturating_add(1));
        let promise = Promise { number, made_by: made_by.to_owned() };
        let bytes = serde_json::to_vec(&promise).map_err(|error| Trouble::failed(&error))?;
        write_whole(&self.note(job), &bytes).map_err(|error| Trouble::failed(&error))?;
        Ok(BuildNumber(number))
    }
}

/// When the youngest key was made that signs here.
fn signed_from(store: &Store) -> Result<jiff::Timestamp, Trouble> {
    let infos = KeyFolder::new(&store.keys()).list(now()).map_err(|error| Trouble::failed(&error))?;
    let active = infos.iter().filter(|info| info.state == KeyState::Active);
    active.map(|info| info.made_at).max().ok_or_else(|| {
        let why = "expected a key in the store that builds are signed with, found none";
        Trouble::Refused(why.to_owned())
    })
}

fn trouble(error: &CreateError) -> Trouble {
    match error {
        // Nobody but a person changes what a recipe says.
        CreateError::EmptyRecipe => Trouble::Refused(error.to_string()),
        CreateError::Taken { .. }
        | CreateError::Given { .. }
        | CreateError::Last { .. }
        | CreateError::Store(_)
        | CreateError::Upstream(_)
        | CreateError::Choice(_)
        | CreateError::Password { .. }
        | CreateError::Objects { .. }
        | CreateError::TwoContents { .. }
        | CreateError::Deb { .. }
        | CreateError::Folder { .. }
        | CreateError::Status { .. }
        | CreateError::Before { .. }
        | CreateError::Index(_)
        | CreateError::Sign(_)
        | CreateError::Manifest(_)
        | CreateError::Held(_)
        | CreateError::Channel(_)
        | CreateError::Name(_)
        | CreateError::Words(_)
        | CreateError::Pack(_) => Trouble::failed(error),
    }
}

fn told(info: &BuildInfo) -> String {
    format!("build {}, {}, {} bytes", info.number, counted(info.package_count, "package"), info.bytes)
}
