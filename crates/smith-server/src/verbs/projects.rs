//! Rollouts: started, watched, held up, let go on.

use std::collections::BTreeSet;
use std::time::Duration;

use smith_api::{
    Approve, Page, PatchRequest, Project, ProjectLine, ProjectQuery, Reasoned, Resume, Retry, Role, Skip,
    Start, Started,
};
use smith_domain::decide::Command;
use smith_domain::fleet::{CrossRegion, Selector};
use smith_domain::id::{BuildNumber, RolloutId, StepName};
use smith_domain::pipeline::{Gate, Pipeline};
use smith_domain::rollout::{Rollout, RolloutCommand, RolloutRejection, Scope};
use smith_domain::state::State;
use smith_domain::time::Span;

use super::caller::{Caller, Environments};
use super::denied::{Denied, Kind};
use super::made::Made;
use super::page::part;
use super::request::{Asked, Work, pipeline_of};
use super::site::Site;
use crate::answers::{project, project_expected, project_line, state_word};
use crate::config::nearest;

/// How long the number of a new change is waited for. The built-in desk needs milliseconds; what another one needs longer for
/// is told later.
const CHANGE_WAIT: Duration = Duration::from_secs(5);

/// Tries to get a name of its own for a request while others come in beside it.
const NAME_TRIES: u32 = 8;

impl Site {
    pub fn projects(&self, query: &ProjectQuery) -> Result<Page<ProjectLine>, Denied> {
        const STATES: [&str; 6] = ["open", "running", "paused", "aborting", "complete", "aborted"];
        let part = part(query.after.as_deref(), query.limit)?;
        if let Some(state) = &query.state
            && !STATES.contains(&state.as_str())
        {
            let text = format!("expected one of {} as state, found {state:?}", STATES.join(", "));
            return Err(Denied::new(Kind::Invalid, "S0417", text));
        }
        let wanted = |rollout: &&Rollout| {
            let state = match query.state.as_deref() {
                None => true,
                Some("open") => !rollout.has_ended(),
                Some(word) => state_word(rollout) == word,
            };
            state
                && query.build.is_none_or(|build| rollout.build.0 == build)
                && query.pipeline.as_ref().is_none_or(|name| rollout.pipeline.name.as_str() == name)
        };
        Ok(self.core.read(|state| {
            let all = state.rollouts.iter().filter(wanted).map(|one| (u64::from(one.id.0), one));
            part.of(all, |one| project_line(state, one))
        }))
    }

    pub fn project(&self, id: u32) -> Result<Project, Denied> {
        let estimate = self.core.estimate(RolloutId(id));
        self.core.read(|state| Ok(project_expected(state, find(state, id)?, estimate)))
    }

    /// The newest project under a change.
    pub fn project_of_change(&self, number: &str) -> Result<Project, Denied> {
        self.core.read(|state| {
            let change = super::changes::find(state, number)?;
            match &change.subject {
                smith_domain::change::Subject::Step { rollout, .. } => {
                    Ok(project(state, find(state, rollout.0)?))
                }
                smith_domain::change::Subject::Train { .. } => {
                    let text = format!("expected the change of a project, found {number} of a train");
                    Err(Denied::new(Kind::Conflict, "S0408", text))
                }
            }
        })
    }

    /// `patch BUILD config:NAME [step: …]`
    pub async fn start(&self, caller: &Caller, request: &Start) -> Result<Started, Denied> {
        let what = format!("start {} with build {}", request.config, request.build);
        let made = self.once(caller, &what, async {
            self.noted_result(caller, &what, caller.must(Role::Operator, &what)).await?;
            let pipeline = self.pipeline(&request.config).await?;
            let scope = match &request.step {
                None => Scope::Pipeline,
                Some(step) => Scope::Step { step: step_of(&pipeline, step)? },
            };
            let covered = self.core.read(|state| covers(caller, state, &pipeline, &scope, &what));
            self.noted_result(caller, &what, covered).await?;
            let (pipeline, build) = (Box::new(pipeline), BuildNumber(request.build));
            let command = RolloutCommand::Start { pipeline, build, scope, reason: request.reason.clone() };
            self.submit(caller, &what, Command::Rollout(command)).await
        });
        self.started(made.await?.rollout).await
    }

