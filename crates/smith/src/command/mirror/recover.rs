//! `smith mirror recover`: a mirror that is half of itself made whole.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use smith_repo::channel::{Order, Switched, Way};
use smith_repo::fetch::{Fetcher, Progress, chain};
use smith_repo::mirror::{
    Action, Anew, Check, Depth, Good, Keys, Mirror, Mode, Opening, Outcome, Pull, Push, Reach, S3, Target,
    Turn, mirror, mirror_channels, record_bucket_verify, recover, status,
};
use smith_repo::name::{BuildNumber, ChannelName, MirrorName};
use smith_repo::pgp::Signer;
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::{self, Believed, DryRun, NetArgs, Place, SigningArgs, StoreArgs, Suites, Word};
use crate::output::{self, BAD, GOOD, counted, styled};

/// Make a mirror whole again after a crash or a lost disk, and say what was done.
///
/// Clears what killed runs left, takes in what they had brought, sets builds aside whose lists cannot be read, verifies
/// every byte, mends it, and brings every build of the site, or the builds that are named. At a site for a mirror that it
/// knows, of which it leads channels that are gone to where they were; without a name for the store itself, `--from`
/// others. Ends with 1 when something is still wrong.
#[derive(Debug, Args)]
pub(super) struct Recover {
    /// A mirror by its name, builds by number
    #[arg(value_name = "MIRROR|BUILD")]
    what: Vec<Word>,
    #[command(flatten)]
    store: StoreArgs,
    /// For the store itself: addresses or folders of other stores, the best first
    #[arg(long, value_name = "URL|FOLDER")]
    from: Vec<String>,
    /// The public keys that builds are believed for; the site's own unless said
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    #[command(flatten)]
    net: NetArgs,
    #[command(flatten)]
    signing: SigningArgs,
    #[command(flatten)]
    dry_run: DryRun,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Said in the history of a channel that was led back to where it was.
const RECOVERED: &str = "it was here before the mirror was recovered";

/// What was done, or would be.
#[derive(Debug, Default, Serialize)]
struct Answer {
    did: Vec<String>,
    objects: u64,
    bytes: u64,
    failed: Vec<(BuildNumber, String)>,
    /// What is wrong still; of a dry run, what is wrong now.
    wrong: Option<String>,
}

pub(super) fn run(args: &Recover) -> Result<Exit, Failure> {
    let (names, builds) = input::parted(&args.what);
    let (mode, began) = (input::mode(args.dry_run), Instant::now());
    match (names.as_slice(), args.from.is_empty()) {
        ([], false) => {
            let store = if mode == Mode::Do { args.store.create()? } else { args.store.planned()? };
            let Some(keyring) = &args.keyring else {
                let error = "expected --keyring with the keys that builds are believed for, found none";
                return Err(Failure::new(Exit::Usage, error));
            };
            let (believed, fetcher) = (Believed::load(keyring)?, args.net.fetcher()?);
            let sources = input::addresses(&args.from);
            let reach = Into { store: &store, fetcher: &fetcher, sources: &sources };
            tell(args, &of_store(&reach, &builds, &believed, mode)?, mode)
        }
        ([name], true) => {
            let site = args.store.open()?;
            let mirror = mirror(&site, name).map_err(input::registry)?;
            let believed = Believed::at(&site, args.keyring.as_ref())?;
            let builds = if builds.is_empty() {
                site.builds_present().map_err(|error| Failure::new(Exit::BadInput, error))?
            } else {
                builds
            };
            let done = of_mirror(args, &site, &mirror, &builds, &believed, mode).and_then(|mut answer| {
                lead_back(args, &site, &mirror, mode, &mut answer)?;
                Ok(answer)
            });
            let answer = match done {
                Ok(answer) => answer,
                Err(failure) => {
                    let outcome = Outcome::bad(name, Action::Recover, None, failure.reason());
                    input::tell(&site, &[outcome], mode)?;
                    return Err(failure);
                }
            };
            let outcome = outcome(name, &answer, began.elapsed().as_secs_f64(), mode);
            input::tell(&site, &[outcome], mode)?;
            tell(args, &answer, mode)
        }
        ([], true) => Err(usage("expected a mirror by its name, or --from for the store itself")),
        (_, _) => Err(usage("expected one mirror, or --from for the store itself")),
    }
}

fn usage(error: &'static str) -> Failure {
    Failure::new(Exit::Usage, error)
}

struct Into<'a> {
    store: &'a Store,
    fetcher: &'a Fetcher,
    sources: &'a [String],
}

