//! Lines carried out.

use std::collections::VecDeque;

use smith_api::{
    AcceptClock, Approve, AuditLine, AuditQuery, Change, CompleteTrain, ConfirmSource, Decision, Named, Page,
    PageQuery, PatchRequest, Project, ProjectQuery, RaiseTrain, Reasoned, Resume, Retry, SetChannel, Skip,
    Start, StartTrain, Started, Step,
};
use smith_domain::plain::{self, one_line};

use super::help;
use super::line::{Audit, ChangeNumber, Desk, Line, Request, Ruling, Steering, Work};
use super::parse::parse;
use super::reply;
use crate::answers::{Plain, change_text, project_text};
use crate::http::{Chat, Said};
use crate::verbs::{Caller, Denied, Key, Kind, Site};

/// Carries out what people say to it.
#[derive(Debug, Clone)]
pub struct Bot {
    pub(super) site: Site,
}

/// What a page of the API has at most; a list of the bot shows fewer and counts the rest.
const PAGE: u32 = 1_000;

/// Lines of the record that are shown, and at most.
const AUDIT: u32 = 20;
const AUDIT_MAX: u32 = 200;

pub(super) type Answer = Result<String, Denied>;

impl Bot {
    pub fn new(site: Site) -> Self {
        Self { site }
    }

    /// Understands a line, carries it out, and gives the answer.
    pub async fn say(&self, caller: &Caller, line: &str) -> Answer {
        let line = parse(line)?;
        self.carry_out(caller, &line).await
    }

    /// Carries out a line that is understood.
    pub async fn carry_out(&self, caller: &Caller, line: &Line) -> Answer {
        let answer = self.answer(caller, line).await;
        // What others wrote is in it: it must not be obeyed by whatever shows it.
        answer.map(|text| plain::lines(&text).into_owned())
    }

    async fn answer(&self, caller: &Caller, line: &Line) -> Answer {
        let site = &self.site;
        match line {
            Line::Help { word: None } => Ok(help::overview()),
            Line::Help { word: Some(word) } => help::about(word),
            Line::ListConfigs => Ok(reply::configs(&site.configs().await?)),
            Line::ShowConfig { config } => Ok(site.config(config).await?.text.trim_end().to_owned()),
            Line::SmithStatus { changes } => self.status(changes),
            Line::TaskStatus { project: None } => self.projects(),
            Line::TaskStatus { project: Some(project) } => {
                Ok(project_text(&site.project(*project)?, &Plain).trim_end().to_owned())
            }
            Line::WhyMachine { machine, project } => {
                let why = site.why(machine.as_str(), *project)?;
                Ok(format!("{}: {}", why.machine, one_line(&why.why)))
            }
            Line::WhyProject { project } => self.why_project(*project),
            Line::Lookup { select } => {
                let select = Some(select.to_string());
                let named = Named { select, cross_region: true, limit: Some(PAGE), ..Named::default() };
                Ok(reply::machines(&site.machines(&named)?.items))
            }
            Line::Gaps => Ok(reply::gaps(&site.gaps().await?)),
            Line::Audit(audit) => self.audit(audit).await,
            Line::Builds => Ok(reply::builds(&all_of(|page| self.site.builds(page))?)),
            Line::Channels => Ok(reply::channels(&site.channels())),
            Line::Clock => Ok(reply::clock(&site.clock()?)),
            Line::Sources => Ok(reply::sources(&site.sources())),
            Line::Cycle(line) => Box::pin(self.cycle(caller, line)).await,
            Line::Exemption(line) => Box::pin(self.exemption(caller, line)).await,
            Line::Work(work) => Box::pin(self.work(caller, work)).await,
            Line::Desk(desk) => Box::pin(self.desk(caller, desk)).await,
        }
    }