    /// `smith-patch BUILD machines: LIST outage:MINUTES`
    pub async fn request(&self, caller: &Caller, request: &PatchRequest) -> Result<Started, Denied> {
        let what = format!("patch {} with build {}", request.machines, request.build);
        let made = self.once(caller, &what, async {
            let asked = self.asked(caller, &what, request).await?;
            let build = self.build_named(&request.build, asked.region.as_deref())?;
            let outage = Span::mins(u64::from(request.outage));
            self.begin_request(caller, &what, (&asked, Work::Patch), (build, outage), &request.reason).await
        });
        self.started(made.await?.rollout).await
    }

    /// The machines of a request, where whoever asks may ask for them.
    pub(super) async fn asked(
        &self,
        caller: &Caller,
        what: &str,
        request: &PatchRequest,
    ) -> Result<Asked, Denied> {
        self.noted_result(caller, what, caller.must(Role::Operator, what)).await?;
        let selector = selector(&request.machines)?;
        let cross = if request.cross_region { CrossRegion::Allow } else { CrossRegion::Refuse };
        let asked = self.core.read(|state| -> Result<Asked, Denied> {
            Ok(Asked::of(&state.fleet, &state.fleet.lookup(&selector, cross)?))
        })?;
        let covered = caller.must_cover(asked.environments.iter().map(String::as_str), what);
        self.noted_result(caller, what, covered).await?;
        Ok(asked)
    }

    /// Starts the rollout of a request under a name of its own.
    pub(super) async fn begin_request(
        &self,
        caller: &Caller,
        what: &str,
        (asked, work): (&Asked, Work),
        (build, outage): (BuildNumber, Span),
        reason: &Option<String>,
    ) -> Result<Made, Denied> {
        let mut tries = 0;
        loop {
            let number = self.core.read(|state| state.rollouts.next_id().0) + tries;
            let pipeline = Box::new(pipeline_of(number, asked, &self.requests, work)?);
            let (scope, reason) = (Scope::Request { outage }, reason.clone());
            let command = RolloutCommand::Start { pipeline, build, scope, reason };
            match self.submit(caller, what, Command::Rollout(command)).await {
                // Another request came in between and has the name.
                Err(denied) if denied.code == "S0411" && tries < NAME_TRIES => tries += 1,
                answer => return answer,
            }
        }
    }

    /// What was started, with the change of its first step if the desk is quick.
    pub(super) async fn started(&self, id: Option<RolloutId>) -> Result<Started, Denied> {
        let broken = || Denied::new(Kind::Broken, "S0417", "the request was accepted and made no project");
        let id = id.ok_or_else(broken)?;
        self.until(CHANGE_WAIT, |state| {
            let mut raised = state.rollouts.get(id)?.steps.iter().filter_map(|step| step.change);
            raised
                .all(|change| state.changes.get(change).is_some_and(|one| one.number.is_some()))
                .then_some(())
        })
        .await;
        self.core.read(|state| {
            let rollout = state.rollouts.get(id).ok_or_else(broken)?;
            let line = project_line(state, rollout);
            let text = format!(
                "starting project ID: {id} patch {} onto config {}",
                line.build, rollout.pipeline.name
            );
            Ok(Started {
                project: id.0,
                pipeline: line.pipeline,
                build: line.build,
                change: line.change,
                text,
            })
        })
    }

    pub async fn pause(&self, caller: &Caller, id: u32, given: &Reasoned) -> Result<ProjectLine, Denied> {
        self.steer(
            caller,
            id,
            "pause",
            RolloutCommand::Pause { rollout: RolloutId(id), reason: given.reason.clone() },
        )
        .await
    }

    pub async fn unpause(&self, caller: &Caller, id: u32, given: &Reasoned) -> Result<ProjectLine, Denied> {
        self.steer(
            caller,
            id,
            "let go on",
            RolloutCommand::Unpause { rollout: RolloutId(id), reason: given.reason.clone() },
        )
        .await
    }

    pub async fn abort(&self, caller: &Caller, id: u32, given: &Reasoned) -> Result<ProjectLine, Denied> {
        self.steer(
            caller,
            id,
            "abort",
            RolloutCommand::Abort { rollout: RolloutId(id), reason: given.reason.clone() },
        )
        .await
    }

    pub async fn resume(&self, caller: &Caller, id: u32, request: &Resume) -> Result<ProjectLine, Denied> {
        let step = self.core.read(|state| step_name(find(state, id)?, &request.step))?;
        let command = RolloutCommand::Resume {
            rollout: RolloutId(id),
            step,
            grant: request.grant,
            reason: request.reason.clone(),
        };
        self.steer(caller, id, "resume", command).await
    }

