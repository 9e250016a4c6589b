//! `smith build purge`: old builds go.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use smith_repo::name::BuildNumber;
use smith_repo::retention::{
    InUse, Keep, PurgePlan, Purged, RetentionError, Roots, Wish, empty_trash, plan, purge,
};
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs, Sure};
use crate::output::{self, BAD, GOOD, WAITS, counted, styled};

/// How long what was taken away can be put back.
pub(super) const GRACE_HOURS: i64 = 24;

/// Take builds away, and what only they refer to.
///
/// Never a build that a channel is on or was on before, that somebody keeps, or the newest; nor one that a server of this
/// store uses, which writes into it what its projects, weeks, channels and machines are on; nor what a sync or a create
/// beside it relies on. What was taken away lies in the trash for a day and is deleted by a later purge;
/// `--now` deletes at once. `--dry-run` says what and how much.
#[derive(Debug, Args)]
pub(super) struct Purge {
    /// These builds
    #[arg(value_name = "BUILD", required_unless_present_any = ["keep_newest", "older_than_days"])]
    builds: Vec<BuildNumber>,
    #[command(flatten)]
    store: StoreArgs,
    /// All but so many of the newest
    #[arg(long, value_name = "N", conflicts_with_all = ["builds", "older_than_days"])]
    keep_newest: Option<usize>,
    /// Those that were made before so many days
    #[arg(long, value_name = "DAYS", conflicts_with = "builds", value_parser = clap::value_parser!(u32).range(1..=36500))]
    older_than_days: Option<u32>,
    /// Further builds that machines were last brought to, of which no server says so: lines of a number and how many machines
    #[arg(long, value_name = "FILE")]
    recorded: Option<PathBuf>,
    /// Delete for good at once
    #[arg(long)]
    now: bool,
    /// Only say what would be taken away
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    sure: Sure,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    builds: Vec<BuildNumber>,
    kept: BTreeMap<BuildNumber, Vec<Keep>>,
    /// Builds of earlier purges that had not ended, with whose objects this one ends, or would.
    finished: Vec<BuildNumber>,
    objects: u64,
    bytes: u64,
    /// Bytes of this and of earlier purges that are free now.
    freed: u64,
}

pub(super) fn run(args: &Purge) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let now = input::now();
    let wish = match (args.keep_newest, args.older_than_days) {
        (Some(newest), _) => Wish::AllButNewest(newest),
        (None, Some(days)) => Wish::CreatedBefore(now - SignedDuration::from_hours(24 * i64::from(days))),
        (None, None) => Wish::These(args.builds.clone()),
    };
    tell_of_silent(&store, now)?;
    let roots = Roots { recorded: input::recorded(args.recorded.as_deref())?, ..Roots::default() };
    let found = plan(&store, &wish, &roots).map_err(failed)?;
    if args.dry_run {
        return tell(args, &answer(&found, 0));
    }
    ask(args, &found)?;
    let purged = purge(&store, &found, &roots, now).map_err(failed)?;
    let grace = if args.now { SignedDuration::ZERO } else { SignedDuration::from_hours(GRACE_HOURS) };
    let freed = empty_trash(&store, grace, now).map_err(failed)?;
    let mut kept = found.kept;
    kept.extend(purged.kept.clone());
    let Purged { builds, finished, objects, bytes, .. } = purged;
    tell(args, &Answer { builds, kept, finished, objects, bytes, freed })
}

/// A server says at least once an hour what it uses; one that is down keeps what it used.
const SILENT_AFTER: SignedDuration = SignedDuration::from_hours(3);

/// Servers that have not said for long what they use. What they said last still counts.
pub(in crate::command) fn tell_of_silent(store: &Store, now: Timestamp) -> Result<(), Failure> {
    for one in InUse::all(store).map_err(failed)? {
        let age = now.duration_since(one.at);
        if age < SILENT_AFTER {
            continue;
        }
        let (site, hours) = (&one.site, counted(age.as_hours().unsigned_abs(), "hour"));
        let path = one.path(store);
        output::note(&format!(
            "the server of site {site} has not said for {hours} which builds it uses, and what it said last counts; if it is gone \
             for good, delete {}",
            path.display()
        ));
    }
    Ok(())
}

