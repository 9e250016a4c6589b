//! Builds that a site's server uses: rollouts, weeks, channels and machines are known to it alone, so it writes them into its
//! store, and whatever takes builds away reads that without being told.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::BuildNumber;
use crate::retention::RetentionError;
use crate::retention::plan::Keep;
use crate::store::{Store, StoreError, write_atomically};

/// What one server uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InUse {
    pub site: String,
    /// When the server said so last.
    pub at: Timestamp,
    /// Builds, each with reasons.
    pub builds: BTreeMap<u32, Vec<String>>,
}

/// Some hundred builds with a few lines of reasons are a hundred kilobytes.
const BYTES_MAX: u64 = 4 << 20;

impl InUse {
    /// What all servers say that use this store. One file that cannot be read might name any build, so it is an error.
    pub fn all(store: &Store) -> Result<Vec<Self>, RetentionError> {
        let folder = store.in_use();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io("reading", &folder)(error).into()),
        };
        let mut all = Vec::new();
        for entry in entries {
            let path = entry.map_err(StoreError::io("reading", &folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // What is being written beside has no ending of its own.
            if name.ends_with(".json") && !name.starts_with('.') {
                all.push(read(&path)?);
            }
        }
        all.sort_by(|one, other| one.site.cmp(&other.site));
        Ok(all)
    }

    /// Says it in the store, in place of what the same site said before.
    pub fn write(&self, store: &Store) -> Result<(), RetentionError> {
        let path = self.path(store);
        let folder = store.in_use();
        fs::create_dir_all(&folder).map_err(StoreError::io("creating", &folder))?;
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| RetentionError::InUse { path: path.clone(), found: error.to_string() })?;
        Ok(write_atomically(&path, &bytes)?)
    }

    /// Where it stands.
    pub fn path(&self, store: &Store) -> PathBuf {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name: String = self.site.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        store.in_use().join(format!("{name}.json"))
    }

    fn keeps(self) -> impl Iterator<Item = (BuildNumber, Keep)> {
        let Self { site, at, builds } = self;
        builds.into_iter().map(move |(build, why)| {
            (BuildNumber(build), Keep::InUse { site: site.clone(), reason: why.join("; "), at })
        })
    }
}

/// Why builds stay, by what the servers say that use this store.
pub(crate) fn keeps(store: &Store) -> Result<Vec<(BuildNumber, Keep)>, RetentionError> {
    Ok(InUse::all(store)?.into_iter().flat_map(InUse::keeps).collect())
}

fn read(path: &Path) -> Result<InUse, RetentionError> {
    let failed = |found: String| RetentionError::InUse { path: path.to_owned(), found };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(StoreError::io("reading", path))?;
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(StoreError::io("reading", path))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(failed(format!("more than {BYTES_MAX} bytes")));
    }
    serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Recipe, store};
    use crate::retention::{PurgePlan, Roots, Wish, archive, plan, purge};

    fn said(site: &str, build: u32, why: &str) -> InUse {
        let builds = BTreeMap::from([(build, vec![why.to_owned()])]);
        InUse { site: site.to_owned(), at: Timestamp::UNIX_EPOCH, builds }
    }

    fn kept(of: &BTreeMap<BuildNumber, Vec<Keep>>) -> Vec<String> {
        of.iter().flat_map(|(build, why)| why.iter().map(move |why| format!("{build}: {why}"))).collect()
    }

    const WHY: &str = "1: site one uses it: project 3 has not ended (said at 1970-01-01T00:00:00Z)";

    #[test]
    fn nobody_takes_away_what_a_server_uses_also_when_it_says_so_after_the_plan() {
        let (_folder, store) = store();
        for build in 1..=4 {
            Recipe::of(2, |_| build).make(&store, build, None);
        }
        let (roots, now) = (Roots::default(), Timestamp::UNIX_EPOCH);
        let wish = Wish::These([1, 2, 3].map(BuildNumber).to_vec());
        said("one", 1, "project 3 has not ended").write(&store).expect("written");
        let before: PurgePlan = plan(&store, &wish, &roots).expect("a plan");
        assert_eq!(before.builds, [2, 3].map(BuildNumber));
        assert_eq!(kept(&before.kept), [WHY]);
        said("two", 2, "cycle 1 is on it").write(&store).expect("written");
        let purged = purge(&store, &before, &roots, now).expect("purged");
        assert_eq!(purged.builds, [BuildNumber(3)]);
        assert_eq!(
            kept(&purged.kept),
            ["2: site two uses it: cycle 1 is on it (said at 1970-01-01T00:00:00Z)"]
        );
        let archived = archive(&store, &[BuildNumber(1)], &roots, now).expect("archived");
        assert_eq!((kept(&archived.kept), archived.builds), (vec![WHY.to_owned()], Vec::new()));
        // Its server says so no more.
        said("one", 9, "project 4 has not ended").write(&store).expect("written");
        assert_eq!(plan(&store, &wish_of(1), &roots).expect("a plan").builds, [BuildNumber(1)]);
        assert_eq!(InUse::all(&store).expect("read").len(), 2);
    }

    fn wish_of(build: u32) -> Wish {
        Wish::These(vec![BuildNumber(build)])
    }

    #[test]
    fn a_file_that_cannot_be_read_might_name_any_build() {
        let (_folder, store) = store();
        for build in 1..=2 {
            Recipe::of(1, |_| build).make(&store, build, None);
        }
        said("one", 2, "it is").write(&store).expect("written");
        fs::write(store.in_use().join("one.json"), "{").expect("written");
        let error = plan(&store, &wish_of(1), &Roots::default()).expect_err("refused").to_string();
        assert!(error.contains("state/in-use/one.json: expected the builds"), "{error}");
    }

    #[test]
    fn the_name_of_a_site_is_no_path() {
        let (_folder, store) = store();
        let path = said("../../x/..", 1, "it is").path(&store);
        assert_eq!(path, store.in_use().join("______x___.json"));
    }
}
