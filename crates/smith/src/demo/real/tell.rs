//! Watching the server with the people: what happens is told, what waits for a person gets one, what fails is mended.

use std::collections::BTreeSet;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use smith_api::{Cycle, Page, Project, ProjectLine};

use super::hands::{APPROVES, ASKS, People, Who};
use super::news::News;
use super::picture::picture;
use super::world::World;
use crate::failure::{Exit, Failure};

/// Between two looks. A person who watches sees no difference to at once.
const LOOK: Duration = Duration::from_millis(250);

pub(super) struct Watch<'w, 'p> {
    pub(super) world: &'w mut World<'p>,
    pub(super) people: People,
    news: Receiver<News>,
    /// Changes and gates that were approved.
    approved: BTreeSet<String>,
}

impl<'w, 'p> Watch<'w, 'p> {
    pub(super) fn new(world: &'w mut World<'p>, people: People, news: Receiver<News>) -> Self {
        Self { world, people, news, approved: BTreeSet::new() }
    }

    /// Lets the person who asks say a line.
    pub(super) fn asks(&mut self, line: &str) -> Result<String, Failure> {
        let said = self.people.say(&mut self.world.stage, Who::Asks, line)?;
        self.hear()?;
        Ok(said)
    }

    /// Tells what was recorded meanwhile.
    pub(super) fn hear(&mut self) -> Result<(), Failure> {
        while let Ok(news) = self.news.try_recv() {
            if news.is_told() {
                self.world.stage.happened(news.moment(), &news.short())?;
            }
        }
        Ok(())
    }

    /// A moment passes.
    pub(super) fn rest(&mut self) -> Result<(), Failure> {
        self.world.rest(LOOK)?;
        self.hear()
    }

    /// Approves every change that waits for it. The first is tried by the one who asked for it, who may not.
    pub(super) fn approve_changes(&mut self) -> Result<(), Failure> {
        for change in self.people.changes()? {
            let waits = change.state == "waiting for approval" && change.approvals_missing > 0;
            if !waits || !self.approved.insert(change.number.clone()) {
                continue;
            }
            self.hear()?;
            let line = format!("approve {} reason: looked at what it is for", change.number);
            if self.approved.len() == 1 && change.by == ASKS {
                self.people.is_refused(&mut self.world.stage, Who::Asks, &line)?;
            }
            self.people.say(&mut self.world.stage, Who::Approves, &line)?;
        }
        Ok(())
    }

    /// Approves the gates of steps that wait for it.
    fn approve_gates(&mut self, project: &Project) -> Result<(), Failure> {
        let waits =
            |reasons: &[String]| reasons.iter().any(|reason| reason.contains("waits for approval \""));
        for step in project.steps.iter().filter(|step| waits(&step.reasons)) {
            let key = format!("{} {}", project.project, step.step);
            if self.approved.insert(key) {
                let line = format!("approve {} step: {}", project.project, step.step);
                self.people.say(&mut self.world.stage, Who::Approves, &line)?;
            }
        }
        Ok(())
    }

    /// Watches a project to its end. `mend` is asked whenever machines have failed.
    pub(super) fn project(
        &mut self,
        id: u32,
        mut mend: impl FnMut(&mut Self, &Project) -> Result<(), Failure>,
    ) -> Result<Project, Failure> {
        loop {
            let project = self.people.project(id)?;
            if matches!(project.state.as_str(), "complete" | "aborted") {
                self.rest()?;
                return Ok(project);
            }
            self.approve_changes()?;
            self.approve_gates(&project)?;
            if !project.failures.is_empty() {
                self.hear()?;
                mend(self, &project)?;
            }
            self.world.stage.draw(&picture(&project))?;
            self.rest()?;
        }
    }

    /// The project that the week started with this pipeline.
    pub(super) fn project_of(&mut self, pipeline: &str, build: u32) -> Result<u32, Failure> {
        loop {
            let path = format!("/v1/projects?pipeline={pipeline}&build={build}");
            if let Some(line) = self.people.get::<Page<ProjectLine>>(&path)?.items.first() {
                return Ok(line.project);
            }
            self.rest()?;
        }
    }

    /// Watches the week until `reached` says that it is far enough. A link that fails is an error: nobody mends it here.
    pub(super) fn week(&mut self, id: u32, reached: impl Fn(&Cycle) -> bool) -> Result<Cycle, Failure> {
        loop {
            let cycle = self.people.cycle(id)?;
            self.hear()?;
            if let Some(failed) = cycle.links.iter().find(|link| link.state == "failed") {
                let why = failed.note.clone().unwrap_or_default();
                let error =
                    format!("expected the week's {} to be done, found that it failed: {why}", failed.link);
                return Err(Failure::new(Exit::Finding, error));
            }
            if reached(&cycle) {
                return Ok(cycle);
            }
            self.approve_changes()?;
            let mut lines: Vec<String> = vec![String::new()];
            let under_way = cycle.links.iter().filter(|link| link.state == "under way");
            lines.extend(under_way.map(|link| format!("    {} is under way", link.link)));
            lines.extend(cycle.waits.iter().map(|wait| format!("    waits: {wait}")));
            self.world.stage.draw(&lines)?;
            self.rest()?;
        }
    }

    /// Says yes to what the week waits for, which is no chat line but a request.
    pub(super) fn approve_week(&mut self, id: u32) -> Result<(), Failure> {
        let reason = "dev to stage looks good";
        let shown = format!("POST /v1/cycles/{id}/approve {{\"reason\": \"{reason}\"}}");
        self.world.stage.typed(&format!("{APPROVES}:"), &shown)?;
        self.people.approve_week(id, reason)?;
        self.hear()
    }
}

/// Whether a link of the week is in a state.
pub(super) fn is(cycle: &Cycle, link: &str, state: &str) -> bool {
    cycle.links.iter().any(|one| one.link == link && one.state == state)
}
