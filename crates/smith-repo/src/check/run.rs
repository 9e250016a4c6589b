//! Asks apt about each profile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::check::apt::{Apt, Ran, plain};
use crate::check::profile::Status;
use crate::check::simulated::{Act, Simulated};
use crate::check::{CheckError, Outcome, Policy, Profile, Report, Upgrade, Verdict};
use crate::diff::distribution_of;
use crate::manifest::{Origin, PackageList};

/// Runs of apt beside each other: each takes a core and 150 MB with a full index.
const THREADS: usize = 2;

/// A simulation takes seconds; one that takes minutes is not going to end.
const TIME_MAX: Duration = Duration::from_secs(180);

/// A build that is to be checked.
#[derive(Debug)]
pub struct Check<'a> {
    /// The folder of the build.
    pub build: &'a Path,
    pub packages: &'a PackageList,
    /// The public keys that its indexes are signed with, as apt reads them.
    pub keyring: &'a Path,
    pub policy: &'a Policy,
    /// A folder for apt's files, which must not be there yet: it is made, and taken away afterwards.
    pub work: &'a Path,
}

/// `(upstream, suite)` with its components.
type Suites<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>;

/// Whether a suite of an upstream is meant.
type IsTaken<'a> = Box<dyn Fn(&str, &str) -> bool + 'a>;

/// Profiles that need the same sources share one update.
type Group<'a> = (Suites<'a>, Vec<String>);

struct Job<'a> {
    profile: &'a Profile,
    apt: usize,
    suites: Vec<String>,
    native: String,
}

