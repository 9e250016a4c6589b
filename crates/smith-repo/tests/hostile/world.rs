//! A store with a good build in it, an upstream that is about to be something else, and what must be true afterwards.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use smith_repo::create::{Create, CreateError, Created, IfUnchanged};
use smith_repo::fetch::{Fetcher, Limits, Proxies, Silent};
use smith_repo::hash::Sha256;
use smith_repo::mirror::{Scope, verify};
use smith_repo::pgp::{Passphrase, SigningKeys};
use smith_repo::store::Store;
use smith_repo::upstream::{Recipe, Replay};

use crate::server::{Files, Server};
pub(crate) use crate::site::Outcome;
use crate::site::{local_folder, new_key, recipe_of, upstream};
use crate::upstream::Draft;

/// What may have changed in the store although a build was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    Nothing,
    /// Whole files under their hash, and parts that the next run goes on with: of objects that are wanted.
    Wanted,
}

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: Server,
    pub(crate) theirs: SigningKeys,
    pub(crate) ours: SigningKeys,
    pub(crate) now: Timestamp,
    /// How often the upstream was published; each time an hour later and with another package.
    published: u32,
}

impl World {
    /// With a build of a good upstream.
    pub(crate) fn new() -> Outcome<Self> {
        let world = Self::empty()?;
        let mut world = world;
        world.publish()?;
        world.succeeds(&world.recipe()?)?;
        Ok(world)
    }

    pub(crate) fn empty() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().map_err(|_| "no time")?;
        Store::create(&folder.path().join("store"))?;
        let (theirs, public) = keys(&folder.path().join("theirs"), now)?;
        fs::write(folder.path().join("theirs.gpg"), public)?;
        let (ours, _) = keys(&folder.path().join("store/keys"), now)?;
        Ok(Self { server: Server::start(), folder, theirs, ours, now, published: 0 })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn store(&self) -> Outcome<Store> {
        Ok(Store::open(&self.path("store"))?)
    }

    /// The next state of the upstream, as it should be.
    pub(crate) fn draft(&mut self) -> Draft {
        self.published += 1;
        let hours = i64::from(self.published);
        Draft::good(
            self.published,
            self.now - SignedDuration::from_hours(100) + SignedDuration::from_hours(hours),
        )
    }

    pub(crate) fn publish(&mut self) -> Outcome {
        let draft = self.draft();
        self.server.serve(draft.lay(&self.theirs)?);
        Ok(())
    }

    pub(crate) fn recipe(&self) -> Outcome<Recipe> {
        let mut upstream = upstream(self.server.url(), self.path("theirs.gpg"))?;
        upstream.extras.translations = vec!["en".to_owned()];
        Ok(recipe_of(vec![upstream]))
    }

    /// With a folder of packages of our own besides.
    pub(crate) fn recipe_with_local(&self) -> Outcome<Recipe> {
        let local = local_folder("site", self.path("own"), "stable")?;
        Ok(Recipe { local: vec![local], ..self.recipe()? })
    }

    pub(crate) fn create(&self, recipe: &Recipe) -> Outcome<Created> {
        self.create_in(&self.store()?, recipe)
    }

    pub(crate) fn create_in(&self, store: &Store, recipe: &Recipe) -> Outcome<Created> {
        let fetcher = Fetcher::new(short())?;
        let create = Create {
            store,
            fetcher: &fetcher,
            recipe,
            signer: &self.ours,
            signed_from: made_at(self.now),
            number: None,
            if_unchanged: IfUnchanged::Stop,
            replay: Replay::Refuse,
            progress: &Silent,
            now: self.now,
            made_by: "test",
        };
        Ok(create.run()?)
    }

    /// A build is made, and everything in the store is good.
    pub(crate) fn succeeds(&self, recipe: &Recipe) -> Outcome {
        match self.create(recipe)? {
            Created::Made { .. } => self.is_good(),
            Created::Unchanged(info) => Err(format!("nothing is new since build {}", info.number).into()),
        }
    }

    pub(crate) fn is_good(&self) -> Outcome {
        let store = self.store()?;
        let findings = verify(&store, &store.builds_present()?, &Scope::FULL)?;
        if findings.is_good() { Ok(()) } else { Err(findings.why().into()) }
    }

