//! Estimates that are made once for all who ask in the same moments.
//!
//! An estimate goes through all machines of its project, and the driver waits meanwhile. So each is given to everybody until
//! fifty times as long has passed as it took: that of a thousand machines is never seen to be old, that of a hundred thousand
//! is some moments old, and no crowd of readers takes more than a fiftieth of the driver's time with it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use smith_domain::id::RolloutId;
use smith_domain::rollout::Rollout;
use smith_domain::rollout::estimate::{Estimate, estimate};
use smith_domain::time::{Now, Timestamp};

use super::view::View;

/// How much longer an estimate is good for than it took.
const GOOD_FOR: u32 = 50;

/// Making one never takes so long, but on a computer that has nearly stopped: then another makes it as well.
const LONGEST: Duration = Duration::from_secs(1);

/// Projects of which one is kept; a site has some dozens that have not ended.
const KEPT_MAX: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Estimates {
    kept: Mutex<BTreeMap<RolloutId, Kept>>,
}

#[derive(Debug)]
struct Kept {
    stage: Stage,
    estimate: Option<Estimate>,
    good_until: Instant,
}

/// What changes an estimate at once: how far the steps are, and how many machines they have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stage {
    jobs: usize,
    steps: Vec<[Option<Timestamp>; 3]>,
}

impl Stage {
    fn of(rollout: &Rollout) -> Self {
        let steps = rollout.steps.iter().map(|step| [step.reached_at, step.opened_at, step.ended_at]);
        Self { jobs: rollout.jobs.len(), steps: steps.collect() }
    }
}

impl Estimates {
    /// Nothing where the project has ended or there is none.
    pub(super) fn of(&self, view: &View, project: RolloutId) -> Option<Estimate> {
        let open = |rollout: &&Rollout| !rollout.has_ended();
        let stage = view.read(|state| state.rollouts.get(project).filter(open).map(Stage::of));
        let Some(stage) = stage else {
            self.lock().remove(&project);
            return None;
        };
        if let Some(kept) = self.lock().get_mut(&project)
            && kept.stage == stage
        {
            let now = Instant::now();
            if now < kept.good_until {
                return kept.estimate.clone();
            }
            // This one makes a new one; meanwhile the others get the old one.
            kept.good_until = now + LONGEST;
        }
        let begun = Instant::now();
        let (stage, made) = view.read(|state| {
            let stage = state.rollouts.get(project).map_or(stage, Stage::of);
            (stage, estimate(state, project, Now::same(state.at)))
        });
        self.keep(project, stage, made.clone(), begun.elapsed());
        made
    }

    fn keep(&self, project: RolloutId, stage: Stage, estimate: Option<Estimate>, took: Duration) {
        let good_until = Instant::now() + took * GOOD_FOR;
        let mut kept = self.lock();
        if kept.len() >= KEPT_MAX {
            // What is wanted again is made again.
            kept.clear();
        }
        kept.insert(project, Kept { stage, estimate, good_until });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RolloutId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use smith_domain::actor::Actor;
    use smith_domain::build::BuildEvent;
    use smith_domain::decide::{Command, decide};
    use smith_domain::fleet::{FleetEvent, MachineFacts};
    use smith_domain::id::{BuildNumber, MachineName};
    use smith_domain::plan::plan;
    use smith_domain::rollout::{RolloutCommand, Scope};
    use smith_domain::state::State;

    use super::*;

    const ONE: RolloutId = RolloutId(1);
    const NOW: Now = Now { steady: Timestamp(1), wall: Timestamp(1) };
    const PIPELINE: &str = "{pipeline: all, title: all, owner: ana, steps: [{step: all, title: all, change: none, bags: [{bag: all, machines: all}]}]}";

    /// A project over one machine that has been started and not been planned.
    fn started() -> State {
        let mut state = State::default();
        let machines = vec![MachineFacts::named(MachineName::new("a").unwrap())];
        state.evolve(&FleetEvent::MachinesJoined { machines }.into(), NOW.steady);
        state.evolve(&BuildEvent::Verified { build: BuildNumber(7) }.into(), NOW.steady);
        let pipeline = crate::config::pipeline::load("all.yaml", PIPELINE.as_bytes()).unwrap().remove(0);
        let (build, scope) = (BuildNumber(7), Scope::Pipeline);
        take(&mut state, RolloutCommand::Start { pipeline: Box::new(pipeline), build, scope, reason: None });
        state
    }

    fn take(state: &mut State, command: RolloutCommand) {
        for event in decide(state, &Actor::person("ana"), Command::Rollout(command), NOW).unwrap() {
            state.evolve(&event, NOW.steady);
        }
    }

    fn settle(state: &mut State) {
        loop {
            let events = plan(state, NOW).events;
            if events.is_empty() {
                return;
            }
            events.iter().for_each(|event| state.evolve(event, NOW.steady));
        }
    }

    fn view_of(state: &State) -> View {
        let view = View::new();
        view.begin(state.clone(), smith_journal::Head::GENESIS);
        view
    }

    #[test]
    fn an_estimate_that_took_long_is_given_again_until_a_step_gets_further() {
        let mut state = started();
        let (view, estimates) = (view_of(&state), Estimates::default());
        let made = estimates.of(&view, ONE).unwrap();
        assert!(made.likely > NOW.steady, "{made:?}");
        let old = Estimate { likely: Timestamp(77), ..made };
        let stage = |state: &State| Stage::of(state.rollouts.get(ONE).unwrap());
        estimates.keep(ONE, stage(&state), Some(old.clone()), Duration::from_secs(60));
        assert_eq!(estimates.of(&view, ONE), Some(old.clone()));
        settle(&mut state);
        view.begin(state.clone(), smith_journal::Head::GENESIS);
        assert_ne!(estimates.of(&view, ONE), Some(old.clone()), "the step has opened");
        estimates.keep(ONE, stage(&state), Some(old), Duration::ZERO);
        assert_eq!(
            estimates.of(&view, ONE).map(|one| one.likely > NOW.steady),
            Some(true),
            "it took no time"
        );
    }

    #[test]
    fn of_a_project_that_has_ended_nothing_is_expected() {
        let mut state = started();
        let estimates = Estimates::default();
        assert!(estimates.of(&view_of(&state), ONE).is_some());
        take(&mut state, RolloutCommand::Abort { rollout: ONE, reason: None });
        settle(&mut state);
        assert_eq!(estimates.of(&view_of(&state), ONE), None);
        assert_eq!(estimates.of(&view_of(&State::default()), ONE), None);
    }
}
