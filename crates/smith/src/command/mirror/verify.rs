//! `smith mirror verify`: whether a store holds what its builds say.

use clap::Args;
use smith_repo::mirror::{Findings, Scope, Supply, repair, verify};
use smith_repo::name::BuildNumber;

use crate::failure::{Exit, Failure};
use crate::input::{self, NetArgs, StoreArgs};
use crate::output::{self, BAD, GOOD, counted, styled};

/// Compare what lies in a store with its builds, every byte of it, and mend what is wrong.
///
/// Ends with 1 when something is missing, damaged or foreign.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The builds; all unless said
    #[arg(value_name = "BUILD")]
    builds: Vec<BuildNumber>,
    #[command(flatten)]
    store: StoreArgs,
    /// Only look for files, sizes and links
    #[arg(long)]
    quick: bool,
    /// Fetch what is missing or damaged again; put what is foreign away
    #[arg(long, requires = "from")]
    repair: bool,
    /// Where objects are fetched from: addresses or folders of other stores
    #[arg(long, value_name = "URL|FOLDER")]
    from: Vec<String>,
    #[command(flatten)]
    net: NetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Verify) -> Result<Exit, Failure> {
    let store = args.store.open()?;
    let all = store.builds_present().map_err(|error| Failure::new(Exit::BadInput, error))?;
    let builds = if args.builds.is_empty() { all } else { args.builds.clone() };
    let scope = if args.quick { Scope::QUICK } else { Scope::FULL };
    let findings = if args.repair {
        let fetcher = args.net.fetcher()?;
        let repaired = input::watched(|progress| {
            let supply = Supply { fetcher: &fetcher, bases: &args.from, progress };
            repair(&store, &builds, &scope, supply, input::now())
        });
        let repaired = repaired.map_err(|error| Failure::new(Exit::Output, error))?;
        output::note(&format!("before: {}", repaired.before.why()));
        let (fetched, relinked) = (counted(repaired.fetched, "object"), counted(repaired.relinked, "name"));
        output::note(&format!("{fetched} fetched again, {relinked} made again"));
        repaired.after
    } else {
        verify(&store, &builds, &scope).map_err(|error| Failure::new(Exit::BadInput, error))?
    };
    if args.json {
        output::json(&findings)?;
    } else {
        output::data(&text(&findings))?;
    }
    Ok(if findings.is_sound() { Exit::Good } else { Exit::Finding })
}

fn text(findings: &Findings) -> String {
    let builds: Vec<String> = findings.builds.iter().map(ToString::to_string).collect();
    if findings.is_sound() {
        let files = counted(findings.files, "file");
        let left = match findings.left.len() as u64 {
            0 => String::new(),
            left => format!(", {left} of them left upstream"),
        };
        return format!("{} builds {} hold, {files}{left}\n", styled(GOOD, "good:"), builds.join(", "));
    }
    let mut text = format!("{} {}\n", styled(BAD, "bad:"), findings.why());
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
    for one in &findings.foreign {
        text.push_str(&format!("foreign  {one}\n"));
    }
    for (build, why) in &findings.lists {
        text.push_str(&format!("list     build {build}: {why}\n"));
    }
    text
}
