//! `smith mirror verify`: whether a store, or mirrors, hold what their builds say.

use std::time::Instant;

use clap::Args;
use serde::Serialize;
use smith_repo::fetch::{Fetcher, chain};
use smith_repo::mirror::{
    Action, Anew, Depth, Findings, Good, Keys, Mirror, Mode, Opening, Outcome, Push, Reach, RepairPlan,
    Scope, Supply, Target, Turn, plan_repair, record_bucket_verify, record_verify, repair, verify,
    verify_present,
};
use smith_repo::name::{BuildNumber, MirrorName};
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::{self, Believed, DryRun, ManyArgs, NetArgs, StoreArgs, Word};
use crate::output::{self, BAD, GOOD, WAITS, counted, styled};

/// Compare what lies on mirrors, or in a store, with the builds, every byte of it, and mend it.
///
/// Without a mirror it is about the store itself. Of a bucket the service is asked for names, sizes and the hashes that were
/// kept beside them. `--repair` fetches what is missing or damaged again, from where the mirror pulls or `--from` others,
/// and puts what is foreign away; with `--dry-run` it only says what that would come to. Ends with 1 when something is
/// missing, damaged or foreign still.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Mirrors by name, builds by number; all builds unless said
    #[arg(value_name = "MIRROR|BUILD")]
    what: Vec<Word>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    many: ManyArgs,
    /// Only look for files, sizes and links
    #[arg(long)]
    quick: bool,
    /// Fetch what is missing or damaged again; put what is foreign away
    #[arg(long)]
    repair: bool,
    /// Where objects are fetched from for the store itself: addresses or folders of other stores
    #[arg(long, value_name = "URL|FOLDER", conflicts_with_all = ["region", "all"])]
    from: Vec<String>,
    /// The public keys that builds are believed for when a bucket is mended; the site's own unless said
    #[arg(long, value_name = "FILE")]
    keyring: Option<std::path::PathBuf>,
    #[command(flatten)]
    net: NetArgs,
    #[command(flatten)]
    dry_run: DryRun,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was found, and what was or would be done about it.
#[derive(Debug, Default, Serialize)]
struct Looked {
    #[serde(flatten)]
    findings: Findings,
    /// What was wrong before it was mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<RepairPlan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mended: Option<RepairPlan>,
    /// What was or would be put away, by the paths that it has below the store.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    away: Vec<String>,
    /// Where that lies now.
    #[serde(skip_serializing_if = "Option::is_none")]
    trash: Option<String>,
    /// Channels that were left as they are, and what they need.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unmended: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    mirror: MirrorName,
    #[serde(flatten)]
    looked: Looked,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

pub(super) fn run(args: &Verify) -> Result<Exit, Failure> {
    let (names, builds) = input::parted(&args.what);
    let mode = input::mode(args.dry_run);
    if mode == Mode::DryRun && !args.repair {
        return Err(Failure::new(
            Exit::Usage,
            "expected --repair with --dry-run: a verification changes nothing",
        ));
    }
    if !args.many.is_none(&names) {
        if !args.from.is_empty() {
            let error = "expected mirrors or --from, found both: a mirror is mended from where it pulls";
            return Err(Failure::new(Exit::Usage, error));
        }
        return of_mirrors(args, &names, &builds, mode);
    }
    if args.repair && args.from.is_empty() {
        return Err(Failure::new(Exit::Usage, "expected --from with --repair, found none"));
    }
    let store = args.store.open()?;
    let from = input::addresses(&args.from);
    let fetcher = args.net.fetcher()?;
    let looked = of_store(args, &store, &builds, &Bases { fetcher: &fetcher, from: &from }, mode)?;
    if args.json {
        output::json(&looked)?;
    } else {
        output::data(&text(&looked, None))?;
    }
    Ok(if looked.findings.is_sound() { Exit::Good } else { Exit::Finding })
}

fn relative(store: &Store, path: &std::path::Path) -> String {
    path.strip_prefix(store.root()).unwrap_or(path).display().to_string()
}

struct Bases<'a> {
    fetcher: &'a Fetcher,
    from: &'a [String],
}

