//! Performs the links of cycles: each beside the driver, each at most once at a time, and none waited for for ever.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use smith_domain::actor::Actor;
use smith_domain::build::BuildState;
use smith_domain::cycle::{Link, LinkState};
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::errand::{ErrandId, ErrandKind, ErrandOutcome};
use smith_domain::id::BuildNumber;
use smith_domain::state::State;
use smith_domain::time::Span;
use smith_repo::fetch::chain;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::build::Making;
use super::channel::{Papers, switch};
use super::job::Job;
use super::off::Off;
use super::shop::{Shop, Trouble};
use super::slots::Slots;
use super::witness::{Ending, Seen, Witness, recorder};
use super::{compare, mirrors, rollout, trail};
use crate::config::settings::{Settings, Week};
use crate::core::Core;
use crate::driver::{Effect, Input, Mode, Target};

/// What performs links. Clones are the same; it outlives the driver's openings of its journal, because work goes on.
#[derive(Debug, Clone)]
pub struct Weeks {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shop: Option<Shop>,
    weeks: Vec<Week>,
    data: PathBuf,
    pipelines: Arc<PathBuf>,
    /// One build at a time: each takes all of the line, and the next number.
    building: Arc<tokio::sync::Mutex<()>>,
    /// One sync at a time on a mirror, and one switch of a channel.
    slots: Slots,
    /// Errands that are at work in this process.
    at_work: Mutex<BTreeMap<ErrandId, Watch>>,
    ending: Ending,
    /// How long a link is waited for.
    patience: fn(Link) -> Duration,
}

/// Whether somebody waits for a piece of work to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    Waited,
    GivenUp,
}

/// The folder of evidence below that of the data.
pub(crate) const EVIDENCE: &str = "evidence";

/// A mirror that somebody else brings a build to is waited for. A whole distribution takes an hour or two; what takes longer
/// hangs, and its own time limit says so.
const SLOT_WAIT: Duration = Duration::from_secs(3 * 3600);

/// So much before its errand's deadline a link that hangs is given up on: the answer comes in time.
const MARGIN: Duration = Duration::from_secs(60);

fn patience(link: Link) -> Duration {
    Duration::from_millis(link.deadline().0).saturating_sub(MARGIN)
}

impl Weeks {
    pub fn new(settings: &Settings) -> Self {
        Self::with_patience(settings, patience, SLOT_WAIT)
    }

    pub(super) fn with_patience(
        settings: &Settings,
        patience: fn(Link) -> Duration,
        slot_wait: Duration,
    ) -> Self {
        let passphrase = settings.store_passphrase.as_deref();
        let inner = Inner {
            shop: settings.store.as_deref().map(|store| Shop::new(store, passphrase)),
            weeks: settings.weeks.clone(),
            data: settings.data.clone(),
            pipelines: Arc::new(settings.pipelines.clone()),
            building: Arc::default(),
            slots: Slots::new(slot_wait),
            at_work: Mutex::default(),
            ending: Ending::default(),
            patience,
        };
        Self { inner: Arc::new(inner) }
    }

    /// From now on nothing is begun, and what works for long leaves off where the next server goes on.
    pub fn end(&self) {
        self.inner.ending.raise();
    }

    /// Takes a link on, if the effect is one. What comes of it is answered to the errand.
    pub fn start(&self, core: &Core, runtime: &Handle, state: &State, effect: &Effect) {
        let Target::Errand { errand, kind: ErrandKind::Link(cycle, link), .. } = effect.target else {
            return;
        };
        if self.inner.ending.is_raised() {
            // The next server is asked again.
            return;
        }
        let Some(job) = Job::of(state, errand, (cycle, link), effect.mode) else {
            let reason = format!("expected a cycle, found none that is {cycle}");
            return report(core, errand, ErrandOutcome::Refused { reason });
        };
        let turn = match AtWork::begin(&self.inner, errand) {
            Ok(turn) => turn,
            // A try that is still at work answers for this one as well.
            Err(Watch::Waited) => return,
            Err(Watch::GivenUp) => {
                let reason = format!("{link} hangs since an earlier try, expected it to have ended");
                return report(core, errand, ErrandOutcome::Failed { reason });
            }
        };
        let (core, inner, runtime_here) = (core.clone(), Arc::clone(&self.inner), runtime.clone());
        runtime.spawn(async move {
            let outcome = inner.perform((&core, &runtime_here), job, turn).await;
            if inner.ending.is_raised() && matches!(outcome, ErrandOutcome::Failed { .. }) {
                // It was broken off; the next server is asked again, and this was no try of it.
                return;
            }
            report(&core, errand, outcome);
        });
    }

