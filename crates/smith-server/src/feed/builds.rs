//! The builds of the store: one that is there, whole and signed, may be rolled out.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use smith_domain::actor::Actor;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::id::BuildNumber;
use smith_repo::mirror::Held;
use smith_repo::pgp::{KeyFolder, Keyring, Policy, verify_detached};
use smith_repo::store::Store;

use crate::core::Core;
use crate::driver::wall;

/// How often the store is looked at: a folder is listed.
const EVERY: Duration = Duration::from_secs(5);

/// Makes builds of the store known, for as long as the server lives.
pub async fn watch_builds(core: Core, store: PathBuf, tell: impl Fn(&str)) {
    let mut told = String::new();
    loop {
        let path = store.clone();
        let known: Vec<u32> = core.read(|state| state.builds.iter().map(|build| build.number.0).collect());
        let found = tokio::task::spawn_blocking(move || new_builds(&path, &known)).await;
        let trouble = match found.unwrap_or_else(|_| Err("the store could not be read".to_owned())) {
            Ok(builds) => take(&core, builds).await.err().unwrap_or_default(),
            Err(why) => why,
        };
        if trouble != told {
            if !trouble.is_empty() {
                tell(&trouble);
            }
            told = trouble;
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn take(core: &Core, builds: Vec<u32>) -> Result<(), String> {
    for build in builds {
        let command = Command::Build(BuildCommand::Verified { build: BuildNumber(build) });
        core.submit(Actor::smith(), command).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Builds that are not known yet and are signed by a key of the store.
fn new_builds(path: &Path, known: &[u32]) -> Result<Vec<u32>, String> {
    let store = Store::open(path).map_err(|error| error.to_string())?;
    let present = store.builds_present().map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    for number in present.into_iter().filter(|number| !known.contains(&number.0)) {
        match check(&store, number) {
            Ok(()) => found.push(number.0),
            Err(why) => wrong.push(format!("build {number} is not taken: {why}")),
        }
    }
    if wrong.is_empty() || !found.is_empty() { Ok(found) } else { Err(wrong.join("; ")) }
}

/// A build of this site is signed by one of its keys, whoever put it there.
fn check(store: &Store, number: smith_repo::name::BuildNumber) -> Result<(), String> {
    Held::info(store, number).map_err(|error| error.to_string())?;
    let folder = store.build(number);
    let read = |name: &str| fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"));
    let (json, signature) = (read("build.json")?, read("build.json.sig")?);
    let own = KeyFolder::new(&store.keys()).export().map_err(|error| error.to_string())?;
    let keyring = Keyring::parse(&own).map_err(|error| error.to_string())?;
    let now = jiff::Timestamp::from_millisecond(wall().0).unwrap_or(jiff::Timestamp::MAX);
    verify_detached(&json, &signature, &keyring, &Policy::any(now)).map_err(|error| error.to_string())?;
    Ok(())
}
