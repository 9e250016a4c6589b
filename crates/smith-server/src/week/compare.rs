//! The links `diff` and `check`: what is new in the build, and whether machines could install it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use smith_repo::check::{Check, Exit, Policy, read_profiles};
use smith_repo::create::packages_of;
use smith_repo::diff::{Diff, Filter, Flag, Titles, compare, security_suites};
use smith_repo::mirror::Held;
use smith_repo::name::BuildNumber;
use smith_repo::pgp::KeyFolder;
use smith_repo::store::Store;

use super::job::Job;
use super::shop::{Shop, Trouble, one_line};
use crate::files::write_whole;

/// Kernels and reasons that are named in a note of one line.
const NAMED_MAX: usize = 5;

/// Compares with what the channel names, and keeps the lists where people look for evidence.
pub(super) fn diff(shop: &Shop, job: &Job, evidence: &Path) -> Result<String, Trouble> {
    let (store, new) = (shop.open()?, job.held()?);
    let channel = &job.plan.channel;
    let Some(old) = job.regions.iter().find_map(|region| region.points_to) else {
        return Ok(format!("channel {channel} names no build yet, so everything is new"));
    };
    let old = BuildNumber(old.0);
    if old == new {
        return Ok(format!("channel {channel} names build {new} already"));
    }
    let found = compared(&store, old, new)?;
    let titles = Titles { old: format!("{channel} (build {old})"), new: format!("build {new}") };
    let json = serde_json::to_vec_pretty(&found).map_err(|error| Trouble::failed(&error))?;
    let name = format!("build-{new}-diff-{channel}-{old}");
    write(evidence, &format!("{name}.md"), found.to_markdown(&titles).as_bytes())?;
    write(evidence, &format!("{name}.json"), &json)?;
    Ok(told(&found, old))
}

fn compared(store: &Store, old: BuildNumber, new: BuildNumber) -> Result<Diff, Trouble> {
    let mut security = BTreeSet::new();
    for build in [old, new] {
        let info = Held::info_of_any(store, build).map_err(|error| Trouble::failed(&error))?;
        security
            .extend(security_suites(&store.build(build), &info).map_err(|error| Trouble::failed(&error))?);
    }
    let list = |build| packages_of(store, build).map_err(|error| Trouble::failed(&error));
    let filter = Filter { upstream: None, suite: None, security };
    Ok(compare(&list(old)?, &list(new)?, &filter))
}

fn told(diff: &Diff, old: BuildNumber) -> String {
    let totals = &diff.totals;
    let mut text = format!(
        "against build {old}: {} added, {} removed, {} upgraded, {} downgraded",
        totals.added, totals.removed, totals.upgraded, totals.downgraded
    );
    if totals.security > 0 {
        text.push_str(&format!(", {} from security suites", totals.security));
    }
    let kernels: BTreeSet<&str> = diff
        .packages()
        .filter(|(_, package)| package.has(Flag::Kernel))
        .map(|(_, package)| package.name.as_str())
        .collect();
    if !kernels.is_empty() {
        let named: Vec<&str> = kernels.iter().copied().take(NAMED_MAX).collect();
        let more = kernels.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        text.push_str(&format!("; kernel: {}{more}", named.join(", ")));
    }
    text
}

/// Lets apt simulate the upgrade of every machine that a profile is known of.
pub(super) fn check(
    shop: &Shop,
    job: &Job,
    profiles: Option<&Path>,
    evidence: &Path,
) -> Result<String, Trouble> {
    let Some(profiles) = profiles else {
        return Ok("no profiles of machines are known, so nothing was checked".to_owned());
    };
    let (store, build) = (shop.open()?, job.held()?);
    let profiles = read_profiles(profiles).map_err(|error| Trouble::failed(&error))?;
    if profiles.is_empty() {
        return Ok("no profiles of machines are known, so nothing was checked".to_owned());
    }
    let packages = packages_of(&store, build).map_err(|error| Trouble::failed(&error))?;
    // Below the evidence, because that is the folder which is surely writable; each try begins with an empty one.
    let work = evidence.join(format!(".check-{}-{}", job.cycle, job.errand.0));
    if work.exists() {
        fs::remove_dir_all(&work).map_err(|error| Trouble::failed(&error))?;
    }
    fs::create_dir_all(&work).map_err(|error| Trouble::failed(&error))?;
    let keyring = work.join("smith.gpg");
    let keys = KeyFolder::new(&store.keys()).export().map_err(|error| Trouble::failed(&error))?;
    fs::write(&keyring, keys).map_err(|error| Trouble::failed(&error))?;
    let check = Check {
        build: &store.build(build),
        packages: &packages,
        keyring: &keyring,
        policy: &Policy { may_remove: Vec::new() },
        work: &work.join("apt"),
    };
    let report = check.run(&profiles);
    let removed = fs::remove_dir_all(&work);
    let report = report.map_err(|error| Trouble::failed(&error))?;
    removed.map_err(|error| Trouble::failed(&error))?;
    let text = report.to_text();
    write(evidence, &format!("build-{build}-check.txt"), text.as_bytes())?;
    let first = text.lines().next().unwrap_or_default().to_owned();
    match report.exit() {
        Exit::Good => Ok(first),
        Exit::Bad => {
            let why: BTreeSet<&str> =
                report.outcomes.iter().flat_map(|one| &one.why).map(String::as_str).collect();
            let why: Vec<&str> = why.into_iter().take(NAMED_MAX).collect();
            Err(Trouble::Refused(one_line(&format!("{first}: {}", why.join("; ")))))
        }
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Trouble> {
    write_whole(&folder.join(name), bytes).map_err(|error| Trouble::failed(&error))
}
