//! `smith mirror sync`: builds to mirrors, or from another store into this one.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use smith_repo::fetch::{Fetcher, Silent, Size};
use smith_repo::mirror::{
    Action, Anew, Keys, Mirror, Mode, Opening, Outcome, Pull, Reach, State, StatusError, SyncError, Target,
    Which, builds_at, clashes, record_mirror_sync, record_sync, sync, sync_all,
};
use smith_repo::name::{BuildNumber, MirrorName};
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::{self, Believed, DryRun, ManyArgs, NetArgs, StoreArgs, Word};
use crate::output::{self, BAD, GOOD, counted, styled};

/// Bring builds to mirrors: what is missing, verified, whole or not at all.
///
/// At a site, for the mirrors that it knows: `sync fra-01 ams-02`, `--region eu` or `--all`, and every build of the site
/// that a mirror lacks, or the builds that are named. On a mirror's own host, without a name: `sync --from URL` pulls into
/// the store itself, all that it lacks, `--newest 1` of it, or the builds that are named. Interrupted anywhere and started again, it goes on with what it had brought. A build whose words are
/// not signed by a key of the keyring does not come. Ends with 1 when something did not come; what fails on one mirror
/// holds up no other.
#[derive(Debug, Args)]
pub(super) struct Sync {
    /// Mirrors by name, builds by number
    #[arg(value_name = "MIRROR|BUILD")]
    what: Vec<Word>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    many: ManyArgs,
    /// Only so many of the newest builds of the site, or of where they are pulled from
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Mirrors")]
    newest: Option<u32>,
    /// Into the store itself, from these: addresses or folders of other stores, the first that has a build counts
    #[arg(long, value_name = "URL|FOLDER", conflicts_with_all = ["region", "all"])]
    from: Vec<String>,
    /// The public keys that builds are believed for, as `smith build key export` writes them; the site's own unless said
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    #[command(flatten)]
    net: NetArgs,
    #[command(flatten)]
    dry_run: DryRun,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Sync) -> Result<Exit, Failure> {
    let (names, builds) = input::parted(&args.what);
    match (args.many.is_none(&names), args.from.is_empty()) {
        (false, true) => to_mirrors(args, &names, &builds),
        (true, false) => into_store(args, &builds),
        (true, true) => {
            let error = "expected mirrors by name, --region or --all, or --from for the store itself";
            Err(Failure::new(Exit::Usage, error))
        }
        (false, false) => {
            let error =
                "expected mirrors or --from, found both: where a mirror pulls from is said when it is added";
            Err(Failure::new(Exit::Usage, error))
        }
    }
}

#[derive(Debug, Default, Serialize)]
struct Sum {
    mirrors: u64,
    builds: u64,
    objects: u64,
    bytes: u64,
    failed: u64,
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    sum: Sum,
    outcomes: &'a [Outcome],
}

fn to_mirrors(args: &Sync, names: &[MirrorName], listed: &[BuildNumber]) -> Result<Exit, Failure> {
    let (site, mode) = (args.store.open()?, input::mode(args.dry_run));
    let mirrors = args.many.chosen(&site, names)?;
    let believed = Believed::at(&site, args.keyring.as_ref())?;
    let which = which(args, &site, listed)?;
    let (targets, mut outcomes) = targets(args, &site, &mirrors, mode);
    // Those that are listed are compared one by one.
    if listed.is_empty() {
        outcomes.extend(clashing(&site, &targets));
    }
    input::tell(&site, &outcomes, mode)?;
    let check = |json: &[u8], signature: &[u8]| believed.check(json, signature);
    outcomes.extend(input::watched(|progress| {
        // Written down as it comes: a run that is killed has said what it did.
        let done = |outcome: &Outcome| {
            if let Err(failure) = input::tell(&site, std::slice::from_ref(outcome), mode) {
                output::failure(&failure);
            }
        };
        sync_all(&targets, &which, mode, &check, progress, &done)
    }));
    if mode == Mode::Do {
        remember(&site, &targets, &outcomes).map_err(|error| Failure::new(Exit::Output, error))?;
    }
    answer(args, mirrors.len(), &outcomes, mode)
}

fn which(args: &Sync, site: &Store, listed: &[BuildNumber]) -> Result<Which, Failure> {
    if !listed.is_empty() {
        return Ok(Which::Listed(listed.to_vec()));
    }
    let mut builds = site.builds_present().map_err(|error| Failure::new(Exit::BadInput, error))?;
    if let Some(newest) = args.newest {
        builds.drain(..builds.len().saturating_sub(newest as usize));
    }
    Ok(Which::Lacking(builds))
}

/// A mirror that cannot be opened is an outcome like any other.
fn targets(args: &Sync, site: &Store, mirrors: &[Mirror], mode: Mode) -> (Vec<Target>, Vec<Outcome>) {
    let (limits, keys) = (args.net.limits(), Keys::FromEnvironment);
    let (mut targets, mut outcomes) = (Vec::new(), Vec::new());
    let opening = Opening { anew: Anew::No, mode, now: input::now() };
    for mirror in mirrors {
        match Target::of(site, mirror, &limits, &keys, opening) {
            Ok(target) => targets.push(target),
            Err(error) => {
                let why = smith_repo::fetch::chain(&error);
                outcomes.push(Outcome::bad(&mirror.name, Action::Sync, None, why));
            }
        }
    }
    (targets, outcomes)
}

/// What a mirror has under a number of the site must be the site's build, or it would be passed over as there.
fn clashing(site: &Store, targets: &[Target]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for target in targets {
        let bad = |(build, why)| Outcome::bad(&target.name, Action::Sync, Some(build), why);
        outcomes.extend(clashes(site, target).into_iter().map(bad));
    }
    outcomes
}