    /// Lines that change what projects do.
    async fn work(&self, caller: &Caller, work: &Work) -> Answer {
        let site = &self.site;
        let moved = match work {
            Work::Patch { build, config, step, reason } => {
                let (config, step, reason) = (config.clone(), step.clone(), reason.clone());
                let request = Start { build: *build, config, step, reason };
                return Ok(site.start(caller, &request).await?.text);
            }
            Work::SmithPatch { build, request } => {
                let asked = patch_request(build, request);
                return Ok(self.requested(&site.request(caller, &asked).await?));
            }
            Work::Reboot(request) => {
                let asked = patch_request("", request);
                return Ok(self.requested(&site.reboot(caller, &asked).await?));
            }
            Work::Steer { steering, project, reason } => {
                let given = Reasoned { reason: reason.clone() };
                match steering {
                    Steering::Pause => site.pause(caller, *project, &given).await?,
                    Steering::Unpause => site.unpause(caller, *project, &given).await?,
                    Steering::Abort => site.abort(caller, *project, &given).await?,
                }
            }
            Work::Resume { project, step, grant, reason } => {
                let step = step.clone().map_or_else(|| self.halted(*project), Ok)?;
                let request = Resume { step, grant: *grant, reason: reason.clone() };
                site.resume(caller, *project, &request).await?
            }
            Work::Retry { project, machines, reason } => {
                let machines = machines.as_ref().map(ToString::to_string);
                site.retry(caller, *project, &Retry { machines, reason: reason.clone() }).await?
            }
            Work::Skip { project, machines, reason } => {
                let request = Skip { machines: machines.to_string(), reason: reason.clone() };
                site.skip(caller, *project, &request).await?
            }
            Work::ApproveGate { project, step, gate, reason } => {
                let (step, gate, reason) = (step.clone(), gate.clone(), reason.clone());
                site.approve_gate(caller, *project, &Approve { step, gate, reason }).await?
            }
            Work::SignOff { machines, reason } => {
                let request = Skip { machines: machines.to_string(), reason: reason.clone() };
                site.sign_off(caller, &request).await?;
                return Ok(format!("signed off as healthy: {machines}"));
            }
            Work::ConfirmSource { source, lost, reason } => {
                let asked = ConfirmSource { lost: lost.clone(), reason: reason.clone() };
                site.confirm_source(caller, source, &asked).await?;
                return Ok(format!("the machines that source {source} lost leave with the next reading"));
            }
            Work::AcceptClock { ahead, reason } => {
                let asked = AcceptClock { ahead: *ahead, reason: reason.clone() };
                return Ok(reply::clock(&site.accept_clock(caller, &asked).await?));
            }
            Work::Withdraw { build, reason } => {
                return Ok(reply::builds(&[site.withdraw(caller, *build, reason).await?]));
            }
        };
        Ok(reply::project_line(&moved))
    }

    /// Lines about changes, trains and channels.
    async fn desk(&self, caller: &Caller, desk: &Desk) -> Answer {
        let site = &self.site;
        match desk {
            Desk::Rule { ruling, changes, reason } => {
                self.rule(caller, *ruling, changes, reason.as_deref()).await
            }
            Desk::RaiseTrain { template } => {
                let raised = site
                    .raise_train(caller, &RaiseTrain { template: template.clone(), reason: None })
                    .await?;
                let changes: Result<Vec<Change>, Denied> =
                    raised.changes.iter().map(|number| self.named(number)).collect();
                let changes = changes?;
                let trains = site.trains();
                let train = trains.iter().find(|train| train.train == raised.train);
                let title = train.map_or("", |train| train.title.as_str());
                Ok(reply::changes(&format!("Train raised: {title}"), &changes))
            }
            Desk::StartTrain { changes } => {
                let changes =
                    site.start_train(caller, &StartTrain { changes: numbers(changes), reason: None }).await?;
                Ok(reply::changes("Train started:", &changes))
            }
            Desk::CompleteTrain(completion) => {
                let request = CompleteTrain {
                    changes: numbers(&completion.changes),
                    test_url: completion.test_url.clone(),
                    test_passed: completion.test_passed.into(),
                    summary: completion.summary.clone(),
                    reason: None,
                };
                let changes = site.complete_train(caller, &request).await?;
                Ok(reply::changes("Train completed:", &changes))
            }
            Desk::SetChannel(to) => {
                let (region, change) = (to.region.clone(), to.change.as_ref().map(ToString::to_string));
                let request = SetChannel { region, build: to.build, change, reason: to.reason.clone() };
                Ok(reply::channels(&[site.set_channel(caller, &to.channel, &request).await?]))
            }
        }
    }