fn of_store(
    into: &Into<'_>,
    builds: &[BuildNumber],
    believed: &Believed,
    mode: Mode,
) -> Result<Answer, Failure> {
    let check = |json: &[u8], signature: &[u8]| believed.check(json, signature);
    let done = input::watched(|progress| {
        let Into { store, fetcher, sources } = into;
        recover(&Pull { store, fetcher, sources, check: &check, progress }, builds, mode, input::now())
    });
    let done = done.map_err(|error| Failure::new(Exit::Output, error))?;
    let wrong = if done.after.is_good() { None } else { Some(done.after.why()) };
    Ok(Answer { did: done.did, objects: done.objects, bytes: done.bytes, failed: done.failed, wrong })
}

fn of_mirror(
    args: &Recover,
    site: &Store,
    mirror: &Mirror,
    builds: &[BuildNumber],
    believed: &Believed,
    mode: Mode,
) -> Result<Answer, Failure> {
    let (limits, keys) = (args.net.limits(), Keys::FromEnvironment);
    let opening = Opening { anew: Anew::Yes, mode, now: input::now() };
    let target = Target::of(site, mirror, &limits, &keys, opening)
        .map_err(|error| Failure::new(Exit::BadInput, error))?;
    match &target.reach {
        Reach::Store(store) => {
            let fetcher =
                Fetcher::new(target.limits.clone()).map_err(|error| Failure::new(Exit::Bug, error))?;
            let into = Into { store, fetcher: &fetcher, sources: &target.sources };
            of_store(&into, builds, believed, mode)
        }
        Reach::Bucket { bucket, .. } => {
            let check = |json: &[u8], signature: &[u8]| believed.check(json, signature);
            let _turn = match mode {
                Mode::Do => Some(
                    Turn::to_bring(site, &mirror.name)
                        .map_err(|error| Failure::new(Exit::NotThere, error))?,
                ),
                Mode::DryRun => None,
            };
            input::watched(|progress| {
                let whole = Whole { site, name: &mirror.name, bucket, check: &check, mode, progress };
                whole.of_bucket(builds)
            })
        }
    }
}

/// Channels that the site has set there and that are gone, each to where it was.
fn lead_back(
    args: &Recover,
    site: &Store,
    mirror: &Mirror,
    mode: Mode,
    answer: &mut Answer,
) -> Result<(), Failure> {
    let name = &mirror.name;
    let lost = match (status(site, mirror, &Keys::FromEnvironment), mode) {
        (Ok(status), _) => status.lost_channels,
        // There is no folder yet in which it could be looked for.
        (Err(_), Mode::DryRun) => {
            let known = mirror_channels(site, name).map_err(|error| Failure::new(Exit::BadInput, error))?;
            known.into_iter().map(|(channel, one)| (channel, one.build)).collect()
        }
        (Err(error), Mode::Do) => return Err(Failure::new(Exit::BadInput, error)),
    };
    for (channel, build) in lost {
        if mode == Mode::DryRun {
            answer.did.push(format!("Would lead channel {channel} to build {build}, where it was."));
            continue;
        }
        let why = match lead_one(args, site, mirror, &channel, build) {
            Ok(None) => {
                answer.did.push(format!("Led channel {channel} to build {build}, where it was."));
                let good = Good { state: format!("{channel}-moved"), objects: 0, bytes: 0, seconds: 0.0 };
                input::tell(site, &[Outcome::did(name, Action::Channel, Some(build), good)], mode)?;
                continue;
            }
            Ok(Some(stuck)) => format!(
                "channel {channel} is on build {build} again, and clients that have seen a newer {stuck} keep it; `smith \
                 channel refresh {channel} --mirror {name}` where the key is"
            ),
            Err(failure) => format!(
                "channel {channel} was on build {build} and is gone ({}); `smith channel set {channel} {build} --mirror \
                 {name}` brings it back",
                failure.reason()
            ),
        };
        input::tell(site, &[Outcome::bad(name, Action::Channel, Some(build), why.clone())], mode)?;
        answer.wrong.get_or_insert(why);
    }
    Ok(())
}

/// Answers the suite that clients will not take, for want of a key.
fn lead_one(
    args: &Recover,
    site: &Store,
    mirror: &Mirror,
    channel: &ChannelName,
    build: BuildNumber,
) -> Result<Option<String>, Failure> {
    let place = Place::of(site, mirror, Suites::Kept)?;
    place.check(channel, build)?;
    let keys = args.signing.keys(site)?;
    let order = Order { who: input::who(), why: RECOVERED.to_owned(), at: input::now() };
    let signer = keys.as_ref().map(|keys| keys as &dyn Signer);
    match place.set(channel, build, Way::To, &order, signer)? {
        Switched::WasThere => Ok(None),
        Switched::Moved(moved) => Ok(moved.stuck().next().map(str::to_owned)),
    }
}

