//! `smith mirror purge`: builds off mirrors.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;
use smith_repo::fetch::chain;
use smith_repo::mirror::{
    Action, Good, Keys, Mirror, MirrorPurge, MirrorPurging, Mode, Outcome, Place, Wanted, lacking,
    purge_mirror,
};
use smith_repo::name::{BuildNumber, MirrorName};
use smith_repo::retention::Roots;

use super::super::build::tell_of_silent;
use crate::failure::{Exit, Failure};
use crate::input::{self, Believed, DryRun, ManyArgs, StoreArgs, Sure, Word};
use crate::output::{self, BAD, GOOD, WAITS, counted, styled};

/// How long a folder keeps what was taken away.
const GRACE_HOURS: i64 = 24;

/// Take builds off mirrors that the site has no more, or that are named.
///
/// Never a build that a channel of that mirror is on or was on before, that somebody keeps there, or the newest; nor one that
/// a server of the site's store uses for its projects, weeks, channels or machines; nor what a sync beside it relies on. A build that the site has archived is one that it has. What was taken from a folder lies in its trash for a day and is deleted
/// by a later purge; `--now` deletes at once. A bucket has no trash: what goes is gone, unless the service keeps versions.
/// A build that no key of the site has signed is somebody else's: then nothing goes. A number that none of the mirrors holds is refused.
/// `--dry-run` says what and how much. Ends with 1 when a build that was named stays, or a mirror cannot be purged.
#[derive(Debug, Args)]
pub(super) struct PurgeMirrors {
    /// Mirrors by name, builds by number; those that the site has no more unless said
    #[arg(value_name = "MIRROR|BUILD")]
    what: Vec<Word>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    many: ManyArgs,
    /// Further builds that machines were last brought to, of which no server says so: lines of a number and how many machines
    #[arg(long, value_name = "FILE")]
    recorded: Option<PathBuf>,
    /// Whose builds are taken away; the site's own keys unless said
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Delete for good at once
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    sure: Sure,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    mirror: MirrorName,
    #[serde(flatten)]
    purge: MirrorPurge,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
    /// Of the trouble.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

pub(super) fn run(args: &PurgeMirrors) -> Result<Exit, Failure> {
    let (site, mode) = (args.store.open()?, input::mode(args.dry_run));
    let (names, builds) = input::parted(&args.what);
    if args.many.is_none(&names) {
        let error = "expected mirrors by name, --region or --all";
        return Err(Failure::new(Exit::Usage, error)
            .with_hint("`smith build purge` takes builds off the store itself"));
    }
    // What is archived here may be whole on mirrors alone.
    let here = site.builds_present().and_then(|mut here| {
        here.extend(site.builds_archived()?);
        Ok(here)
    });
    let here = here.map_err(|error| Failure::new(Exit::BadInput, error))?;
    let is_listed = !builds.is_empty();
    let (keys, now) = (Keys::FromEnvironment, input::now());
    tell_of_silent(&site, now)?;
    let chosen = args.many.chosen(&site, &names)?;
    are_held(&chosen, &builds, &keys)?;
    if mode == Mode::Do {
        ask(args, &chosen, &builds)?;
    }
    let believed = Believed::at(&site, args.keyring.as_ref())?;
    let check = |json: &[u8], signature: &[u8]| believed.check(json, signature);
    let wanted = if is_listed { Wanted::These(builds) } else { Wanted::AllBut(here) };
    let roots = Roots { recorded: input::recorded(args.recorded.as_deref())?, ..Roots::default() };
    let grace = if args.now { SignedDuration::ZERO } else { SignedDuration::from_hours(GRACE_HOURS) };
    let how = MirrorPurging {
        site: &site,
        keys: &keys,
        check: &check,
        wanted: &wanted,
        roots: &roots,
        mode,
        grace,
        now,
    };
    let mut answers = Vec::new();
    for mirror in chosen {
        let began = Instant::now();
        let done = purge_mirror(&how, &mirror);
        let code = done.as_ref().err().and_then(|error| error.code());
        let done = done.map_err(|error| chain(&error));
        let name = mirror.name;
        input::tell(&site, &outcomes(&name, &done, began.elapsed().as_secs_f64(), mode), mode)?;
        let trouble = done.as_ref().err().cloned();
        answers.push(Answer { mirror: name, purge: done.unwrap_or_default(), trouble, code });
    }
    if args.json {
        output::json(&answers)?;
    } else {
        output::data(&answers.iter().map(|answer| text(answer, mode)).collect::<String>())?;
    }
    let is_bad = |one: &Answer| one.trouble.is_some() || (is_listed && !one.purge.kept.is_empty());
    Ok(if answers.iter().any(is_bad) { Exit::Finding } else { Exit::Good })
}

fn ask(args: &PurgeMirrors, chosen: &[Mirror], builds: &[BuildNumber]) -> Result<(), Failure> {
    let names: Vec<String> = chosen.iter().map(|mirror| mirror.name.to_string()).collect();
    let what = match builds {
        [] => "the builds that the site has no more".to_owned(),
        some => output::numbered("build", some),
    };
    let is_final = args.now || chosen.iter().any(|mirror| matches!(mirror.place, Place::S3(_)));
    let way_back = if is_final { "what goes is gone" } else { "it lies in their trash for a day" };
    args.sure.or_ask(&format!("take {what} off {}? {way_back}", names.join(", ")))
}

/// A number that no mirror has is a slip of the pen, and is told before anything goes.
fn are_held(chosen: &[Mirror], builds: &[BuildNumber], keys: &Keys) -> Result<(), Failure> {
    if builds.is_empty() {
        return Ok(());
    }
    // A mirror that cannot be asked is told of below, beside what became of the others.
    let lacked = lacking(chosen, builds, keys).unwrap_or_default();
    if lacked.is_empty() {
        return Ok(());
    }
    let lacked: Vec<String> = lacked.iter().map(ToString::to_string).collect();
    let names: Vec<String> = chosen.iter().map(|mirror| mirror.name.to_string()).collect();
    let error = format!("expected builds that {} holds, found {}", names.join(" or "), lacked.join(", "));
    Err(Failure::new(Exit::NotThere, error).with_hint("`smith mirror status --builds` shows what each holds"))
}

/// A line for each build that went, and one with what that came to.
fn outcomes(name: &MirrorName, done: &Result<MirrorPurge, String>, seconds: f64, mode: Mode) -> Vec<Outcome> {
    let purge = match done {
        Ok(purge) => purge,
        Err(why) => return vec![Outcome::bad(name, Action::Purge, None, why.clone())],
    };
    let state = if mode == Mode::DryRun { "would-go" } else { "gone" };
    let good = |objects, bytes, seconds| Good { state: state.to_owned(), objects, bytes, seconds };
    let each = |build| Outcome::did(name, Action::Purge, Some(build), good(0, 0, 0.0));
    let mut outcomes: Vec<Outcome> = purge.builds.iter().copied().map(each).collect();
    outcomes.push(Outcome::did(name, Action::Purge, None, good(purge.objects, purge.bytes, seconds)));
    outcomes
}

fn text(answer: &Answer, mode: Mode) -> String {
    let Answer { mirror, purge, trouble, code } = answer;
    if let Some(why) = trouble {
        let code = code.map_or_else(String::new, |code| format!(" [{code}]"));
        return format!("{} {mirror}: {why}{code}\n", styled(BAD, "bad:"));
    }
    let mut text = String::new();
    for (build, why) in &purge.kept {
        let why: Vec<String> = why.iter().map(ToString::to_string).collect();
        text.push_str(&format!("{} {mirror} build {build}: {}\n", styled(WAITS, "stays:"), why.join(", ")));
    }
    if !purge.finished.is_empty() {
        let verb = if mode == Mode::DryRun { "would end" } else { "ended:" };
        let builds = output::numbered("build", &purge.finished);
        text.push_str(&format!("{} {mirror}: the earlier purge of {builds}\n", styled(GOOD, verb)));
    }
    let builds = output::numbered("build", &purge.builds);
    let objects = counted(purge.objects, "object");
    let (verb, bytes) = (if mode == Mode::DryRun { "would go" } else { "gone" }, purge.bytes);
    text.push_str(&format!("{} {mirror}: {builds}: {objects}, {bytes} bytes {verb}", styled(GOOD, "good:")));
    if mode == Mode::Do {
        text.push_str(&format!(", {} bytes free now", purge.freed));
    }
    text.push('\n');
    text
}
