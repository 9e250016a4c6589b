//! The links that run a pipeline: it is read as its file says now, and a rollout is started on behalf of whoever started
//! the cycle.

use smith_domain::actor::Actor;
use smith_domain::decide::{Command, Rejection};
use smith_domain::pipeline::Pipeline;
use smith_domain::rollout::{RolloutCommand, RolloutRejection, Scope};

use super::job::{Job, interrupted};
use super::shop::Trouble;
use crate::config::nearest;
use crate::core::{Core, Refused};
use crate::verbs::{Denied, read_pipelines};

pub(super) async fn start(
    core: &Core,
    job: &Job,
    folder: std::sync::Arc<std::path::PathBuf>,
) -> Result<String, Trouble> {
    let build = job.build()?;
    let Some(name) = job.plan.pipeline(job.link).cloned() else {
        return Err(Trouble::Refused(format!("expected a pipeline for {}, found none", job.link)));
    };
    // The answer to an earlier try may have been lost.
    let running = core.read(|state| {
        let open = state.rollouts.of(&name, build).next_back().filter(|rollout| !rollout.has_ended());
        open.map(|rollout| rollout.id)
    });
    if let Some(id) = running {
        return Ok(format!("project {id}"));
    }
    if job.is_look() {
        return Err(interrupted(job.link));
    }
    let read = tokio::task::spawn_blocking(move || read_pipelines(&folder)).await;
    let read = read.map_err(|error| Trouble::Failed(error.to_string()))?;
    let all = read.map_err(|denied: Denied| Trouble::Failed(denied.to_string()))?;
    let pipeline = found(all, name.as_str())?;
    let reason = Some(format!("{} of cycle {}", job.link, job.cycle));
    let command =
        RolloutCommand::Start { pipeline: Box::new(pipeline), build, scope: Scope::Pipeline, reason };
    let smith = Actor::smith();
    let actor = if job.by == smith.name { smith } else { Actor::person(&job.by) };
    match core.submit(actor, Command::Rollout(command)).await {
        Ok(_) => {
            let id = core.read(|state| state.rollouts.of(&name, build).next_back().map(|one| one.id));
            Ok(id.map_or_else(String::new, |id| format!("project {id}")))
        }
        Err(Refused::Rejected(Rejection::Rollout(RolloutRejection::AlreadyRunning { .. }))) => {
            Ok("it runs already".to_owned())
        }
        Err(Refused::Rejected(rejection)) => Err(Trouble::Refused(rejection.to_string())),
        Err(other) => Err(Trouble::Failed(other.to_string())),
    }
}

fn found(mut all: Vec<Pipeline>, name: &str) -> Result<Pipeline, Trouble> {
    if let Some(at) = all.iter().position(|one| one.name.as_str() == name) {
        return Ok(all.swap_remove(at));
    }
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    let near = nearest(name, names).map_or_else(String::new, |near| format!("; did you mean {near}?"));
    Err(Trouble::Refused(format!("expected the name of a config, found {name:?}{near}")))
}
