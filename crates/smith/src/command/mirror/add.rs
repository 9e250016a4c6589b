//! `smith mirror add`: a place that builds are brought to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use smith_repo::mirror::{Action, Bucket, Good, Mirror, Mode, Outcome, Place, add_mirror, check_own};
use smith_repo::name::MirrorName;
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::{self, Believed, DryRun, StoreArgs};
use crate::output::{self, GOOD, styled};

/// Make a mirror known to the site: a folder of this host, or a bucket of an S3 service.
///
/// Nothing is made or copied yet: `smith mirror sync NAME` does. A folder that holds builds of another site, which no key of
/// this one has signed, is refused: a purge would take them away. The keys of a bucket are never written down; whoever syncs
/// has them in the environment (`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or the identity of the machine). A mirror on
/// another host is not added but run there: `smith mirror sync --from` pulls.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// What it is called; not a number, which would be a build
    #[arg(value_name = "NAME")]
    name: MirrorName,
    #[command(flatten)]
    store: StoreArgs,
    /// Where its clients are
    #[arg(long, value_name = "REGION")]
    region: MirrorName,
    /// The folder that it lies in
    #[arg(long, value_name = "FOLDER", required_unless_present = "bucket")]
    path: Option<PathBuf>,
    /// The bucket that it lies in
    #[arg(
        long,
        value_name = "BUCKET",
        conflicts_with = "path",
        requires = "bucket_region",
        help_heading = "Bucket"
    )]
    bucket: Option<String>,
    /// The region of the service
    #[arg(long, value_name = "REGION", requires = "bucket", help_heading = "Bucket")]
    bucket_region: Option<String>,
    /// The address of the service, where the region does not imply it
    #[arg(long, value_name = "URL", requires = "bucket", help_heading = "Bucket")]
    endpoint: Option<String>,
    /// Before every key
    #[arg(
        long,
        value_name = "PATH",
        requires = "bucket",
        default_value = "",
        hide_default_value = true,
        help_heading = "Bucket"
    )]
    prefix: String,
    /// Where it pulls from, the best first; the site's own store is always the last
    #[arg(long, value_name = "URL|FOLDER", conflicts_with = "bucket")]
    from: Vec<String>,
    /// Something to know it by
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// Bytes per second that a sync of it takes
    #[arg(long, value_name = "BYTES", value_parser = input::rate)]
    bandwidth: Option<u64>,
    /// Whose builds may lie there already; the site's own keys unless said
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRun,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("expected KEY=VALUE, found {text:?}"))?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(super) fn run(args: &Add) -> Result<Exit, Failure> {
    let (site, mode) = (args.store.open()?, input::mode(args.dry_run));
    let mirror = mirror(args)?;
    // What cannot be added for another reason is told that first.
    add_mirror(&site, mirror.clone(), Mode::DryRun).map_err(input::registry)?;
    own(args, &site, &mirror)?;
    add_mirror(&site, mirror.clone(), mode).map_err(input::registry)?;
    let Mirror { name, region, place, .. } = &mirror;
    let line = format!("mirror {name} of region {region} at {place}");
    if mode == Mode::DryRun {
        output::data(&format!("would add {line}; no file is made or copied by that\n"))?;
        return Ok(Exit::Good);
    }
    let good = Good { state: "added".to_owned(), objects: 0, bytes: 0, seconds: 0.0 };
    input::tell(&site, &[Outcome::did(name, Action::Add, None, good)], mode)?;
    output::data(&format!(
        "{} {line}; `smith mirror sync {name}` brings builds there\n",
        styled(GOOD, "good:")
    ))?;
    Ok(Exit::Good)
}

/// A folder with builds in it must be one of ours.
fn own(args: &Add, site: &Store, mirror: &Mirror) -> Result<(), Failure> {
    let Place::Directory { path } = &mirror.place else { return Ok(()) };
    let failed = |error| Failure::new(Exit::BadInput, error);
    let there = Store::planned(path).map_err(failed)?;
    let is_bare = !there.marker().exists()
        || (there.builds_present().map_err(failed)?.is_empty()
            && there.builds_archived().map_err(failed)?.is_empty());
    if is_bare {
        return Ok(());
    }
    let believed = Believed::at(site, args.keyring.as_ref())?;
    let check = |json: &[u8], signature: &[u8]| believed.check(json, signature);
    check_own(&there, &check).map_err(|error| {
        Failure::new(Exit::NotThere, error).with_hint(
            "give the mirror a folder of its own; `--keyring FILE` names keys of this site that lie elsewhere",
        )
    })
}

fn mirror(args: &Add) -> Result<Mirror, Failure> {
    let place = match (&args.path, &args.bucket) {
        (Some(path), _) => {
            let path = std::path::absolute(path)
                .map_err(|error| input::unreadable("a folder for a mirror", path, error))?;
            Place::Directory { path }
        }
        (None, bucket) => Place::S3(Bucket {
            bucket: bucket.clone().unwrap_or_default(),
            region: args.bucket_region.clone().unwrap_or_default(),
            endpoint: args.endpoint.clone(),
            prefix: args.prefix.trim_matches('/').to_owned(),
        }),
    };
    let mut labels = BTreeMap::new();
    for (key, value) in &args.label {
        if labels.insert(key.clone(), value.clone()).is_some() {
            return Err(Failure::new(Exit::Usage, format!("expected each label once, found {key} twice")));
        }
    }
    let sources = args.from.iter().map(|source| absolute(source)).collect::<Result<_, _>>()?;
    let (name, region) = (args.name.clone(), args.region.clone());
    Ok(Mirror { name, region, sources, place, labels, bandwidth: args.bandwidth })
}

/// A folder is meant from where it was typed, whoever reads it later.
fn absolute(source: &str) -> Result<String, Failure> {
    if source.contains("://") {
        return Ok(source.to_owned());
    }
    let path =
        std::path::absolute(source).map_err(|error| input::unreadable("a store", source.as_ref(), error))?;
    Ok(path.display().to_string())
}
