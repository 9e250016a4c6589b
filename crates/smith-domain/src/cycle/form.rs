//! The form of a cycle's trains, filled in, and the changes that came of it.

use crate::change::{Change, ChangeEvent, ChangeState, Closing, Evidence, TrainForm};
use crate::cycle::model::Link;
use crate::cycle::state::{Cycle, LinkState};
use crate::id::BuildNumber;
use crate::pipeline::ChangeRule;
use crate::state::State;
use crate::time::Timestamp;

/// The form with what only the cycle knows; nothing where no change is to be raised.
pub(super) fn filled(state: &State, cycle: &Cycle) -> Option<TrainForm> {
    let form = cycle.plan.train.as_deref().filter(|_| cycle.plan.rule != ChangeRule::None)?;
    let build = cycle.build?;
    let words = Words {
        build,
        prod: cycle
            .plan
            .regions
            .first()
            .and_then(|region| state.builds.in_channel(&cycle.plan.channel, region)),
        epic: epic_name(state, build),
        stage: match cycle.link(Link::Test) {
            LinkState::Done { at, .. } | LinkState::Skipped { at, .. } => *at,
            LinkState::Waiting | LinkState::Begun { .. } | LinkState::Failed { .. } => cycle.started_at,
        },
    };
    let text = |text: &String| words.put_into(text);
    Some(TrainForm {
        squad: text(&form.squad),
        service: text(&form.service),
        title: text(&form.title),
        environment: cycle.plan.regions.clone(),
        details: text(&form.details),
        risk: text(&form.risk),
        deployment_impact: text(&form.deployment_impact),
        deployment_method: text(&form.deployment_method),
        planned_start: text(&form.planned_start),
        planned_end: text(&form.planned_end),
        stage_deploy_date: text(&form.stage_deploy_date),
        vendored_or_non_built: form.vendored_or_non_built,
        security_only: form.security_only,
        backout_plan: text(&form.backout_plan),
    })
}

struct Words {
    build: BuildNumber,
    /// What the channel names now.
    prod: Option<BuildNumber>,
    epic: String,
    /// When the test was done.
    stage: Timestamp,
}

impl Words {
    fn put_into(&self, text: &str) -> String {
        let prod = self.prod.map_or_else(|| "none".to_owned(), |build| build.to_string());
        let stage: String = self.stage.to_string().chars().take_while(|c| *c != 'T').collect();
        let text = text.replace("{build}", &self.build.to_string()).replace("{prod}", &prod);
        text.replace("{epic}", &self.epic).replace("{stage-date}", &stage)
    }
}

fn epic_name(state: &State, build: BuildNumber) -> String {
    let epic = state.tickets.epic(build).and_then(|epic| state.tickets.get(epic));
    epic.map_or_else(String::new, |epic| epic.number.clone().unwrap_or_else(|| epic.id.to_string()))
}

/// The changes of the cycle's train.
pub(super) fn changes<'a>(state: &'a State, cycle: &Cycle) -> Vec<&'a Change> {
    let train = cycle.train.and_then(|train| state.changes.train(train));
    let ids = train.map_or(&[][..], |train| train.changes.as_slice());
    ids.iter().filter_map(|id| state.changes.get(*id)).collect()
}

/// What becomes of changes that nobody will come back to.
pub(super) fn given_up(state: &State, cycle: &Cycle, reason: &str) -> Vec<ChangeEvent> {
    let open = changes(state, cycle).into_iter().filter(|change| !change.state.has_ended());
    let event = |change: &Change| {
        if change.state == ChangeState::Begun {
            let evidence = Evidence { summary: reason.to_owned(), test_url: None, test_passed: None };
            return ChangeEvent::Closed { change: change.id, how: Closing::Unsuccessful, evidence };
        }
        ChangeEvent::Cancelled { change: change.id, reason: reason.to_owned() }
    };
    open.map(event).collect()
}
