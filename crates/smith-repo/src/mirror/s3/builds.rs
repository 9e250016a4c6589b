//! The builds that a bucket has, and the list of them for mirrors that pull from it.

use crate::manifest::{BuildInfo, Manifest};
use crate::mirror::held::{INFO, LIST_MAX, MANIFEST, SIGNATURE, parse_info};
use crate::mirror::own::{Stranger, strangers_by};
use crate::mirror::s3::{S3, S3Error};
use crate::mirror::sync::Check;
use crate::name::BuildNumber;

const INDEX: &str = "builds/index.json";

/// Each time somebody else wrote the list at the same moment; more writers than this at once have lost their way.
const TRIES: u32 = 10;

impl S3 {
    /// The numbers of all whole builds, in order.
    pub fn builds(&self) -> Result<Vec<BuildNumber>, S3Error> {
        let keys = self.list("builds/")?;
        let mut builds: Vec<BuildNumber> = keys.keys().filter_map(|key| number_of(key, INFO)).collect();
        builds.sort_unstable();
        Ok(builds)
    }

    /// Of these builds those that the site has not signed.
    pub(in crate::mirror) fn strangers(&self, builds: &[BuildNumber], check: Check<'_>) -> Vec<Stranger> {
        let read = |build: BuildNumber, name: &str| {
            let found =
                self.get(&format!("builds/{build}/{name}")).map_err(|error| crate::fetch::chain(&error))?;
            found.map(|(bytes, _)| bytes).ok_or_else(|| format!("expected its {name}, found nothing"))
        };
        strangers_by(builds, check, |build| Ok((read(build, INFO)?, read(build, SIGNATURE)?)))
    }

    /// The words about a build, as the bucket has them.
    pub(in crate::mirror) fn info(&self, build: BuildNumber) -> Result<Option<BuildInfo>, S3Error> {
        let key = format!("builds/{build}/{INFO}");
        let Some((bytes, _)) = self.get(&key)? else { return Ok(None) };
        Ok(Some(parse_info(key.as_ref(), build, &bytes)?))
    }

    /// The files of a build, as the bucket has them.
    pub(super) fn manifest(&self, build: BuildNumber) -> Result<Manifest, S3Error> {
        let key = format!("builds/{build}/{MANIFEST}");
        let bad = |expected: &str, found: String| S3Error::Conflict {
            key: key.clone(),
            expected: expected.to_owned(),
            found,
        };
        let info = self.info(build)?;
        let info = info.ok_or_else(|| bad("a build with its words", "nothing".to_owned()))?;
        let found = self.get_up_to(&key, LIST_MAX)?;
        let (bytes, _) = found.ok_or_else(|| bad("the files of a build", "nothing".to_owned()))?;
        Manifest::decompress(&bytes, &info.manifest)
            .map_err(|error| bad("the files of a build", error.to_string()))
    }

    /// Writes down which builds there are. What is listed is newer than the tag, so nobody's build is lost.
    pub(super) fn write_index(&self) -> Result<(), S3Error> {
        for _ in 0..TRIES {
            let tag = self.get(INDEX)?.and_then(|(_, tag)| tag);
            let text = serde_json::to_vec(&self.builds()?);
            let text = text.map_err(|error| S3Error::Service {
                doing: "writing",
                key: INDEX.to_owned(),
                why: error.to_string(),
            })?;
            if self.swap(INDEX, text, tag)?.is_some() {
                return Ok(());
            }
        }
        let (key, expected) = (INDEX.to_owned(), "to be the only writer of it".to_owned());
        Err(S3Error::Conflict { key, expected, found: format!("another one {TRIES} times") })
    }
}

/// Of a key such as `builds/725/build.json`.
pub(super) fn number_of(key: &str, name: &str) -> Option<BuildNumber> {
    let (number, rest) = key.strip_prefix("builds/")?.split_once('/')?;
    if rest == name { number.parse().ok() } else { None }
}
