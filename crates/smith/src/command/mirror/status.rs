//! `smith mirror status`: how mirrors stand beside their site.

use clap::Args;
use smith_repo::channel::{Ends, Left};
use smith_repo::fetch::Size;
use smith_repo::mirror::{Holding, Keys, Status as Standing, status_all, table};
use smith_repo::name::MirrorName;

use crate::failure::{Exit, Failure};
use crate::input::{self, ManyArgs, StoreArgs};
use crate::output::{self, Align, BAD, Table, WAITS, styled};

/// What mirrors hold, good or bad and why, what they serve, and how far they lag.
///
/// With it when each was last synced and verified, and how much space is free there.
///
/// Asks lists and folders and reads no package, so it is quick; what is damaged is known since the last `smith mirror
/// verify`. Ends with 1 when a mirror cannot be asked, holds something bad, has lost a channel or
/// serves one that is damaged or has ended, or lacks the newest build of the site.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// The mirrors; all unless said
    #[arg(value_name = "MIRROR")]
    mirrors: Vec<MirrorName>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    many: ManyArgs,
    /// A line for each mirror and build
    #[arg(long)]
    builds: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Status) -> Result<Exit, Failure> {
    let site = args.store.open()?;
    let chosen = if args.many.is_none(&args.mirrors) {
        smith_repo::mirror::mirrors(&site).map_err(input::registry)?
    } else {
        args.many.chosen(&site, &args.mirrors)?
    };
    let all = status_all(&site, &chosen, &Keys::FromEnvironment);
    if args.json {
        output::json(&all)?;
    } else if all.is_empty() {
        output::data("no mirrors; `smith mirror add` makes one known\n")?;
    } else {
        let mut text = summary(&all);
        if args.builds {
            text.push_str(&format!("\n{}", table(&all)));
        }
        output::data(&format!("{text}{}", wrong(&all)))?;
    }
    Ok(if all.iter().all(is_good) { Exit::Good } else { Exit::Finding })
}

fn summary(all: &[Standing]) -> String {
    let mut table = Table::new(&[
        ("mirror", Align::Left),
        ("region", Align::Left),
        ("state", Align::Left),
        ("good", Align::Right),
        ("bad", Align::Right),
        ("newest", Align::Right),
        ("behind", Align::Right),
        ("channels", Align::Left),
        ("synced", Align::Left),
        ("verified", Align::Left),
        ("free", Align::Right),
    ]);
    for one in all {
        let count = |is: fn(&Holding) -> bool| one.builds.iter().filter(|build| is(&build.state)).count();
        let newest = one.builds.iter().rev().find(|build| build.state.is_held());
        let channels: Vec<String> =
            one.channels.iter().map(|(name, build)| format!("{name} {build}")).collect();
        let state = match (&one.trouble, is_good(one)) {
            (Some(_), _) => "unknown",
            (None, true) => "good",
            (None, false) if one.lag > 0 && one.builds.iter().all(|build| !is_bad(&build.state)) => "behind",
            (None, false) => "bad",
        };
        let never = || "never".to_owned();
        table.row([
            one.mirror.to_string(),
            one.region.to_string(),
            state.to_owned(),
            count(|state| matches!(state, Holding::Good)).to_string(),
            count(is_bad).to_string(),
            newest.map_or_else(|| "none".to_owned(), |build| build.build.to_string()),
            one.lag.to_string(),
            if channels.is_empty() { "none".to_owned() } else { channels.join(", ") },
            one.synced.map_or_else(never, |at| at.strftime("%Y-%m-%dT%H:%MZ").to_string()),
            one.verified().map_or_else(never, |verified| verified.words()),
            one.free_bytes.map_or_else(|| "unknown".to_owned(), |bytes| Size(bytes).to_string()),
        ]);
    }
    table.render(usize::MAX)
}

/// Also clients take what it serves.
fn is_good(one: &Standing) -> bool {
    let is_over = |ends: &Ends| ends.left(input::now()) == Left::Nothing;
    one.is_good() && !one.ends.values().any(is_over)
}

fn is_bad(state: &Holding) -> bool {
    matches!(state, Holding::Bad { .. })
}

/// A sentence for everything that is not as it should be.
fn wrong(all: &[Standing]) -> String {
    let mut text = String::new();
    let bad = styled(BAD, "bad:");
    for one in all {
        if let Some(why) = &one.trouble {
            text.push_str(&format!("{bad} {}: {why}\n", one.mirror));
        }
        for (channel, why) in &one.damaged_channels {
            text.push_str(&format!("{bad} {}: channel {channel}: {why}\n", one.mirror));
        }
        for (channel, ends) in &one.ends {
            let now = input::now();
            if let Some(words) = ends.words(channel, &format!(" --mirror {}", one.mirror), now) {
                let is_over = ends.left(now) == Left::Nothing;
                let word = if is_over { bad.clone() } else { styled(WAITS, "soon:") };
                text.push_str(&format!("{word} {}: {words}\n", one.mirror));
            }
        }
        for (channel, build) in &one.lost_channels {
            let mirror = &one.mirror;
            text.push_str(&format!(
                "{bad} {mirror}: channel {channel} was on build {build} and is gone; `smith channel set {channel} {build} \
                 --mirror {mirror}` brings it back\n"
            ));
        }
        for build in &one.builds {
            if let Holding::Bad { why } = &build.state {
                text.push_str(&format!("{bad} {} build {}: {why}\n", one.mirror, build.build));
            }
        }
    }
    text
}