fn remember(site: &Store, targets: &[Target], outcomes: &[Outcome]) -> Result<(), StatusError> {
    let now = input::now();
    for target in targets {
        if outcomes.iter().any(|one| one.mirror.as_ref() == Some(&target.name) && one.result.is_err()) {
            continue;
        }
        record_mirror_sync(site, &target.name, now)?;
        if let Reach::Store(store) = &target.reach {
            record_sync(store, now)?;
        }
    }
    Ok(())
}

fn answer(args: &Sync, mirrors: usize, outcomes: &[Outcome], mode: Mode) -> Result<Exit, Failure> {
    let mut sum = Sum { mirrors: mirrors as u64, ..Sum::default() };
    for outcome in outcomes {
        match &outcome.result {
            Ok(good) => {
                sum.builds += u64::from(good.state != "was-whole");
                sum.objects += good.objects;
                sum.bytes += good.bytes;
            }
            Err(_) => sum.failed += 1,
        }
    }
    let exit = if sum.failed == 0 { Exit::Good } else { Exit::Finding };
    if args.json {
        output::json(&Answer { sum, outcomes })?;
        return Ok(exit);
    }
    let word = if exit == Exit::Good { styled(GOOD, "good:") } else { styled(BAD, "bad:") };
    let verb = if mode == Mode::DryRun { "would come" } else { "came" };
    let (mirrors, builds) = (counted(sum.mirrors, "mirror"), counted(sum.builds, "build"));
    let objects = counted(sum.objects, "object");
    let mut text =
        format!("{word} {mirrors}: {builds} {verb}, {objects}, {} bytes ({})", sum.bytes, Size(sum.bytes));
    if sum.failed > 0 {
        text.push_str(&format!("; {} failed", sum.failed));
    }
    output::data(&format!("{text}\n"))?;
    Ok(exit)
}

/// Builds of the first source, the newest ones if so many are asked for, that this store has not, and those that it has.
fn parted(
    args: &Sync,
    store: &Store,
    fetcher: &Fetcher,
) -> Result<(Vec<BuildNumber>, Vec<BuildNumber>), Failure> {
    let Some(source) = args.from.first() else { return Ok((Vec::new(), Vec::new())) };
    let there = builds_at(fetcher, &input::address(source));
    let mut builds = there.map_err(|error| Failure::new(Exit::BadInput, error))?;
    if let Some(newest) = args.newest {
        builds.drain(..builds.len().saturating_sub(newest as usize));
    }
    // A dry run finds no store where none was made yet.
    let here = if store.builds().exists() { store.builds_present() } else { Ok(Vec::new()) };
    let here = here.map_err(|error| Failure::new(Exit::BadInput, error))?;
    Ok(builds.into_iter().partition(|build| here.binary_search(build).is_err()))
}

/// Of builds that are here those that the source has otherwise under the same number. A source that does not answer says
/// nothing.
fn differing(pull: &Pull<'_>, builds: &[BuildNumber]) -> Vec<SyncError> {
    let compared = builds.iter().filter_map(|build| sync(pull, *build, Mode::DryRun).err());
    compared.filter(|error| matches!(error, SyncError::Differs { .. })).collect()
}

/// On a mirror's own host.
fn into_store(args: &Sync, builds: &[BuildNumber]) -> Result<Exit, Failure> {
    let Some(keyring) = &args.keyring else {
        let error = "expected --keyring with the keys that builds are believed for, found none";
        return Err(Failure::new(Exit::Usage, error));
    };
    let (believed, mode) = (Believed::load(keyring)?, input::mode(args.dry_run));
    let check = |json: &[u8], signature: &[u8]| believed.check(json, signature);
    let store = match mode {
        Mode::Do => args.store.create()?,
        Mode::DryRun => args.store.planned()?,
    };
    let fetcher = args.net.fetcher()?;
    let sources = input::addresses(&args.from);
    let (builds, here) = match builds.is_empty() {
        true => parted(args, &store, &fetcher)?,
        false => (builds.to_vec(), Vec::new()),
    };
    let progress = &Silent;
    let pull = Pull { store: &store, fetcher: &fetcher, sources: &sources, check: &check, progress };
    let differing = differing(&pull, &here);
    for error in &differing {
        output::data(&format!("{} {error}\n", styled(BAD, "bad:")))?;
    }
    if builds.is_empty() && differing.is_empty() {
        output::data(&format!("{} nothing is missing\n", styled(GOOD, "good:")))?;
    }
    for build in &builds {
        let synced = input::watched(|progress| {
            let pull = Pull { store: &store, fetcher: &fetcher, sources: &sources, check: &check, progress };
            sync(&pull, *build, mode).map_err(|error| Failure::new(Exit::BadInput, error))
        });
        let synced = synced?;
        let word = match synced.state {
            State::WasWhole => "was whole",
            State::Came => "came",
            State::WouldCome => "would come",
        };
        output::data(&format!(
            "{} build={build} result={word} objects={} missing={} bytes={} seconds={:.1}\n",
            styled(GOOD, "good:"),
            synced.objects,
            synced.missing,
            synced.missing_bytes,
            synced.took.as_secs_f64()
        ))?;
    }
    if mode == Mode::Do && differing.is_empty() {
        record_sync(&store, input::now()).map_err(|error| Failure::new(Exit::Output, error))?;
    }
    Ok(if differing.is_empty() { Exit::Good } else { Exit::Finding })
}