/// A bucket and all that is needed to make it whole.
struct Whole<'a> {
    site: &'a Store,
    name: &'a MirrorName,
    bucket: &'a S3,
    check: Check<'a>,
    mode: Mode,
    progress: &'a dyn Progress,
}

impl Whole<'_> {
    fn of_bucket(&self, builds: &[BuildNumber]) -> Result<Answer, Failure> {
        let failed = |error| Failure::new(Exit::BadInput, error);
        let held = self.bucket.builds().map_err(failed)?;
        let mut answer = Answer::default();
        for build in builds {
            let done = if held.contains(build) {
                self.mend(*build, &held, &mut answer)
            } else {
                self.push(*build, &mut answer)
            };
            if let Err(why) = done {
                answer.failed.push((*build, why));
            }
        }
        Ok(answer)
    }

    fn mend(&self, build: BuildNumber, held: &[BuildNumber], answer: &mut Answer) -> Result<(), String> {
        let Self { site, name, bucket, check, mode, progress } = *self;
        let push = Push { source: site, check, mode, progress };
        let mended = bucket.mend(&push, build, Depth::Full);
        let mended = mended.map_err(|error| chain(&error))?;
        answer.did.push(format!("Verified build {build}: {}.", mended.before.why()));
        if !mended.before.is_good() {
            let (put, deleted) = (counted(mended.put, "file"), counted(mended.deleted, "foreign key"));
            let verb = if mode == Mode::DryRun { "Would mend" } else { "Mended" };
            answer.did.push(format!("{verb} build {build}: {put} put again, {deleted} deleted."));
        }
        answer.objects += mended.put;
        answer.bytes += mended.put_bytes;
        if !mended.after.is_good() {
            answer.wrong = Some(mended.after.why());
        }
        if mode == Mode::Do {
            record_bucket_verify(site, name, held, &mended.after, Depth::Full, input::now())
                .map_err(|error| chain(&error))?;
        }
        Ok(())
    }

    fn push(&self, build: BuildNumber, answer: &mut Answer) -> Result<(), String> {
        let pushed = self.bucket.push(self.site, build, self.check, self.mode, self.progress);
        let pushed = pushed.map_err(|error| chain(&error))?;
        let verb = if self.mode == Mode::DryRun { "Would bring" } else { "Brought" };
        answer.did.push(format!(
            "{verb} build {build}: {} of {}.",
            pushed.missing,
            counted(pushed.objects, "file")
        ));
        answer.objects += pushed.missing;
        answer.bytes += pushed.missing_bytes;
        Ok(())
    }
}

fn outcome(name: &MirrorName, answer: &Answer, seconds: f64, mode: Mode) -> Outcome {
    if let Some(why) = trouble(answer, mode) {
        return Outcome::bad(name, Action::Recover, None, why);
    }
    let state = if mode == Mode::DryRun { "would-recover" } else { "whole" }.to_owned();
    let good = Good { state, objects: answer.objects, bytes: answer.bytes, seconds };
    Outcome::did(name, Action::Recover, None, good)
}

/// What a dry run finds wrong is what it would mend.
fn trouble(answer: &Answer, mode: Mode) -> Option<String> {
    if let Some((build, why)) = answer.failed.first() {
        return Some(format!(
            "{} did not come; build {build}: {why}",
            counted(answer.failed.len() as u64, "build")
        ));
    }
    answer.wrong.clone().filter(|_| mode == Mode::Do)
}

fn tell(args: &Recover, answer: &Answer, mode: Mode) -> Result<Exit, Failure> {
    let trouble = trouble(answer, mode);
    let exit = if trouble.is_some() { Exit::Finding } else { Exit::Good };
    if args.json {
        output::json(answer)?;
        return Ok(exit);
    }
    let mut text: String = answer.did.iter().map(|line| format!("{line}\n")).collect();
    for (build, why) in &answer.failed {
        text.push_str(&format!("{} build {build}: {why}\n", styled(BAD, "bad:")));
    }
    let sum = format!("{}, {} bytes", counted(answer.objects, "object"), answer.bytes);
    text.push_str(&match (&trouble, mode) {
        (Some(why), _) => format!("{} {why}\n", styled(BAD, "bad:")),
        (None, Mode::Do) => format!("{} the mirror is whole; {sum} came\n", styled(GOOD, "good:")),
        (None, Mode::DryRun) => format!("{} {sum} would come\n", styled(GOOD, "good:")),
    });
    output::data(&text)?;
    Ok(exit)
}
