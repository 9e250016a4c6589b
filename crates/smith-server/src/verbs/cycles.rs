//! Cycles: the week started, watched, and helped on by hand.

use smith_api::{Cycle, Page, PageQuery, Role, StartCycle, Week as Told};
use smith_domain::cycle::{CycleCommand, CycleRejection, Link, WeekPlan};
use smith_domain::decide::Command;
use smith_domain::id::{BuildNumber, CycleId};
use smith_domain::pipeline::{Gate, Pipeline};
use smith_domain::rollout::Scope;
use smith_domain::state::State;

use super::access::now;
use super::caller::{Caller, Environments};
use super::denied::{Denied, Kind};
use super::page::part;
use super::projects::covers;
use super::site::Site;
use crate::answers;
use crate::config::nearest;
use crate::config::settings::{Schedule, Week};

impl Site {
    pub fn cycles(&self, query: &PageQuery) -> Result<Page<Cycle>, Denied> {
        let part = part(query.after.as_deref(), query.limit)?;
        Ok(self.core.read(|state| {
            let all = state.cycles.iter().map(|one| (u64::from(one.id.0), one));
            part.of(all, |one| answers::cycle(state, one))
        }))
    }

    pub fn cycle(&self, id: u32) -> Result<Cycle, Denied> {
        self.core.read(|state| Ok(answers::cycle(state, find(state, id)?)))
    }

    /// The weeks of the settings, and when each is due next.
    pub fn weeks(&self) -> Vec<Told> {
        let now = now();
        let told = |Week { plan, schedule, .. }: &Week| Told {
            week: plan.name.clone(),
            channel: plan.channel.clone(),
            owner: plan.owner.to_string(),
            links: plan.links().iter().map(ToString::to_string).collect(),
            schedule: schedule.as_ref().map(Schedule::words),
            next: schedule.as_ref().and_then(|one| one.after(now)).map(|at| at.to_string()),
        };
        self.weeks.iter().map(told).collect()
    }

    /// Starts a week of the settings, with a new build or one that is there.
    pub async fn start_cycle(&self, caller: &Caller, request: &StartCycle) -> Result<Cycle, Denied> {
        let what = format!("start the week {}", request.week);
        let made = self.once(caller, &what, async {
            self.noted_result(caller, &what, caller.must(Role::Operator, &what)).await?;
            let plan = self.week(&request.week)?.plan.clone();
            let pipelines = self.check_week(&plan).await?;
            self.covers_week(caller, (&plan, &pipelines), &what).await?;
            let (plan, build) = (Box::new(plan), request.build.map(BuildNumber));
            let command = CycleCommand::Start { plan, due: None, build, reason: request.reason.clone() };
            self.submit(caller, &what, Command::Cycle(command)).await
        });
        let made = made.await?;
        let broken = || Denied::new(Kind::Broken, "S0440", "the request was accepted and made no cycle");
        self.cycle(made.cycle.ok_or_else(broken)?.0)
    }

    /// Says yes before the channel moves. A cycle with one approval need not be told which.
    pub async fn approve_cycle_gate(
        &self,
        caller: &Caller,
        id: u32,
        gate: Option<&str>,
        reason: Option<String>,
    ) -> Result<Cycle, Denied> {
        let what = format!("approve a gate of cycle {id}");
        let gate = self.core.read(|state| gate_of(&find(state, id)?.plan, id, gate))?;
        let cycle = CycleId(id);
        let command = CycleCommand::ApproveGate { cycle, gate, reason };
        self.steer_cycle(caller, (id, Role::Approver), &what, command).await
    }

    pub async fn rerun_link(
        &self,
        caller: &Caller,
        id: u32,
        link: &str,
        reason: Option<String>,
    ) -> Result<Cycle, Denied> {
        let what = format!("run {link} of cycle {id} again");
        let (cycle, link) = (CycleId(id), self.link(id, link)?);
        self.steer_cycle(caller, (id, Role::Operator), &what, CycleCommand::Rerun { cycle, link, reason })
            .await
    }

    pub async fn skip_link(
        &self,
        caller: &Caller,
        id: u32,
        link: &str,
        reason: &str,
    ) -> Result<Cycle, Denied> {
        let what = format!("leave out {link} of cycle {id}");
        let (cycle, link, reason) = (CycleId(id), self.link(id, link)?, reason.to_owned());
        self.steer_cycle(caller, (id, Role::Operator), &what, CycleCommand::Skip { cycle, link, reason })
            .await
    }

    pub async fn stop_cycle(&self, caller: &Caller, id: u32, reason: &str) -> Result<Cycle, Denied> {
        let what = format!("stop cycle {id}");
        let (cycle, reason) = (CycleId(id), reason.to_owned());
        self.steer_cycle(caller, (id, Role::Operator), &what, CycleCommand::Stop { cycle, reason }).await
    }

    async fn steer_cycle(
        &self,
        caller: &Caller,
        (id, role): (u32, Role),
        what: &str,
        command: CycleCommand,
    ) -> Result<Cycle, Denied> {
        let steered = self.once(caller, what, async {
            self.noted_result(caller, what, caller.must(role, what)).await?;
            let plan = self.core.read(|state| Ok::<_, Denied>(find(state, id)?.plan.clone()))?;
            // Whoever may everywhere need not wait for files that may be wrong just now.
            if caller.environments != Environments::All {
                let pipelines = self.check_week(&plan).await?;
                self.covers_week(caller, (&plan, &pipelines), what).await?;
            }
            self.submit(caller, what, Command::Cycle(command)).await
        });
        steered.await?;
        self.cycle(id)
    }