impl Check<'_> {
    /// The limit on a run of apt is three minutes; see [`Check::run_within`].
    pub fn run(&self, profiles: &[Profile]) -> Result<Report, CheckError> {
        self.run_within(profiles, TIME_MAX)
    }

    pub fn run_within(&self, profiles: &[Profile], time_max: Duration) -> Result<Report, CheckError> {
        plain(self.build)?;
        plain(self.keyring)?;
        plain(self.work)?;
        let failed = |source| CheckError::Write { path: self.work.to_owned(), source };
        fs::create_dir(self.work).map_err(failed)?;
        let result = self.ask(profiles, time_max);
        fs::remove_dir_all(self.work).map_err(failed)?;
        result
    }

    fn ask(&self, profiles: &[Profile], time_max: Duration) -> Result<Report, CheckError> {
        let available = self.suites();
        let mut groups: BTreeMap<Group<'_>, usize> = BTreeMap::new();
        let (mut apts, mut jobs) = (Vec::new(), Vec::new());
        for profile in profiles {
            let suites = self.suites_of(profile, &available)?;
            let architectures = profile.architectures();
            let names = suites.keys().map(|(upstream, suite)| format!("{upstream}/{suite}")).collect();
            let native = architectures.first().cloned().unwrap_or_default();
            let group = (suites, architectures);
            let at = match groups.get(&group) {
                Some(at) => *at,
                None => {
                    let root = self.work.join(format!("apt-{}", apts.len()));
                    let apt = Apt::new(&root, &self.sources(&group.0), &group.1, time_max)?;
                    apt.update()?;
                    apts.push(apt);
                    groups.insert(group, apts.len() - 1);
                    apts.len() - 1
                }
            };
            jobs.push(Job { profile, apt: at, suites: names, native });
        }
        let sizes = self.packages.packages().iter();
        let sizes: BTreeMap<(&str, &str, &str), u64> = sizes
            .map(|one| ((one.name.as_str(), one.arch.as_str(), one.version.as_str()), one.size))
            .collect();
        let next = AtomicUsize::new(0);
        let done: Mutex<BTreeMap<usize, Result<Outcome, CheckError>>> = Mutex::new(BTreeMap::new());
        thread::scope(|scope| {
            for _ in 0..THREADS.min(jobs.len()) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(job) = jobs.get(at) else { return };
                        let outcome = self.outcome(job, &apts[job.apt], at, &sizes, time_max);
                        done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(at, outcome);
                    }
                });
            }
        });
        let done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Report { outcomes: done.into_values().collect::<Result<_, _>>()? })
    }

    fn suites(&self) -> Suites<'_> {
        let mut suites = Suites::new();
        for Origin { upstream, suite, component } in self.packages.packages().iter().map(|one| &one.origin) {
            suites.entry((upstream.as_str(), suite)).or_default().insert(component);
        }
        suites
    }

    /// The suites that were named for a profile, or all of the distribution that its packages are of. A distribution that
    /// is named means all of its suites, as it does for a difference.
    fn suites_of<'b>(&self, profile: &Profile, available: &Suites<'b>) -> Result<Suites<'b>, CheckError> {
        let wrong = |found: String| CheckError::Suites { profile: profile.name().to_owned(), found };
        let is_taken: IsTaken<'_> = if profile.suites.is_empty() {
            let distribution = self.distribution(profile).map_err(wrong)?;
            Box::new(move |_: &str, suite: &str| distribution_of(suite) == distribution)
        } else {
            Box::new(|upstream: &str, suite: &str| {
                let whole = format!("{upstream}/{suite}");
                [suite, distribution_of(suite), &whole].iter().any(|name| profile.suites.contains(*name))
            })
        };
        let taken = available.iter().filter(|((upstream, suite), _)| is_taken(upstream, suite));
        let taken: Suites<'b> = taken.map(|(place, components)| (*place, components.clone())).collect();
        if taken.is_empty() {
            return Err(wrong(profile.suites.iter().cloned().collect::<Vec<_>>().join(", ")));
        }
        Ok(taken)
    }

    /// The distribution with most of the profile's packages in the same version, else by their upstream versions, else by
    /// names: an older machine has few versions of today.
    fn distribution(&self, profile: &Profile) -> Result<String, String> {
        let upstream =
            |version: &str| version.rsplit_once('-').map_or(version, |(upstream, _)| upstream).to_owned();
        let mut installed: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for one in profile.packages.iter().filter(|one| one.state.ends_with(" installed")) {
            installed.insert((&one.name, &one.arch), &one.version);
        }
        let mut scores: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
        for entry in self.packages.packages() {
            let Some(version) = installed.get(&(entry.name.as_str(), entry.arch.as_str())) else { continue };
            let score = scores.entry(distribution_of(&entry.origin.suite)).or_default();
            score.0 += usize::from(*version == entry.version);
            score.1 += usize::from(upstream(version) == upstream(&entry.version));
            score.2 += 1;
        }
        let best = scores.values().max().copied().ok_or("packages of none of them")?;
        let found: Vec<&str> =
            scores.iter().filter(|(_, score)| **score == best).map(|(name, _)| *name).collect();
        match found.as_slice() {
            [one] => Ok((*one).to_owned()),
            several => Err(format!("packages of {} alike", several.join(" and "))),
        }
    }

    fn sources(&self, suites: &Suites<'_>) -> String {
        let (build, key) = (self.build.display(), self.keyring.display());
        let line = |((upstream, suite), components): (&(&str, &str), &BTreeSet<&str>)| {
            let components = components.iter().copied().collect::<Vec<_>>().join(" ");
            let components = if suite.ends_with('/') { "" } else { &components };
            format!("deb [signed-by={key}] file:{build}/{upstream} {suite} {components}\n")
        };
        suites.iter().map(line).collect()
    }

    fn outcome(
        &self,
        job: &Job<'_>,
        apt: &Apt,
        number: usize,
        sizes: &BTreeMap<(&str, &str, &str), u64>,
        time_max: Duration,
    ) -> Result<Outcome, CheckError> {
        // apt is given a copy under a name of ours: the file's own name may hold what its configuration cannot.
        let path: PathBuf = self.work.join(format!("status-{number}"));
        let failed = |source| CheckError::Write { path: path.clone(), source };
        match &job.profile.status {
            Status::File(from) => fs::copy(from, &path).map(drop).map_err(failed)?,
            Status::Text(text) => fs::write(&path, text).map_err(failed)?,
        }
        let mut why = Vec::new();
        let found = match apt.simulate(&path)? {
            Ran::TooLong => {
                why.push(format!("apt took longer than {} s", time_max.as_secs()));
                Simulated::default()
            }
            Ran::Ended { is_good, text } => {
                let found = Simulated::read(&text, &job.native);
                if !is_good {
                    let said = found.errors.join("; ");
                    why.push(format!("apt cannot upgrade: {said}"));
                }
                found
            }
        };
        if !found.broken.is_empty() {
            why.push(format!("{} dependencies are not met", found.broken.len()));
        }
        let is_allowed = |act: &&Act| self.policy.may_remove.iter().any(|pattern| pattern.matches(&act.name));
        let forbidden: Vec<&str> =
            found.removed.iter().filter(|act| !is_allowed(act)).map(|act| act.name.as_str()).collect();
        if !forbidden.is_empty() {
            why.push(format!("it removes {}", forbidden.join(", ")));
        }
        let new = found.installed.iter().chain(&found.upgraded);
        let download_bytes = new
            .filter_map(|act| sizes.get(&(act.name.as_str(), act.arch.as_str(), act.new.as_deref()?)))
            .sum();
        let acts = |acts: Vec<Act>| -> Vec<Upgrade> {
            acts.into_iter()
                .map(|act| Upgrade { name: act.name, arch: act.arch, old: act.old, new: act.new })
                .collect()
        };
        Ok(Outcome {
            machines: job.profile.machines.clone(),
            suites: job.suites.clone(),
            verdict: if why.is_empty() { Verdict::Good } else { Verdict::Bad },
            why,
            installed: acts(found.installed),
            upgraded: acts(found.upgraded),
            removed: acts(found.removed),
            kept_back: found.kept_back,
            broken: found.broken,
            download_bytes,
        })
    }
}
