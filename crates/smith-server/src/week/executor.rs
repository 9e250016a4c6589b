//! Performs the links of cycles: each beside the driver, each at most once at a time.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use smith_domain::actor::Actor;
use smith_domain::build::BuildState;
use smith_domain::cycle::Link;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::errand::{ErrandId, ErrandKind, ErrandOutcome};
use smith_domain::id::BuildNumber;
use smith_domain::state::State;
use tokio::runtime::Handle;

use super::build::Making;
use super::channel::switch;
use super::job::Job;
use super::shop::{Shop, Trouble};
use super::{compare, mirrors, rollout};
use crate::config::settings::{Settings, Week};
use crate::core::Core;
use crate::driver::{Effect, Input, Target};

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
    /// One build or sync at a time: each takes all of the line and of the disk.
    heavy: tokio::sync::Mutex<()>,
    /// Errands that are at work in this process.
    at_work: Mutex<BTreeSet<ErrandId>>,
}

/// The folder of evidence below that of the data.
pub(crate) const EVIDENCE: &str = "evidence";

impl Weeks {
    pub fn new(settings: &Settings) -> Self {
        let passphrase = settings.store_passphrase.as_deref();
        let inner = Inner {
            shop: settings.store.as_deref().map(|store| Shop::new(store, passphrase)),
            weeks: settings.weeks.clone(),
            data: settings.data.clone(),
            pipelines: Arc::new(settings.pipelines.clone()),
            heavy: tokio::sync::Mutex::new(()),
            at_work: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes a link on, if the effect is one. What comes of it is answered to the errand.
    pub fn start(&self, core: &Core, runtime: &Handle, state: &State, effect: &Effect) {
        let Target::Errand { errand, kind: ErrandKind::Link(cycle, link), .. } = effect.target else {
            return;
        };
        let Some(job) = Job::of(state, errand, (cycle, link), effect.mode) else {
            let reason = format!("expected a cycle, found none that is {cycle}");
            return report(core, errand, ErrandOutcome::Refused { reason });
        };
        // A try that is still at work answers for this one as well.
        let Some(turn) = AtWork::begin(&self.inner, errand) else { return };
        let (core, inner, runtime_here) = (core.clone(), Arc::clone(&self.inner), runtime.clone());
        runtime.spawn(async move {
            let outcome = inner.perform(&core, &runtime_here, job).await;
            drop(turn);
            report(&core, errand, outcome);
        });
    }
}

/// An errand that is at work. It is not any more when this is dropped, also by a panic.
struct AtWork {
    inner: Arc<Inner>,
    errand: ErrandId,
}

impl AtWork {
    fn begin(inner: &Arc<Inner>, errand: ErrandId) -> Option<Self> {
        let is_new = inner.at_work.lock().unwrap_or_else(PoisonError::into_inner).insert(errand);
        is_new.then(|| Self { inner: Arc::clone(inner), errand })
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.inner.at_work.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.errand);
    }
}

impl Inner {
    async fn perform(self: &Arc<Self>, core: &Core, runtime: &Handle, job: Job) -> ErrandOutcome {
        let done = match job.link {
            Link::Build => return self.build(core, job).await,
            Link::Test | Link::Canary | Link::Region(_) => {
                rollout::start(core, &job, Arc::clone(&self.pipelines)).await
            }
            Link::Sync => {
                let _turn = self.heavy.lock().await;
                self.work(job, |_, shop, job| mirrors::sync(shop, job)).await
            }
            Link::Verify => self.work(job, |_, shop, job| mirrors::verified(shop, job)).await,
            Link::Diff => {
                self.work(job, |inner, shop, job| compare::diff(shop, job, &inner.evidence())).await
            }
            Link::Check => self.work(job, Self::check).await,
            Link::Channel => {
                let record = recorder(core.clone(), runtime.clone(), &job.by);
                self.work(job, move |inner, shop, job| switch(shop, job, &record, &inner.evidence())).await
            }
            Link::Epic | Link::Gates | Link::Trains => {
                Err(Trouble::Refused(format!("expected work on a store or a pipeline, found {}", job.link)))
            }
        };
        done.map_or_else(refusal, |note| ErrandOutcome::Told { note })
    }

    /// Works on a thread that may be held up for as long as it takes.
    async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        job: Job,
        work: impl FnOnce(&Inner, &Shop, &Job) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let inner = Arc::clone(self);
        let worked = tokio::task::spawn_blocking(move || {
            let Some(shop) = &inner.shop else {
                let why = "expected a `store` in the settings, found none";
                return Err(Trouble::Refused(why.to_owned()));
            };
            work(&inner, shop, &job)
        });
        worked.await.unwrap_or_else(|error| Err(Trouble::Failed(error.to_string())))
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
    async fn build(self: &Arc<Self>, core: &Core, job: Job) -> ErrandOutcome {
        let _turn = self.heavy.lock().await;
        let made = self.work(job, |inner, shop, job| {
            let folder = inner.week(job).map(|week| week.folder.as_path());
            Making { shop, folder, data: &inner.data }.run(job)
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
                    return ErrandOutcome::Failed { reason: error.to_string() };
                }
            }
        }
        ErrandOutcome::Built { build, note }
    }
}

/// Tells the journal from a thread that waits for the answer.
fn recorder(core: Core, runtime: Handle, by: &str) -> impl Fn(Command) -> Result<(), String> + use<> {
    let smith = Actor::smith();
    let actor = if by == smith.name { smith } else { Actor::person(by) };
    move |command| {
        let submitted = runtime.block_on(core.submit(actor.clone(), command));
        submitted.map(drop).map_err(|error| error.to_string())
    }
}

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