    async fn rule(
        &self,
        caller: &Caller,
        ruling: Ruling,
        changes: &[ChangeNumber],
        reason: Option<&str>,
    ) -> Answer {
        // Nothing is said about the first while the last is a slip.
        for number in changes {
            self.site.change(number.as_str())?;
        }
        let decision = Decision { reason: reason.map(str::to_owned) };
        let mut lines = Vec::with_capacity(changes.len());
        for (at, number) in changes.iter().enumerate() {
            let (caller, number) = (one_of(caller, at), number.as_str());
            let change = match ruling {
                Ruling::Approve => self.site.approve(&caller, number, &decision).await,
                Ruling::Reject => self.site.reject(&caller, number, &decision).await,
                Ruling::Revoke => self.site.revoke(&caller, number, &decision).await,
                Ruling::Cancel => self.site.cancel(&caller, number, &decision).await,
            };
            match change {
                Ok(change) => {
                    lines.push(reply::change_line(&change).trim_start_matches([' ', '-']).to_owned())
                }
                Err(denied) if lines.is_empty() => return Err(denied),
                // What was said about those before it stands.
                Err(denied) => {
                    let text = format!("{}\n`{number}`: {denied}", lines.join("\n"));
                    return Err(Denied { text, ..denied });
                }
            }
        }
        Ok(lines.join("\n"))
    }

    fn requested(&self, started: &Started) -> String {
        let change = started.change.as_ref().and_then(|number| self.site.change(number).ok());
        reply::requested(started, change.as_ref())
    }

    fn named(&self, number: &str) -> Result<Change, Denied> {
        self.site.change(number).or_else(|denied| {
            // A change that the desk has not numbered yet is known to the journal only.
            let unnumbered = |change: &Change| change.number == number;
            let page = PageQuery { after: None, limit: Some(PAGE) };
            self.site.changes(&page)?.items.into_iter().find(unnumbered).ok_or(denied)
        })
    }

    fn status(&self, changes: &[ChangeNumber]) -> Answer {
        let blocks: Result<Vec<String>, Denied> =
            changes.iter().map(|number| self.status_of(number.as_str())).collect();
        Ok(blocks?.join("\n\n"))
    }

    /// The step that a change is for.
    fn status_of(&self, number: &str) -> Answer {
        let change = self.site.change(number).map_err(|denied| {
            let text = format!("project `{number}` not running");
            Denied { text, ..denied }
        })?;
        let Some(id) = change.project else {
            return Ok(format!("Train: {}\n{}", change.title, reply::change_line(&change)));
        };
        let project = self.site.project(id)?;
        let found = project.steps.iter().find(|step| step.change.as_deref() == Some(number));
        let step = found.ok_or_else(|| {
            let text = format!("project `{number}` not running");
            Denied::new(Kind::NotFound, "S0407", text)
        })?;
        let title = self.title(&project, step);
        Ok(change_text(&project, step, &title, &Plain).trim_end().to_owned())
    }

    /// A request is called after its machines, a step after its config.
    fn title(&self, project: &Project, step: &Step) -> String {
        let request = self.site.core.read(|state| {
            let rollout = state.rollouts.get(smith_domain::id::RolloutId(project.project))?;
            let is_request = matches!(rollout.scope, smith_domain::rollout::Scope::Request { .. });
            is_request.then(|| rollout.pipeline.title.clone())
        });
        request.unwrap_or_else(|| format!("{} {} : {}", project.pipeline, step.step, step.title))
    }