fn of_store(
    args: &Verify,
    store: &Store,
    builds: &[BuildNumber],
    bases: &Bases<'_>,
    mode: Mode,
) -> Result<Looked, Failure> {
    let scope = if args.quick { Scope::QUICK } else { Scope::FULL };
    builds.iter().try_for_each(|build| input::not_archived(store, *build))?;
    let mut looked = Looked::default();
    if args.repair && mode == Mode::Do {
        let all = || store.builds_present().map_err(|error| Failure::new(Exit::BadInput, error));
        let builds = if builds.is_empty() { all()? } else { builds.to_vec() };
        let repaired = input::watched(|progress| {
            let supply = Supply { fetcher: bases.fetcher, bases: bases.from, progress };
            repair(store, &builds, &scope, supply, input::now())
        });
        let repaired = repaired.map_err(|error| Failure::new(Exit::Output, error))?;
        for failed in &repaired.failed {
            output::note(&format!("no source gave {}", chain(failed)));
        }
        looked.before = Some(repaired.before.why());
        looked.mended = Some(repaired.did());
        looked.trash = repaired.trash.as_ref().map(|trash| relative(store, trash));
        looked.unmended = repaired.unmended.into_iter().map(|(_, why)| why).collect();
        looked.away = repaired.away;
        looked.findings = repaired.after;
    } else {
        let found =
            if builds.is_empty() { verify_present(store, &scope) } else { verify(store, builds, &scope) };
        looked.findings = found.map_err(|error| Failure::new(Exit::BadInput, error))?;
        if args.repair {
            let planned = input::watched(|progress| {
                let supply = Supply { fetcher: bases.fetcher, bases: bases.from, progress };
                plan_repair(store, &looked.findings, supply)
            });
            let planned = planned.map_err(|error| Failure::new(Exit::BadInput, error))?;
            (looked.plan, looked.away) = (Some(planned.plan), planned.away);
        }
    }
    if mode == Mode::Do
        && let Err(error) = record_verify(store, &looked.findings, scope.depth, input::now())
    {
        // Whoever may only read a store may verify it all the same.
        output::note(&format!("this is not written down for `smith mirror status`: {}", chain(&error)));
    }
    Ok(looked)
}

fn of_mirrors(
    args: &Verify,
    names: &[MirrorName],
    builds: &[BuildNumber],
    mode: Mode,
) -> Result<Exit, Failure> {
    let site = args.store.open()?;
    let mut answers = Vec::new();
    for mirror in args.many.chosen(&site, names)? {
        let began = Instant::now();
        let looked = of_mirror(args, &site, &mirror, builds, mode);
        let trouble = looked.as_ref().err().map(Failure::reason);
        let answer = Answer { mirror: mirror.name, looked: looked.unwrap_or_default(), trouble };
        input::tell(&site, &outcomes(args, &answer, began.elapsed().as_secs_f64()), mode)?;
        answers.push(answer);
    }
    if args.json {
        output::json(&answers)?;
    } else {
        for answer in &answers {
            let line = match &answer.trouble {
                Some(why) => format!("{} {}: {why}\n", styled(BAD, "bad:"), answer.mirror),
                None => text(&answer.looked, Some(&answer.mirror)),
            };
            output::data(&line)?;
        }
    }
    let is_good = |one: &Answer| one.trouble.is_none() && one.looked.findings.is_sound();
    Ok(if answers.iter().all(is_good) { Exit::Good } else { Exit::Finding })
}