    pub async fn retry(&self, caller: &Caller, id: u32, request: &Retry) -> Result<ProjectLine, Denied> {
        let machines = request.machines.as_deref().map(selector).transpose()?;
        let command =
            RolloutCommand::Retry { rollout: RolloutId(id), machines, reason: request.reason.clone() };
        self.steer(caller, id, "retry", command).await
    }

    pub async fn skip(&self, caller: &Caller, id: u32, request: &Skip) -> Result<ProjectLine, Denied> {
        let (machines, reason) = (selector(&request.machines)?, request.reason.clone());
        let command = RolloutCommand::Skip { rollout: RolloutId(id), machines, reason };
        self.steer(caller, id, "skip machines of", command).await
    }

    /// Says yes to an approval gate.
    pub async fn approve_gate(
        &self,
        caller: &Caller,
        id: u32,
        request: &Approve,
    ) -> Result<ProjectLine, Denied> {
        let what = format!("approve {} of project {id}", request.step);
        let approved = self.once(caller, &what, async {
            self.noted_result(caller, &what, caller.must(Role::Approver, &what)).await?;
            let (step, gate) = self.core.read(|state| -> Result<_, Denied> {
                let rollout = find(state, id)?;
                let step = step_name(rollout, &request.step)?;
                let gate = match &request.gate {
                    Some(gate) => gate.clone(),
                    None => only_gate(rollout, &step)?,
                };
                Ok((step, gate))
            })?;
            self.covers_project(caller, id, &what).await?;
            let (rollout, reason) = (RolloutId(id), request.reason.clone());
            let command = RolloutCommand::ApproveGate { rollout, step, gate, reason };
            self.submit(caller, &what, Command::Rollout(command)).await
        });
        approved.await?;
        self.core.read(|state| Ok(project_line(state, find(state, id)?)))
    }

    /// Somebody vouches for machines that nobody has proven healthy.
    pub async fn sign_off(&self, caller: &Caller, request: &Skip) -> Result<(), Denied> {
        let what = format!("sign off {}", request.machines);
        let machines = selector(&request.machines)?;
        let signed = self.once(caller, &what, async {
            self.noted_result(caller, &what, caller.must(Role::Operator, &what)).await?;
            let reach = self.core.read(|state| state.fleet.reach(&machines));
            self.noted_result(caller, &what, caller.must_reach(&reach, &what)).await?;
            let command = RolloutCommand::SignOff { machines, reason: request.reason.clone() };
            self.submit(caller, &what, Command::Rollout(command)).await
        });
        signed.await.map(drop)
    }

    async fn steer(
        &self,
        caller: &Caller,
        id: u32,
        verb: &str,
        command: RolloutCommand,
    ) -> Result<ProjectLine, Denied> {
        let what = format!("{verb} project {id}");
        let steered = self.once(caller, &what, async {
            self.noted_result(caller, &what, caller.must(Role::Operator, &what)).await?;
            self.covers_project(caller, id, &what).await?;
            self.submit(caller, &what, Command::Rollout(command)).await
        });
        steered.await?;
        self.core.read(|state| Ok(project_line(state, find(state, id)?)))
    }

    pub(super) async fn covers_project(&self, caller: &Caller, id: u32, what: &str) -> Result<(), Denied> {
        let covered = self.core.read(|state| -> Result<(), Denied> {
            let rollout = find(state, id)?;
            covers(caller, state, &rollout.pipeline, &rollout.scope, what)
        });
        self.noted_result(caller, what, covered).await
    }

    /// Passes a yes on; a no is recorded where it belongs into the record.
    pub(super) async fn noted_result<T>(
        &self,
        caller: &Caller,
        what: &str,
        result: Result<T, Denied>,
    ) -> Result<T, Denied> {
        match result {
            Ok(value) => Ok(value),
            Err(denied) => Err(self.noted(caller, what, denied).await),
        }
    }