    /// What a week starts must be theirs to start, and every machine of a region is served by the channel that it moves there.
    async fn covers_week(
        &self,
        caller: &Caller,
        (plan, pipelines): (&WeekPlan, &[Pipeline]),
        what: &str,
    ) -> Result<(), Denied> {
        let covered = self.core.read(|state| {
            for region in &plan.regions {
                caller.must_reach(&state.fleet.reach_of_region(region), what)?;
            }
            pipelines.iter().try_for_each(|one| covers(caller, state, one, &Scope::Pipeline, what))
        });
        self.noted_result(caller, what, covered).await
    }

    fn week(&self, name: &str) -> Result<&Week, Denied> {
        self.weeks.iter().find(|week| week.plan.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.weeks.iter().map(|week| week.plan.name.as_str()).collect();
            let text = format!("expected the name of a week in the settings, found {name:?}");
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None if known.is_empty() => "the settings have no `weeks`".to_owned(),
                None => format!("there are {}", known.join(", ")),
            };
            Denied::new(Kind::NotFound, "S0440", text).with_hint(hint)
        })
    }

    fn link(&self, id: u32, text: &str) -> Result<Link, Denied> {
        self.core.read(|state| link_of(&find(state, id)?.plan, id, text))
    }

    /// The pipelines that a week names, which must be there, with the steps that its soaks are about.
    pub(crate) async fn check_week(&self, plan: &WeekPlan) -> Result<Vec<Pipeline>, Denied> {
        let mut found = Vec::new();
        for name in plan.test.iter().chain(&plan.canary).chain(&plan.rollouts) {
            found.push(self.pipeline(name.as_str()).await?);
        }
        for gate in &plan.gates {
            match gate {
                Gate::Approval { .. } => {}
                Gate::Succeeded { pipeline } => drop(self.pipeline(pipeline.as_str()).await?),
                Gate::Soak { pipeline, step, .. } => {
                    // The plan says that there is one of them.
                    let Some(name) = pipeline.as_ref().or(plan.test.as_ref()) else { continue };
                    let pipeline = self.pipeline(name.as_str()).await?;
                    if !pipeline.steps.iter().any(|one| one.id == *step) {
                        let known: Vec<&str> = pipeline.steps.iter().map(|one| one.id.as_str()).collect();
                        let text = format!("expected a step of {name} to soak after, found {step}");
                        let near = nearest(step.as_str(), known.iter().copied());
                        let hint = near.map(|near| format!("did you mean {near}?"));
                        return Err(Denied::new(Kind::NotFound, "S0403", text).maybe_hint(hint));
                    }
                }
            }
        }
        Ok(found)
    }
}

fn find(state: &State, id: u32) -> Result<&smith_domain::cycle::Cycle, Denied> {
    state.cycles.get(CycleId(id)).ok_or_else(|| {
        let last = state.cycles.next_id().0 - 1;
        let text = CycleRejection::Unknown { cycle: CycleId(id), last }.to_string();
        let denied = Denied::new(Kind::NotFound, "S0440", text);
        if last == 0 { denied.with_hint("no week was started yet") } else { denied }
    })
}

/// A link by its name; those of rollouts also by the name of their pipeline.
fn link_of(plan: &WeekPlan, id: u32, text: &str) -> Result<Link, Denied> {
    let links = plan.links();
    let named = |link: &&Link| {
        link.to_string() == text || plan.pipeline(**link).is_some_and(|pipeline| pipeline.as_str() == text)
    };
    if let Some(link) = links.iter().find(named) {
        return Ok(*link);
    }
    let known: Vec<String> = links.iter().map(ToString::to_string).collect();
    let denied = format!("cycle {id} has no link {text:?}, expected one of {}", known.join(", "));
    let pipelines = links.iter().filter_map(|link| plan.pipeline(*link)).map(|name| name.as_str());
    let near = nearest(text, known.iter().map(String::as_str).chain(pipelines));
    let hint = near.map(|near| format!("did you mean {near}?"));
    Err(Denied::new(Kind::NotFound, "S0440", denied).maybe_hint(hint))
}

fn gate_of(plan: &WeekPlan, id: u32, given: Option<&str>) -> Result<String, Denied> {
    if let Some(gate) = given {
        return Ok(gate.to_owned());
    }
    let names: Vec<&str> = plan
        .gates
        .iter()
        .filter_map(|gate| match gate {
            Gate::Approval { name, .. } => Some(name.as_str()),
            Gate::Soak { .. } | Gate::Succeeded { .. } => None,
        })
        .collect();
    match names.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => {
            let text = format!("expected an approval of cycle {id}, found none");
            Err(Denied::new(Kind::NotFound, "S0440", text))
        }
        several => {
            let text = format!("expected which approval of cycle {id} is meant: {}", several.join(", "));
            Err(Denied::new(Kind::Invalid, "S0440", text))
        }
    }
}
