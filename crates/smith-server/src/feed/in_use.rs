//! Builds that are in use, written into the store: whoever takes builds away there asks no server and must not take these.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use smith_domain::event::Event;
use smith_domain::fleet::FleetEvent;
use smith_domain::id::{BuildNumber, MachineId};
use smith_domain::rollout::RolloutEvent;
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_repo::retention::InUse;
use smith_repo::store::Store;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep, timeout};

use crate::core::{Batch, Core, Recorded};
use crate::driver::wall;

/// How often it is said although nothing changed, so that its age tells whether the server lives.
const SAID_EVERY: Duration = Duration::from_secs(3600);

/// How soon what could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// Between two looks: the jobs of all rollouts are gone through for the builds of machines.
const PAUSE: Duration = Duration::from_secs(1);

type Builds = BTreeMap<u32, Vec<String>>;

/// Says it for as long as the server lives. What was said last stays when the server is down: its machines are where they are.
pub async fn keep_in_use(core: Core, site: String, store: PathBuf, tell: impl Fn(&str)) {
    let mut news = core.view().listen();
    let (mut said, mut told): (Option<(Builds, Instant)>, String) = (None, String::new());
    loop {
        let builds = core.read(in_use);
        let is_said = said.as_ref().is_some_and(|(last, at)| *last == builds && at.elapsed() < SAID_EVERY);
        if !is_said {
            let (site, store, copy) = (site.clone(), store.clone(), builds.clone());
            let written = tokio::task::spawn_blocking(move || say(&site, &store, copy)).await;
            match written.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(()) => (said, told) = (Some((builds, Instant::now())), String::new()),
                Err(why) => {
                    said = None;
                    let why = format!(
                        "the store does not learn which builds are in use, and a purge may take them away: {why}"
                    );
                    if why != told {
                        tell(&why);
                    }
                    told = why;
                }
            }
        }
        sleep(PAUSE).await;
        let patience = if said.is_some() { SAID_EVERY } else { AGAIN };
        match timeout(patience, change(&mut news)).await {
            Ok(Ended::No) | Err(_) => {}
            Ok(Ended::Yes) => return,
        }
    }
}

enum Ended {
    No,
    Yes,
}

/// Waits until something is recorded that may change which builds are in use.
async fn change(news: &mut Receiver<Batch>) -> Ended {
    loop {
        match news.recv().await {
            Ok(batch) if batch.iter().any(matters) => return Ended::No,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return Ended::No,
            Err(RecvError::Closed) => return Ended::Yes,
        }
    }
}

/// The builds of machines that a rollout brings to another are looked at when a step of it ends: until then its own is in use.
fn matters(recorded: &Recorded) -> bool {
    match &recorded.event {
        Event::Rollout(event) => matches!(
            event,
            RolloutEvent::Started { .. } | RolloutEvent::StepEnded { .. } | RolloutEvent::Ended { .. }
        ),
        Event::Fleet(event) => {
            matches!(event, FleetEvent::MachinesLeft { .. } | FleetEvent::MachinesReturned { .. })
        }
        Event::Build(_) | Event::Cycle(_) | Event::Change(_) => true,
        Event::Ticket(_) | Event::Errand(_) | Event::Notice(_) | Event::Access(_) | Event::Driver(_) => false,
    }
}

fn say(site: &str, store: &Path, builds: Builds) -> Result<(), String> {
    let store = Store::open(store).map_err(|error| error.to_string())?;
    let at = jiff::Timestamp::from_millisecond(wall().0).unwrap_or(jiff::Timestamp::MAX);
    InUse { site: site.to_owned(), at, builds }.write(&store).map_err(|error| error.to_string())
}

/// Builds that must not go, with the reasons.
fn in_use(state: &State) -> Builds {
    let mut builds = Builds::new();
    let mut keep = |build: BuildNumber, why: String| builds.entry(build.0).or_default().push(why);
    for rollout in state.rollouts.active() {
        let name = &rollout.pipeline.name;
        keep(rollout.build, format!("project {} ({name}) has not ended", rollout.id));
    }
    for cycle in state.cycles.iter() {
        let Some(build) = cycle.build else { continue };
        if !cycle.has_ended() {
            keep(build, format!("cycle {} ({}) has not ended", cycle.id, cycle.plan.name));
        }
        let train = cycle.train.and_then(|train| state.changes.train(train));
        let mut changes = train.into_iter().flat_map(|train| &train.changes);
        let open = changes.find_map(|change| state.changes.get(*change).filter(|one| !one.state.has_ended()));
        if let Some(change) = open {
            keep(build, format!("change {} of cycle {} is open", change.name(), cycle.id));
        }
    }
    for (channel, region, build) in state.builds.channels() {
        keep(build, format!("channel {channel} of {region} is on it"));
    }
    for (build, machines) in recorded(state) {
        let machines =
            if machines == 1 { "1 machine is".to_owned() } else { format!("{machines} machines are") };
        keep(build, format!("{machines} on it"));
    }
    builds
}

/// How many machines of the fleet were last proven to be at each build.
fn recorded(state: &State) -> BTreeMap<BuildNumber, usize> {
    let mut newest: BTreeMap<MachineId, (Timestamp, BuildNumber)> = BTreeMap::new();
    for rollout in state.rollouts.iter() {
        for (job, at) in &rollout.proven {
            let machine = rollout.jobs.at(*job).machine;
            let known = newest.entry(machine).or_insert((*at, rollout.build));
            // Of several at the same moment the newest project counts.
            if known.0 <= *at {
                *known = (*at, rollout.build);
            }
        }
    }
    let mut builds = BTreeMap::new();
    for (machine, (_, build)) in newest {
        if state.fleet.is_present(machine) {
            *builds.entry(build).or_default() += 1;
        }
    }
    builds
}