fn of_mirror(
    args: &Verify,
    site: &Store,
    mirror: &Mirror,
    builds: &[BuildNumber],
    mode: Mode,
) -> Result<Looked, Failure> {
    // Never made here: a mirror that is not there holds nothing.
    let (limits, keys) = (args.net.limits(), Keys::FromEnvironment);
    let opening = Opening { anew: Anew::No, mode: Mode::DryRun, now: input::now() };
    let target = Target::of(site, mirror, &limits, &keys, opening)
        .map_err(|error| Failure::new(Exit::BadInput, error))?;
    match &target.reach {
        Reach::Store(planned) => {
            let store = Store::open(planned.root()).map_err(|error| Failure::new(Exit::BadInput, error))?;
            let fetcher =
                Fetcher::new(target.limits.clone()).map_err(|error| Failure::new(Exit::Bug, error))?;
            let from = input::addresses(&target.sources);
            of_store(args, &store, builds, &Bases { fetcher: &fetcher, from: &from }, mode)
        }
        Reach::Bucket { bucket, .. } => {
            let held = bucket.builds().map_err(|error| Failure::new(Exit::BadInput, error))?;
            let here = site.builds_present().map_err(|error| Failure::new(Exit::BadInput, error))?;
            let (known, lost): (Vec<_>, Vec<_>) =
                held.iter().copied().partition(|build| here.contains(build));
            if builds.is_empty() && !lost.is_empty() {
                let (are, them) =
                    (if lost.len() > 1 { "are" } else { "is" }, output::numbered("build", &lost));
                let mirror = &mirror.name;
                output::note(&format!("{mirror}: {them} {are} not at the site, and cannot be compared"));
            }
            builds.iter().try_for_each(|build| input::not_archived(site, *build))?;
            let builds = if builds.is_empty() { known } else { builds.to_vec() };
            let kept = Kept { site, name: &mirror.name, bucket, held: &held };
            kept.look(args, &builds, mode)
        }
    }
}

/// A bucket with the builds that it holds.
struct Kept<'a> {
    site: &'a Store,
    name: &'a MirrorName,
    bucket: &'a smith_repo::mirror::S3,
    held: &'a [BuildNumber],
}

impl Kept<'_> {
    fn look(&self, args: &Verify, builds: &[BuildNumber], mode: Mode) -> Result<Looked, Failure> {
        let failed = |error| Failure::new(Exit::BadInput, error);
        let depth = if args.quick { Depth::Quick } else { Depth::Full };
        let mut looked = Looked::default();
        if !args.repair {
            for build in builds {
                let findings = self.bucket.verify(self.site, *build, depth).map_err(failed)?;
                self.remember(&findings, depth);
                gather(&mut looked.findings, findings);
            }
            return Ok(looked);
        }
        let believed = Believed::at(self.site, args.keyring.as_ref())?;
        let check = |json: &[u8], signature: &[u8]| believed.check(json, signature);
        let _turn = match mode {
            Mode::Do => Some(
                Turn::to_bring(self.site, self.name).map_err(|error| Failure::new(Exit::NotThere, error))?,
            ),
            Mode::DryRun => None,
        };
        let (mut plan, mut before) = (RepairPlan::default(), Findings::default());
        for build in builds {
            let mended = input::watched(|progress| {
                self.bucket.mend(&Push { source: self.site, check: &check, mode, progress }, *build, depth)
            });
            let mended = mended.map_err(failed)?;
            plan.fetch += mended.put;
            plan.fetch_bytes += mended.put_bytes;
            plan.put_away += mended.deleted;
            if mode == Mode::Do {
                self.remember(&mended.after, depth);
            }
            gather(&mut before, mended.before);
            gather(&mut looked.findings, mended.after);
        }
        match mode {
            Mode::Do => (looked.before, looked.mended) = (Some(before.why()), Some(plan)),
            Mode::DryRun => looked.plan = Some(plan),
        }
        Ok(looked)
    }

    fn remember(&self, findings: &Findings, depth: Depth) {
        let now = input::now();
        if let Err(error) = record_bucket_verify(self.site, self.name, self.held, findings, depth, now) {
            output::note(&format!("this is not written down for `smith mirror status`: {}", chain(&error)));
        }
    }
}