    /// The upstream is as the files say and is refused with this code; then a good one is taken.
    pub(crate) fn refuses(&mut self, code: &str, leaves: Leaves, files: Files) -> Outcome {
        self.server.serve(files);
        self.refuses_now(code, leaves)
    }

    /// The same for a server that was told what to do.
    pub(crate) fn refuses_now(&mut self, code: &str, leaves: Leaves) -> Outcome {
        let recipe = self.recipe()?;
        self.refuses_recipe(&recipe, code, leaves)?;
        self.publish()?;
        self.succeeds(&recipe).map_err(|error| format!("{code}: a good upstream after it: {error}").into())
    }

    pub(crate) fn refuses_recipe(&self, recipe: &Recipe, code: &str, leaves: Leaves) -> Outcome {
        self.refuses_in(&self.store()?, recipe, code, leaves)
    }

    /// The same by somebody who has opened the store already.
    pub(crate) fn refuses_in(&self, store: &Store, recipe: &Recipe, code: &str, leaves: Leaves) -> Outcome {
        let before = listing(&self.path("store"))?;
        let Err(error) = self.create_in(store, recipe) else {
            return Err(format!("expected {code}, found that a build was made").into());
        };
        let error = error.downcast::<CreateError>()?;
        let found = error.code().unwrap_or("no code");
        if found != code {
            return Err(format!("expected {code}, found {found}: {}", told(&*error)).into());
        }
        let after = listing(&self.path("store"))?;
        self.left(&before, &after, leaves).map_err(|why| format!("{code}: {why}").into())
    }

    fn left(
        &self,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
        leaves: Leaves,
    ) -> Result<(), String> {
        if let Some((path, _)) = before.iter().find(|(path, one)| after.get(*path) != Some(*one)) {
            return Err(format!("{path} is not what it was"));
        }
        for (path, _) in after.iter().filter(|(path, _)| !before.contains_key(*path)) {
            let is_wanted = match path.split_once('/') {
                // Under a whole hash, and what lies there has it.
                Some(("objects", _)) => {
                    let hex = path.trim_start_matches("objects/sha256/").replace('/', "");
                    let content = Sha256::of_file(&self.path("store").join(path));
                    content.is_ok_and(|(hash, _)| hash.hex() == hex)
                }
                Some(("partial" | "incoming", name)) => name.parse::<Sha256>().is_ok(),
                Some(_) | None => false,
            };
            if leaves == Leaves::Nothing || !is_wanted {
                return Err(format!("{path} was left"));
            }
        }
        Ok(())
    }
}

/// Limits that a test can wait for.
pub(crate) fn short() -> Limits {
    Limits {
        connections: 4,
        stall: Duration::from_millis(400),
        connect: Duration::from_millis(400),
        answer: Duration::from_millis(600),
        slowest: 1 << 20,
        retries: 0,
        back_off: Duration::from_millis(1),
        back_off_max: Duration::from_millis(2),
        proxies: Proxies::None,
        bandwidth: None,
    }
}

fn made_at(now: Timestamp) -> Timestamp {
    now - SignedDuration::from_hours(24 * 400)
}

fn keys(folder: &Path, now: Timestamp) -> Outcome<(SigningKeys, Vec<u8>)> {
    let keys = new_key(folder, made_at(now))?;
    Ok((keys.signing_keys(&Passphrase::None)?, keys.export()?))
}

/// A key that nobody has heard of.
pub(crate) fn stranger(world: &World) -> Outcome<SigningKeys> {
    Ok(keys(&world.path("stranger"), world.now)?.0)
}

/// Every file below a folder with its content, permissions and number of names; links as what they say. The lock says who
/// held it last, and is no content.
pub(crate) fn listing(root: &Path) -> Outcome<BTreeMap<String, String>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let (name, metadata) =
                (path.strip_prefix(root)?.display().to_string(), fs::symlink_metadata(&path)?);
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_symlink() {
                found.insert(name, fs::read_link(&path)?.display().to_string());
            } else if name != "lock" {
                let (hash, size) = Sha256::of_file(&path)?;
                found.insert(name, format!("{hash} {size} {:o} {}", metadata.mode(), metadata.nlink()));
            }
        }
    }
    Ok(found)
}

/// An error with everything that led to it.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
