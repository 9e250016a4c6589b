//! Evidence on the disk: a document for each step that has ended, made of the state as soon as that is recorded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use smith_domain::change::{ChangeEvent, Subject};
use smith_domain::event::Event;
use smith_domain::id::RolloutId;
use smith_domain::rollout::{Rollout, RolloutEvent};
use smith_domain::state::State;
use tokio::sync::broadcast::error::RecvError;

use crate::answers::{StepEvidence, step_evidence};
use crate::core::{Core, Recorded};
use crate::files::write_whole;

/// Projects whose documents are looked at when the server starts: what ended while nobody wrote is among the newest.
const NEWEST: usize = 200;

/// How soon what could not be written is tried again: a full disk stays full for minutes.
const AGAIN: Duration = Duration::from_secs(60);

/// A step of a rollout.
type Which = (RolloutId, u16);

/// Writes documents for as long as the server lives. A document that is there already and says the same is left alone.
pub async fn keep_evidence(core: Core, folder: PathBuf, tell: impl Fn(&str)) {
    let mut news = core.view().listen();
    let mut open = core.read(all_ended);
    let mut told = String::new();
    loop {
        let trouble = write_all(&core, &folder, &mut open).await;
        if trouble != told && !trouble.is_empty() {
            tell(&trouble);
        }
        told = trouble;
        let heard = if open.is_empty() {
            news.recv().await
        } else {
            match tokio::time::timeout(AGAIN, news.recv()).await {
                Ok(heard) => heard,
                Err(_) => continue,
            }
        };
        match heard {
            Ok(batch) => core.read(|state| open.extend(batch.iter().flat_map(|one| about(state, one)))),
            Err(RecvError::Lagged(_)) => open.extend(core.read(all_ended)),
            Err(RecvError::Closed) => return,
        }
    }
}

fn all_ended(state: &State) -> BTreeSet<Which> {
    let newest = state.rollouts.iter().rev().take(NEWEST);
    newest.flat_map(ended).collect()
}

fn ended(rollout: &Rollout) -> impl Iterator<Item = Which> {
    let ended = (0_u16..).zip(&rollout.steps).filter(|(_, step)| step.has_ended());
    ended.map(|(number, _)| (rollout.id, number))
}

/// The steps whose evidence an event changes: one ended, or its change was closed with what came of it. Those that were not asked
/// for have ended when their rollout starts.
fn about(state: &State, recorded: &Recorded) -> Vec<Which> {
    if let Event::Rollout(RolloutEvent::StepEnded { rollout, step, .. }) = &recorded.event {
        return vec![(*rollout, *step)];
    }
    if let Event::Rollout(RolloutEvent::Started { rollout, .. }) = &recorded.event {
        return state.rollouts.get(*rollout).map_or_else(Vec::new, |one| ended(one).collect());
    }
    let Event::Change(ChangeEvent::Closed { change, .. }) = &recorded.event else { return Vec::new() };
    match state.changes.get(*change).map(|change| &change.subject) {
        Some(Subject::Step { rollout, step }) => vec![(*rollout, *step)],
        Some(Subject::Train { .. }) | None => Vec::new(),
    }
}

/// Writes what is open, and leaves open what could not be written. Answers why.
async fn write_all(core: &Core, folder: &Path, open: &mut BTreeSet<Which>) -> String {
    let mut trouble = String::new();
    for which in std::mem::take(open) {
        let found = core.read(|state| step_evidence(state, state.rollouts.get(which.0)?, which.1));
        // A change may be closed before its step has ended: the end comes with an event of its own.
        let Some(evidence) = found else { continue };
        let folder = folder.to_owned();
        let written = tokio::task::spawn_blocking(move || write(&folder, &evidence)).await;
        if let Err(why) = written.unwrap_or_else(|error| Err(error.to_string())) {
            trouble = why;
            open.insert(which);
        }
    }
    trouble
}

fn write(folder: &Path, evidence: &StepEvidence) -> Result<(), String> {
    let stem = format!("project-{}", evidence.file_stem());
    for (ending, bytes) in evidence.documents() {
        let path = folder.join(format!("{stem}.{ending}"));
        let failed =
            |error| format!("expected to write evidence into {}, found that {error}", path.display());
        write_whole(&path, &bytes).map_err(failed)?;
    }
    Ok(())
}
