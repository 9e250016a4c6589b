//! `smith build diff`: what changes between two builds.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use smith_repo::channel;
use smith_repo::create::packages_of;
use smith_repo::diff::{Feed, FeedKind, Filter, Lines, Titles, compare, mark, security_suites};
use smith_repo::manifest::PackageList;
use smith_repo::mirror::Held;
use smith_repo::name::{BuildNumber, ChannelName};
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::{self, StoreArgs};
use crate::output;

/// What changes between two builds: added, removed, upgraded and downgraded packages, kernels and security fixes first.
///
/// With feeds of advisories it names the vulnerabilities that the second closes against the first.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The number of a build, or a channel such as `prod`
    old: String,
    /// The number of a build, or a channel
    new: String,
    #[command(flatten)]
    store: StoreArgs,
    /// Only this suite; a distribution means all of its suites
    #[arg(long, value_name = "SUITE")]
    suite: Option<String>,
    /// Advisories in the form of OSV
    #[arg(long, value_name = "FILE", help_heading = "Advisories")]
    osv: Vec<PathBuf>,
    /// Debian's security tracker, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Advisories")]
    debian_tracker: Vec<PathBuf>,
    /// The catalogue of vulnerabilities that are known to be exploited, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Advisories")]
    kev: Vec<PathBuf>,
    /// Markdown is for an epic
    #[arg(long, value_enum, default_value_t = Form::Text)]
    form: Form,
    /// Print JSON
    #[arg(long, conflicts_with = "form")]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Markdown,
}

pub(super) fn run(args: &Diff) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let (old, old_title) = named(&store, &args.old)?;
    let (new, new_title) = named(&store, &args.new)?;
    input::not_archived(&store, old)?;
    input::not_archived(&store, new)?;
    let list = |build| packages_of(&store, build).map_err(|error| Failure::new(Exit::NotThere, error));
    let mut security = BTreeSet::new();
    for build in [old, new] {
        let info = Held::info_of_any(&store, build).map_err(|error| Failure::new(Exit::NotThere, error))?;
        let folder = store.build(build);
        let folder = if folder.exists() { folder } else { store.unsigned_build(build) };
        let found = security_suites(&folder, &info);
        security.extend(found.map_err(|error| Failure::new(Exit::BadInput, error))?);
    }
    let filter = Filter { upstream: None, suite: args.suite.clone(), security };
    let (old, new) = (list(old)?, list(new)?);
    if let Some(suite) = &args.suite {
        known_suite(suite, &[&old, &new])?;
    }
    let mut diff = compare(&old, &new, &filter);
    let feed = |kind| move |path: &PathBuf| Feed { kind, path: path.clone() };
    let feeds = args.osv.iter().map(feed(FeedKind::Osv));
    let feeds = feeds.chain(args.debian_tracker.iter().map(feed(FeedKind::DebianTracker)));
    let feeds: Vec<Feed> = feeds.chain(args.kev.iter().map(feed(FeedKind::Kev))).collect();
    mark(&mut diff, &feeds).map_err(|error| Failure::new(Exit::BadInput, error))?;
    if args.json {
        output::json(&diff)?;
        return Ok(Exit::Good);
    }
    let titles = Titles { old: old_title, new: new_title };
    output::data(&match args.form {
        Form::Text => {
            diff.to_text_in(&titles, if output::is_screen() { Lines::Folded } else { Lines::Whole })
        }
        Form::Markdown => diff.to_markdown(&titles),
    })?;
    Ok(Exit::Good)
}

/// A suite that neither build has would give an empty difference, which says something else.
fn known_suite(suite: &str, lists: &[&PackageList]) -> Result<(), Failure> {
    let packages = lists.iter().flat_map(|list| list.packages());
    let known: BTreeSet<&str> = packages.map(|package| package.origin.suite.as_str()).collect();
    let is_known = known.iter().any(|one| *one == suite || one.split('-').next() == Some(suite));
    if is_known {
        return Ok(());
    }
    let known: Vec<&str> = known.into_iter().collect();
    let error = format!("expected a suite of these builds ({}), found {suite}", known.join(", "));
    Err(Failure::new(Exit::NotThere, error))
}

/// The build that a number or a channel names, and what to call it.
fn named(store: &Store, text: &str) -> Result<(BuildNumber, String), Failure> {
    if let Ok(number) = text.parse::<BuildNumber>() {
        return Ok((number, format!("build {number}")));
    }
    let name = ChannelName::new(text).map_err(|error| Failure::new(Exit::Usage, error))?;
    let found = channel::get(store, &name).map_err(|error| Failure::new(Exit::BadInput, error))?;
    let number = found.ok_or_else(|| {
        let error = format!("expected the number of a build or a channel that there is, found {text}");
        Failure::new(Exit::NotThere, error)
    })?;
    Ok((number, format!("{name} (build {number})")))
}