    /// Goes after switches of channels that were begun and that nobody asks for any more, because their cycle was stopped or
    /// their link given up while a server was killed: what has moved is led back.
    pub async fn mend(&self, core: &Core, runtime: &Handle, tell: fn(&str)) {
        let left = match trail::left(&self.inner.data) {
            Ok(left) => left,
            Err(error) => return tell(&format!("the week's folder cannot be read: {error}")),
        };
        for cycle in left {
            // No errand asks for it, so nobody is answered.
            let errand = ErrandId(u32::MAX);
            let job = core.read(|state| {
                let is_asked = state.cycles.get(cycle).is_some_and(is_asked);
                let job = Job::of(state, errand, (cycle, Link::Channel), Mode::Seek);
                job.filter(|_| !is_asked)
            });
            let Some(job) = job else { continue };
            if let Err(Trouble::Failed(why) | Trouble::Refused(why)) =
                self.inner.channel((core, runtime), job, Held::default()).await
            {
                tell(&format!("the channel of cycle {cycle}: {why}"));
            }
        }
    }
}

/// Whether the driver asks what became of a cycle's switch.
fn is_asked(cycle: &smith_domain::cycle::Cycle) -> bool {
    !cycle.has_ended() && matches!(cycle.link(Link::Channel), LinkState::Begun { .. })
}

/// An errand that is at work. It is not any more when this is dropped, also by a panic.
struct AtWork {
    inner: Arc<Inner>,
    errand: ErrandId,
}

impl AtWork {
    fn begin(inner: &Arc<Inner>, errand: ErrandId) -> Result<Self, Watch> {
        let mut at_work = inner.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        match at_work.get(&errand) {
            Some(watch) => Err(*watch),
            None => {
                at_work.insert(errand, Watch::Waited);
                Ok(Self { inner: Arc::clone(inner), errand })
            }
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.inner.at_work.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.errand);
    }
}

/// What is held until a piece of work has really ended, however long nobody waits for it any more.
#[derive(Default)]
struct Held {
    _turn: Option<AtWork>,
    _building: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl Inner {
    async fn perform(
        self: &Arc<Self>,
        (core, runtime): (&Core, &Handle),
        job: Job,
        turn: AtWork,
    ) -> ErrandOutcome {
        let held = Held { _turn: Some(turn), _building: None };
        let done = match job.link {
            Link::Build => return self.build(core, job, held).await,
            Link::Test | Link::Canary | Link::Region(_) => {
                let _held = held;
                rollout::start(core, &job, Arc::clone(&self.pipelines)).await
            }
            Link::Sync => {
                let off = Off::of(&self.ending, core, job.errand);
                self.work(job, held, move |inner, shop, job| mirrors::sync(shop, job, (&inner.slots, &off)))
                    .await
            }
            Link::Verify => {
                let off = Off::of(&self.ending, core, job.errand);
                self.work(job, held, move |_, shop, job| mirrors::verified(shop, job, &off)).await
            }
            Link::Diff => {
                self.work(job, held, |inner, shop, job| compare::diff(shop, job, &inner.evidence())).await
            }
            Link::Check => self.work(job, held, Self::check).await,
            Link::Channel => self.channel((core, runtime), job, held).await,
            Link::Epic | Link::Gates | Link::Trains => {
                Err(Trouble::Refused(format!("expected work on a store or a pipeline, found {}", job.link)))
            }
        };
        done.map_or_else(refusal, |note| ErrandOutcome::Told { note })
    }

    /// Works on a thread that may be held up for as long as it takes. Nobody waits for it longer than is sensible: what hangs
    /// on a dead disk cannot be ended, and holds what it holds until it ends by itself.
    async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        job: Job,
        held: Held,
        work: impl FnOnce(&Inner, &Shop, &Job) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (inner, link, errand) = (Arc::clone(self), job.link, job.errand);
        let worked = tokio::task::spawn_blocking(move || {
            let _held = held;
            let Some(shop) = &inner.shop else {
                let why = "expected a `store` in the settings, found none";
                return Err(Trouble::Refused(why.to_owned()));
            };
            work(&inner, shop, &job)
        });
        let longest = (self.patience)(link);
        match timeout(longest, worked).await {
            Ok(ended) => ended.unwrap_or_else(|error| Err(Trouble::Failed(error.to_string()))),
            Err(_) => {
                let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(watch) = at_work.get_mut(&errand) {
                    *watch = Watch::GivenUp;
                }
                let longest = Span(u64::try_from(longest.as_millis()).unwrap_or(u64::MAX));
                Err(Trouble::Failed(format!("expected {link} to end within {longest}, it hangs")))
            }
        }
    }