/// Where nothing goes but what went before, there is nothing to ask.
fn ask(args: &Purge, plan: &PurgePlan) -> Result<(), Failure> {
    if plan.builds.is_empty() && !args.now {
        return Ok(());
    }
    let builds = output::numbered("build", &plan.builds);
    let way_back = match args.now {
        true => "at once and for good, with what earlier purges left in the trash".to_owned(),
        false => format!("they can be restored for {GRACE_HOURS} hours"),
    };
    args.sure.or_ask(&format!("take {builds} away? {way_back}"))
}

fn answer(plan: &PurgePlan, freed: u64) -> Answer {
    let PurgePlan { builds, kept, unfinished: finished, objects, bytes, .. } = plan.clone();
    Answer { builds, kept, finished, objects, bytes, freed }
}

fn tell(args: &Purge, answer: &Answer) -> Result<Exit, Failure> {
    // Who named a build that stays did not get what was asked for.
    let is_refused = !args.builds.is_empty() && !answer.kept.is_empty();
    if args.json {
        output::json(answer)?;
    } else {
        let mut text = String::new();
        for (build, why) in &answer.kept {
            let why: Vec<String> = why.iter().map(ToString::to_string).collect();
            text.push_str(&format!("{} build {build}: {}\n", styled(WAITS, "stays:"), why.join(", ")));
        }
        let nothing = answer.builds.is_empty();
        let before = gone_before(args, answer);
        if !before.is_empty() {
            text.push_str(&format!(
                "{} {} before\n",
                styled(GOOD, "gone:"),
                output::numbered("build", &before)
            ));
        }
        if !answer.finished.is_empty() {
            let verb = if args.dry_run { "would end" } else { "ended:" };
            let builds = output::numbered("build", &answer.finished);
            text.push_str(&format!("{} the earlier purge of {builds}\n", styled(GOOD, verb)));
        }
        let builds = output::numbered("build", &answer.builds);
        let objects = counted(answer.objects, "object");
        let verb = if args.dry_run { "would go" } else { "gone" };
        let word = if is_refused { styled(BAD, "refused:") } else { styled(GOOD, "good:") };
        text.push_str(&format!("{word} {builds}: {objects}, {} bytes {verb}", answer.bytes));
        if !args.dry_run {
            text.push_str(&format!(", {} bytes free now", answer.freed));
        }
        text.push('\n');
        output::data(&text)?;
        if !args.dry_run && !args.now && !nothing {
            output::note(
                "what went lies in the trash for a day: `smith build restore N` brings a build back",
            );
        }
    }
    Ok(if is_refused { Exit::Finding } else { Exit::Good })
}

/// What somebody names and an earlier purge has taken.
fn gone_before(args: &Purge, answer: &Answer) -> Vec<BuildNumber> {
    let is_told = |build: &BuildNumber| {
        answer.builds.contains(build) || answer.kept.contains_key(build) || answer.finished.contains(build)
    };
    args.builds.iter().copied().filter(|build| !is_told(build)).collect()
}

/// What to do about a build that cannot be read.
pub(super) const MENDED_BY: &str =
    "`smith mirror recover --from URL|FOLDER --keyring FILE` brings it again from another store";

pub(super) fn failed(error: RetentionError) -> Failure {
    let exit = match &error {
        RetentionError::Unknown { .. }
        | RetentionError::Archived { .. }
        | RetentionError::Unsigned { .. }
        | RetentionError::Swept { .. } => Exit::NotThere,
        RetentionError::Store(_) => Exit::Output,
        RetentionError::Pins { .. }
        | RetentionError::InUse { .. }
        | RetentionError::Path { .. }
        | RetentionError::Held(_)
        | RetentionError::Channel(_) => Exit::BadInput,
    };
    let hint =
        matches!(error, RetentionError::Held(_)).then(|| format!("a build cannot be read; {MENDED_BY}"));
    Failure::new(exit, error).maybe_hint(hint)
}
