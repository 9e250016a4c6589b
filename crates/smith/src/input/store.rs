//! Stores of builds, and how what is fetched is fetched.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use jiff::Timestamp;
use smith_repo::fetch::{Fetcher, Limits, Progress, Tally};
use smith_repo::name::BuildNumber;
use smith_repo::store::{Store, StoreError};

use crate::failure::{Exit, Failure};
use crate::output;

/// How often a person is told how far it is.
const TOLD_EVERY: Duration = Duration::from_millis(200);

/// Where builds lie.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// The store of builds
    #[arg(long, value_name = "FOLDER", env = "SMITH_STORE")]
    store: PathBuf,
}

/// How things are fetched.
#[derive(Debug, Clone, Args)]
pub(crate) struct NetArgs {
    /// Downloads at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Network")]
    connections: u16,
    /// Bytes per second over all connections
    #[arg(long, value_name = "BYTES", value_parser = rate, help_heading = "Network")]
    bandwidth: Option<u64>,
}

/// Bytes per second, as a plain number or with a unit of thousands.
pub(crate) fn rate(text: &str) -> Result<u64, String> {
    let bad = || {
        "expected bytes per second above 0, such as 5000000, or with a unit of thousands: 5000k, 5M or 1G"
            .to_owned()
    };
    let digits = text.trim_end_matches(['k', 'M', 'G']);
    let unit = match text.get(digits.len()..) {
        Some("") => 1,
        Some("k") => 1_000,
        Some("M") => 1_000_000,
        Some("G") => 1_000_000_000,
        Some(_) | None => return Err(bad()),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    number.filter(|number| *number > 0).ok_or_else(bad)
}

impl StoreArgs {
    /// A store that is there.
    pub(crate) fn open(&self) -> Result<Store, Failure> {
        Store::open(&self.whole()).map_err(|error| Failure::new(Exit::BadInput, error))
    }

    /// From the root of the file system: some of what is made of it is handed to programs that run elsewhere.
    fn whole(&self) -> PathBuf {
        std::path::absolute(&self.store).unwrap_or_else(|_| self.store.clone())
    }

    /// The store, made if its folder is empty or not there.
    pub(crate) fn create(&self) -> Result<Store, Failure> {
        Store::create(&self.whole()).map_err(|error: StoreError| Failure::new(Exit::BadInput, error))
    }
}

impl StoreArgs {
    /// The store as it is, or as it would be made: for those who only say what they would do.
    pub(crate) fn planned(&self) -> Result<Store, Failure> {
        Store::planned(&self.store).map_err(|error| Failure::new(Exit::BadInput, error))
    }
}

impl NetArgs {
    pub(crate) fn limits(&self) -> Limits {
        Limits { connections: usize::from(self.connections), bandwidth: self.bandwidth, ..Limits::default() }
    }

    pub(crate) fn fetcher(&self) -> Result<Fetcher, Failure> {
        Fetcher::new(self.limits()).map_err(|error| Failure::new(Exit::Bug, error))
    }
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

/// Who runs this: the name in the environment, which a timer may not have, or else the number of the user.
pub(crate) fn who() -> String {
    let named = ["USER", "LOGNAME"].iter().filter_map(|name| std::env::var(name).ok());
    let named = named.into_iter().find(|name| !name.trim().is_empty());
    named.unwrap_or_else(|| {
        let user = std::fs::metadata("/proc/self").map(|metadata| metadata.uid());
        user.map_or_else(|_| "unknown".to_owned(), |user| format!("uid {user}"))
    })
}

/// Does something long, and tells a person at the terminal how far it is.
pub(crate) fn watched<T>(work: impl FnOnce(&dyn Progress) -> T) -> T {
    let (tally, done) = (Tally::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        let teller = scope.spawn(|| {
            let mut told = false;
            while !done.load(Ordering::Relaxed) {
                let now = tally.now();
                if now.files > 0 {
                    output::progress(&now.to_string());
                    told = true;
                }
                thread::park_timeout(TOLD_EVERY);
            }
            if told {
                output::progress("");
            }
        });
        let result = work(&tally);
        done.store(true, Ordering::Relaxed);
        teller.thread().unpark();
        result
    })
}

/// What is archived is known, and not here: who asks for it is told how it comes back.
pub(crate) fn not_archived(store: &Store, build: BuildNumber) -> Result<(), Failure> {
    let is_here = store.build(build).exists() || store.unsigned_build(build).exists();
    if is_here || !store.archived(build).exists() {
        return Ok(());
    }
    let error = format!("build {build} is archived; `smith build restore {build}` brings it back");
    Err(Failure::new(Exit::NotThere, error))
}

/// The address of another store, which may be given as a folder.
pub(crate) fn address(source: &str) -> String {
    if source.contains("://") {
        return source.to_owned();
    }
    let path = std::fs::canonicalize(source).or_else(|_| std::path::absolute(source));
    let path = path.unwrap_or_else(|_| PathBuf::from(source));
    format!("file://{}", path.display())
}

pub(crate) fn addresses(sources: &[String]) -> Vec<String> {
    sources.iter().map(|source| address(source)).collect()
}

/// Builds that machines were last brought to: lines of a number and how many machines.
pub(crate) fn recorded(file: Option<&Path>) -> Result<BTreeMap<BuildNumber, u64>, Failure> {
    let Some(path) = file else { return Ok(BTreeMap::new()) };
    let text =
        std::fs::read_to_string(path).map_err(|error| super::unreadable("recorded builds", path, error))?;
    let mut recorded = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut words = line.split_whitespace();
        let build = words.next().and_then(|word| word.parse::<BuildNumber>().ok());
        let machines = words.next().map_or(Some(1), |word| word.parse::<u64>().ok());
        let (Some(build), Some(machines), None) = (build, machines, words.next()) else {
            let place = format!("{}:{number}:1", path.display());
            let error = format!("{place}: expected a build and how many machines, found {line:?}");
            return Err(Failure::new(Exit::BadInput, error));
        };
        *recorded.entry(build).or_default() += machines;
    }
    Ok(recorded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_plain_numbers_or_have_a_unit() {
        for (text, expected) in
            [("1", 1), ("5000000", 5_000_000), ("5000k", 5_000_000), ("5M", 5_000_000), ("1G", 1_000_000_000)]
        {
            assert_eq!(rate(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "0M", "M", "5MB", "5 M", "5kk", "-1", "1.5M", "99999999999G", "5é"] {
            assert!(rate(text).is_err_and(|why| why.contains("5M")), "{text}");
        }
    }
}