    /// A build by its number, or by the channel that names it in a region.
    pub(super) fn build_named(&self, name: &str, region: Option<&str>) -> Result<BuildNumber, Denied> {
        let unknown = |text: String| Denied::new(Kind::NotFound, "S0406", text);
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = name.parse().map(BuildNumber);
            return number.map_err(|_| unknown(format!("expected the number of a build, found {name:?}")));
        }
        self.core.read(|state| {
            let found = region.and_then(|region| state.builds.in_channel(name, region));
            found.ok_or_else(|| {
                let known: BTreeSet<&str> = state.builds.channels().map(|(channel, ..)| channel).collect();
                let at = region.map_or_else(String::new, |region| format!(" in {region}"));
                let denied = unknown(format!(
                    "expected a build's number or a channel that names one{at}, found {name:?}"
                ));
                denied.maybe_hint(nearest(name, known).map(|near| format!("did you mean {near}?")))
            })
        })
    }
}

pub(super) fn find(state: &State, id: u32) -> Result<&Rollout, Denied> {
    state.rollouts.get(RolloutId(id)).ok_or_else(|| {
        let last = state.rollouts.next_id().0 - 1;
        let text = RolloutRejection::Unknown { rollout: RolloutId(id), last }.to_string();
        let denied = Denied::new(Kind::NotFound, "S0401", text);
        if last == 0 { denied.with_hint("nothing was started yet") } else { denied }
    })
}

pub(super) fn selector(text: &str) -> Result<Selector, Denied> {
    Selector::parse(text).map_err(|error| {
        Denied::new(Kind::Invalid, "S0417", error.to_string())
            .with_hint("machines are named by name, address, pattern or attribute, such as `environment=dev role=worker`")
    })
}

/// The step that is meant by its id, or as `ID : TITLE`, as people copy it from `showconfig`.
fn step_of(pipeline: &Pipeline, text: &str) -> Result<u16, Denied> {
    let id = text.split(" : ").next().unwrap_or(text).trim();
    let at = pipeline.steps.iter().position(|step| step.id.as_str() == id);
    let Some(at) = at else {
        let known: Vec<&str> = pipeline.steps.iter().map(|step| step.id.as_str()).collect();
        let text = format!("{} has no step {id:?}, expected one of {}", pipeline.name, known.join(", "));
        let near = nearest(id, known.iter().copied()).map(|near| format!("did you mean {near}?"));
        return Err(Denied::new(Kind::NotFound, "S0403", text).maybe_hint(near));
    };
    let step = &pipeline.steps[at];
    if let Some((_, title)) = text.split_once(" : ")
        && title.trim() != step.title
    {
        let text = format!("the step {id} is called {:?}, found {:?}", step.title, title.trim());
        return Err(Denied::new(Kind::Invalid, "S0403", text)
            .with_hint("the id alone is enough; both are checked where both are given"));
    }
    Ok(u16::try_from(at).unwrap_or(u16::MAX))
}

fn step_name(rollout: &Rollout, text: &str) -> Result<StepName, Denied> {
    let number = step_of(&rollout.pipeline, text)?;
    Ok(rollout.rule(number).id.clone())
}

fn only_gate(rollout: &Rollout, step: &StepName) -> Result<String, Denied> {
    let rule = rollout.pipeline.steps.iter().find(|rule| rule.id == *step);
    let gates: Vec<&String> = rule
        .into_iter()
        .flat_map(|rule| &rule.gates)
        .filter_map(|gate| match gate {
            Gate::Approval { name, .. } => Some(name),
            Gate::Soak { .. } | Gate::Succeeded { .. } => None,
        })
        .collect();
    match gates.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let text = format!("expected an approval gate of step {step}, found none");
            Err(Denied::new(Kind::NotFound, "S0403", text))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
            let text = format!("expected which approval of step {step} is meant: {}", names.join(", "));
            Err(Denied::new(Kind::Invalid, "S0403", text))
        }
    }
}

/// Whether somebody may touch everything that a pipeline, or one step of it, may ever select: machines that come while it
/// runs are taken, too.
pub(super) fn covers(
    caller: &Caller,
    state: &State,
    pipeline: &Pipeline,
    scope: &Scope,
    what: &str,
) -> Result<(), Denied> {
    if caller.environments == Environments::All {
        return Ok(());
    }
    for (at, step) in (0_u16..).zip(&pipeline.steps) {
        if matches!(scope, Scope::Step { step } if *step != at) {
            continue;
        }
        for bag in step.phases.iter().flat_map(|phase| &phase.bags) {
            caller.must_reach(&state.fleet.reach(&bag.select), what)?;
        }
    }
    Ok(())
}