    async fn channel(
        self: &Arc<Self>,
        (core, runtime): (&Core, &Handle),
        job: Job,
        held: Held,
    ) -> Result<String, Trouble> {
        let (seen, of) = (core.clone(), job.clone());
        let record = recorder(core.clone(), runtime.clone(), &job.by);
        self.work(job, held, move |inner, shop, job| {
            let name = format!("channel {}", job.plan.channel);
            let Some(_slot) = inner.slots.take(&name, &|| inner.ending.is_raised()) else {
                return Err(Trouble::Failed(inner.slots.busy(&name)));
            };
            let look = |region: &super::job::Region| seen.read(|state| Seen::of(state, &of, region));
            let witness = Witness { look: &look, record: &record, ending: &inner.ending };
            let (evidence, trail) = (inner.evidence(), trail::path(&inner.data, job.cycle));
            switch(shop, job, witness, Papers { evidence: &evidence, trail: &trail })
        })
        .await
    }

    fn week(&self, job: &Job) -> Result<&Week, Trouble> {
        let name = &job.plan.name;
        self.weeks.iter().find(|week| week.plan.name == *name).ok_or_else(|| {
            Trouble::Refused(format!("expected the week {name} in the settings, found it there no more"))
        })
    }

    fn evidence(&self) -> PathBuf {
        self.data.join(EVIDENCE)
    }

    fn check(&self, shop: &Shop, job: &Job) -> Result<String, Trouble> {
        // A week that left the settings has no profiles any more, and says so.
        let profiles = self.week(job).ok().and_then(|week| week.profiles.as_deref());
        compare::check(shop, job, profiles, &self.evidence())
    }

    /// The build is known as verified before it is answered: what comes after it is begun with it.
    async fn build(self: &Arc<Self>, core: &Core, job: Job, held: Held) -> ErrandOutcome {
        let Ok(building) = timeout((self.patience)(job.link), Arc::clone(&self.building).lock_owned()).await
        else {
            let reason = "another build hangs, expected it to have ended".to_owned();
            return ErrandOutcome::Failed { reason };
        };
        let held = Held { _building: Some(building), ..held };
        let off = Off::of(&self.ending, core, job.errand);
        let made = self.work(job, held, move |inner, shop, job| {
            let folder = inner.week(job).map(|week| week.folder.as_path());
            Making { shop, folder, data: &inner.data, off: &off }.run(job)
        });
        let (number, note) = match made.await {
            Ok(made) => made,
            Err(trouble) => return refusal(trouble),
        };
        let build = BuildNumber(number);
        match core.read(|state| state.builds.get(build).map(|known| known.state.clone())) {
            Some(BuildState::Verified) => {}
            Some(BuildState::Withdrawn { reason }) => {
                let reason = format!("{note}, which was withdrawn: {reason}");
                return ErrandOutcome::Refused { reason };
            }
            None => {
                let verified = Command::Build(BuildCommand::Verified { build });
                let submitted = core.submit(Actor::smith(), verified).await;
                // Whoever watches the store may have been quicker.
                let is_known = core.read(|state| state.builds.get(build).is_some());
                if let (Err(error), false) = (submitted, is_known) {
                    return ErrandOutcome::Failed { reason: chain(&error) };
                }
            }
        }
        ErrandOutcome::Built { build, note }
    }
}

#[cfg(test)]
#[path = "executor_tests.rs"]
mod tests;

fn refusal(trouble: Trouble) -> ErrandOutcome {
    match trouble {
        Trouble::Failed(reason) => ErrandOutcome::Failed { reason },
        Trouble::Refused(reason) => ErrandOutcome::Refused { reason },
    }
}

fn report(core: &Core, errand: ErrandId, outcome: ErrandOutcome) {
    let command = Command::ErrandReport { errand, outcome };
    core.tell(Input { actor: Actor::smith(), command, tag: 0 });
}