/// What was found of one build, to what was found of others.
fn gather(all: &mut Findings, one: Findings) {
    all.builds.extend(one.builds);
    all.files += one.files;
    all.objects += one.objects;
    all.hashed += one.hashed;
    all.hashed_bytes += one.hashed_bytes;
    all.missing.extend(one.missing);
    all.damaged.extend(one.damaged);
    all.foreign.extend(one.foreign);
    all.links.extend(one.links);
    all.left.extend(one.left);
    all.lists.extend(one.lists);
    all.touched.extend(one.touched);
}

/// One line for what is good, or one for each build that is not.
fn outcomes(args: &Verify, answer: &Answer, seconds: f64) -> Vec<Outcome> {
    let action = if args.repair { Action::Repair } else { Action::Verify };
    let Answer { mirror, looked, trouble } = answer;
    let bad = |build, why: String| Outcome::bad(mirror, action, build, why);
    if let Some(why) = trouble {
        return vec![bad(None, why.clone())];
    }
    let findings = &looked.findings;
    if findings.is_sound() {
        let mended = looked.mended.filter(|mended| *mended != RepairPlan::default());
        let (state, objects, bytes) = match mended {
            Some(mended) => ("mended", mended.fetch, mended.fetch_bytes),
            None => ("verified", findings.files, findings.hashed_bytes),
        };
        let good = Good { state: state.to_owned(), objects, bytes, seconds };
        return vec![Outcome::did(mirror, action, None, good)];
    }
    if findings.touched.is_empty() {
        return vec![bad(None, findings.why())];
    }
    findings.touched.iter().map(|build| bad(Some(*build), findings.why())).collect()
}

fn text(looked: &Looked, mirror: Option<&MirrorName>) -> String {
    let of = mirror.map_or_else(String::new, |mirror| format!("{mirror}: "));
    let findings = &looked.findings;
    let mut text = String::new();
    if let (Some(before), Some(mended)) = (&looked.before, looked.mended) {
        text.push_str(&format!("{of}before: {before}\n{of}done: {mended}\n"));
    }
    for path in &looked.away {
        text.push_str(&match &looked.trash {
            Some(trash) => format!("away     {path} into {trash}\n"),
            None => format!("away     {path}\n"),
        });
    }
    for why in &looked.unmended {
        text.push_str(&format!("left     {why}\n"));
    }
    if findings.is_sound() {
        let (word, files) = (styled(GOOD, "good:"), counted(findings.files, "file"));
        let left = match findings.left.len() as u64 {
            0 => String::new(),
            left => format!(", {left} of them left upstream"),
        };
        let verb = if findings.builds.len() > 1 { "hold" } else { "holds" };
        let builds = output::numbered("build", &findings.builds);
        text.push_str(&format!("{word} {of}{builds} {verb}, {files}{left}\n"));
    } else {
        text.push_str(&format!("{} {of}{}\n{}", styled(BAD, "bad:"), findings.why(), each(findings)));
    }
    if let Some(caveat) = findings.caveat() {
        text.push_str(&format!("{} {of}{caveat}\n", styled(WAITS, "untold:")));
    }
    if let Some(plan) = looked.plan {
        text.push_str(&format!("{of}would do: {plan}\n"));
    }
    text
}

/// A line for everything that is wrong.
fn each(findings: &Findings) -> String {
    let mut text = String::new();
    for one in &findings.missing {
        text.push_str(&format!("missing  {} sha256 {}\n", one.path, one.hash));
    }
    for one in &findings.damaged {
        text.push_str(&format!(
            "damaged  {} expected sha256 {}, found {}\n",
            one.paths.join(", "),
            one.hash,
            one.found
        ));
    }
    for one in &findings.links {
        text.push_str(&format!("link     {} expected {}, found {}\n", one.path, one.expected, one.found));
    }
    for one in &findings.channels {
        text.push_str(&format!("channel  {} expected {}, found {}\n", one.path, one.expected, one.found));
    }
    for one in &findings.foreign {
        text.push_str(&format!("foreign  {one}\n"));
    }
    for (build, why) in &findings.lists {
        text.push_str(&format!("list     build {build}: {why}; `smith mirror recover` brings it again\n"));
    }
    text
}