    fn projects(&self) -> Answer {
        let query =
            ProjectQuery { state: Some("open".to_owned()), limit: Some(PAGE), ..ProjectQuery::default() };
        let open = self.site.projects(&query)?.items;
        if open.is_empty() {
            return Ok("no project is running".to_owned());
        }
        Ok(reply::listed(open.iter().map(reply::project_line)))
    }

    fn why_project(&self, project: u32) -> Answer {
        let lines = self.site.why_project(project)?;
        if lines.is_empty() {
            let state = self.site.project(project)?.state;
            return Ok(format!("project {project} waits for nothing, it is {state}"));
        }
        Ok(lines.join("\n"))
    }

    /// The only step that is halted.
    fn halted(&self, project: u32) -> Answer {
        let steps = self.site.project(project)?.steps;
        let halted: Vec<&str> =
            steps.iter().filter(|step| step.state == "halted").map(|step| step.step.as_str()).collect();
        match halted.as_slice() {
            [one] => Ok((*one).to_owned()),
            [] => {
                let text = format!("expected a halted step of project {project}, found none");
                let denied = Denied::new(Kind::Conflict, "S0402", text);
                Err(denied.with_hint(format!("`unpause {project}` lets a paused project go on")))
            }
            several => {
                let text = format!("expected which step is meant: {}", several.join(", "));
                let denied = Denied::new(Kind::Invalid, "S0403", text);
                Err(denied.with_hint(format!("write `resume {project} step: {}`", several[0])))
            }
        }
    }

    async fn audit(&self, audit: &Audit) -> Answer {
        let last = audit.last.unwrap_or(AUDIT).min(AUDIT_MAX);
        let query = AuditQuery {
            machine: audit.machine.clone(),
            project: audit.project,
            build: audit.build,
            change: audit.change.as_ref().map(ToString::to_string),
            actor: audit.by.clone(),
            since: audit.since.clone(),
            until: audit.until.clone(),
            ..AuditQuery::default()
        };
        Ok(reply::audit(&self.newest(query, last).await?))
    }

    /// The newest rows, however far back they are looked for.
    async fn newest(&self, mut query: AuditQuery, last: u32) -> Result<Vec<AuditLine>, Denied> {
        let mut lines = VecDeque::new();
        loop {
            let left = last.saturating_sub(u32::try_from(lines.len()).unwrap_or(u32::MAX));
            if left == 0 {
                return Ok(lines.into());
            }
            let page = self.site.audit_last(&query, left).await?;
            page.items.into_iter().rev().for_each(|line| lines.push_front(line));
            query.before = page.next;
            if query.before.is_none() {
                return Ok(lines.into());
            }
        }
    }
}

/// All items of a list. Its pages begin with the oldest, and the newest are the ones that are spoken of.
pub(super) fn all_of<T>(page: impl Fn(&PageQuery) -> Result<Page<T>, Denied>) -> Result<Vec<T>, Denied> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let found = page(&PageQuery { after, limit: Some(PAGE) })?;
        all.extend(found.items);
        after = found.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

fn patch_request(build: &str, request: &Request) -> PatchRequest {
    PatchRequest {
        build: build.to_owned(),
        machines: request.machines.to_string(),
        outage: request.outage,
        cross_region: false,
        reason: request.reason.clone(),
    }
}

fn numbers(changes: &[ChangeNumber]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

/// One line may be several requests; each is done once under a key of its own.
fn one_of(caller: &Caller, at: usize) -> Caller {
    let mut caller = caller.clone();
    if let (Some(Key { key, .. }), 1..) = (&mut caller.key, at) {
        key.push_str(&format!("/{at}"));
    }
    caller
}

impl Chat for Bot {
    fn say<'a>(&'a self, caller: &'a Caller, line: &'a str) -> Said<'a> {
        Box::pin(self.say(caller, line))
    }
}
