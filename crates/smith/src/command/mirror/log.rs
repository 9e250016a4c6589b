//! `smith mirror log`: what was done to mirrors.

use std::collections::BTreeMap;

use clap::Args;
use smith_repo::mirror::read_log;
use smith_repo::name::{BuildNumber, MirrorName};

use crate::failure::{Exit, Failure};
use crate::input::StoreArgs;
use crate::output;

/// What was done to mirrors, one line for each mirror and build, the newest last.
///
/// The log is the file `mirror-log` of the site's store, made to be searched with anything.
#[derive(Debug, Args)]
pub(super) struct Log {
    #[command(flatten)]
    store: StoreArgs,
    /// Of this mirror
    #[arg(long, value_name = "MIRROR")]
    mirror: Option<MirrorName>,
    /// Of this build
    #[arg(long, value_name = "BUILD")]
    build: Option<BuildNumber>,
    /// What did not go well
    #[arg(long)]
    bad: bool,
    /// So many of the newest; 0 means all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Log) -> Result<Exit, Failure> {
    let lines = read_log(&args.store.open()?).map_err(|error| Failure::new(Exit::BadInput, error))?;
    let mut wanted: Vec<&str> =
        lines.iter().map(String::as_str).filter(|line| is_wanted(args, line)).collect();
    if args.limit > 0 {
        wanted.drain(..wanted.len().saturating_sub(args.limit));
    }
    if args.json {
        output::json(&wanted.into_iter().map(fields).collect::<Vec<_>>())?;
    } else {
        output::data(&wanted.into_iter().map(|line| format!("{line}\n")).collect::<String>())?;
    }
    Ok(Exit::Good)
}

fn is_wanted(args: &Log, line: &str) -> bool {
    let fields = fields(line);
    let is = |key: &str, value: &str| fields.get(key).is_some_and(|found| found == value);
    args.mirror.as_ref().is_none_or(|mirror| is("mirror", mirror.as_str()))
        && args.build.is_none_or(|build| is("build", &build.to_string()))
        && (!args.bad || is("result", "bad"))
}

/// `AT key=value… why="…"`: the reason is the last and the only one with blanks.
fn fields(line: &str) -> BTreeMap<&str, String> {
    let (line, why) = line.split_once(" why=").map_or((line, None), |(line, why)| (line, Some(why)));
    let mut words = line.split(' ');
    let mut fields: BTreeMap<&str, String> =
        words.next().map(|at| ("at", at.to_owned())).into_iter().collect();
    fields.extend(words.filter_map(|word| word.split_once('=')).map(|(key, value)| (key, value.to_owned())));
    fields.extend(why.map(|why| ("why", serde_json::from_str(why).unwrap_or_else(|_| why.to_owned()))));
    fields
}
