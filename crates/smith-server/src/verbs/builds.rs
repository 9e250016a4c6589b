//! Builds, channels, tickets, errands: what there is.

use smith_api::{Build, Channel, Errand, Page, PageQuery, Pipeline, Role, SetChannel, Status, Ticket};
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::id::BuildNumber;

use super::caller::Caller;
use super::denied::{Denied, Kind};
use super::page::part;
use super::site::Site;
use crate::answers;
use crate::config::nearest;
use crate::core::Standing;

impl Site {
    pub fn builds(&self, query: &PageQuery) -> Result<Page<Build>, Denied> {
        let part = part(query.after.as_deref(), query.limit)?;
        Ok(self.core.read(|state| {
            let all = state.builds.iter().map(|one| (u64::from(one.number.0), one));
            part.of(all, |one| answers::build(state, one))
        }))
    }

    pub fn build(&self, number: u32) -> Result<Build, Denied> {
        self.core.read(|state| {
            let found = state.builds.get(BuildNumber(number));
            found.map(|one| answers::build(state, one)).ok_or_else(|| {
                let near =
                    state.builds.nearest(BuildNumber(number)).map(|near| format!("the nearest is {near}"));
                Denied::new(Kind::NotFound, "S0406", format!("build {number} is not known")).maybe_hint(near)
            })
        })
    }

    pub async fn withdraw(&self, caller: &Caller, number: u32, reason: &str) -> Result<Build, Denied> {
        let what = format!("withdraw build {number}");
        let withdrawn = self.once(caller, &what, async {
            self.noted_result(caller, &what, caller.must(Role::Admin, &what)).await?;
            self.noted_result(caller, &what, caller.must_everywhere(&what)).await?;
            let command = BuildCommand::Withdraw { build: BuildNumber(number), reason: reason.to_owned() };
            self.submit(caller, &what, Command::Build(command)).await
        });
        withdrawn.await?;
        self.build(number)
    }

    pub fn channels(&self) -> Vec<Channel> {
        self.core.read(answers::channels)
    }

    /// Records that a channel of a region names a build now: under a change for it that is in progress, or, by an admin who
    /// says why, without one.
    pub async fn set_channel(
        &self,
        caller: &Caller,
        channel: &str,
        request: &SetChannel,
    ) -> Result<Channel, Denied> {
        let what = format!("set channel {channel} of {} to build {}", request.region, request.build);
        let set = self.once(caller, &what, async {
            let role = if request.change.is_some() { Role::Operator } else { Role::Admin };
            self.noted_result(caller, &what, caller.must(role, &what)).await?;
            self.noted_result(caller, &what, caller.must_everywhere(&what)).await?;
            let command = BuildCommand::SetChannel {
                channel: channel.to_owned(),
                region: request.region.clone(),
                build: BuildNumber(request.build),
                change: request.change.clone(),
                reason: request.reason.clone(),
            };
            self.submit(caller, &what, Command::Build(command)).await
        });
        set.await?;
        Ok(Channel { channel: channel.to_owned(), region: request.region.clone(), build: request.build })
    }

    pub async fn configs(&self) -> Result<Vec<Pipeline>, Denied> {
        Ok(self.all_pipelines().await?.iter().map(answers::pipeline).collect())
    }

    pub async fn config(&self, name: &str) -> Result<Pipeline, Denied> {
        Ok(answers::pipeline(&self.pipeline(name).await?))
    }

    pub fn tickets(&self, query: &PageQuery) -> Result<Page<Ticket>, Denied> {
        let part = part(query.after.as_deref(), query.limit)?;
        Ok(self.core.read(|state| {
            let all = state.tickets.iter().map(|one| (u64::from(one.id.0) + 1, one));
            part.of(all, |one| answers::ticket(state, one))
        }))
    }

    pub fn ticket(&self, number: &str) -> Result<Ticket, Denied> {
        self.core.read(|state| {
            let wanted = number.trim_start_matches('#');
            let is_it = |known: &str| known.trim_start_matches('#') == wanted;
            let found = state.tickets.iter().find(|one| one.number.as_deref().is_some_and(is_it));
            found.map(|one| answers::ticket(state, one)).ok_or_else(|| {
                let known = state.tickets.iter().filter_map(|one| one.number.as_deref());
                let near = nearest(number, known).map(|near| format!("did you mean {near}?"));
                let text = format!("expected the number of a ticket, found {number:?}");
                Denied::new(Kind::NotFound, "S0418", text).maybe_hint(near)
            })
        })
    }

    pub fn errands(&self, query: &PageQuery) -> Result<Page<Errand>, Denied> {
        let part = part(query.after.as_deref(), query.limit)?;
        Ok(self.core.read(|state| {
            let all = state.errands.open().map(|(id, one)| (u64::from(id.0) + 1, (id, one)));
            part.of(all, |(id, one)| answers::errand(state, id, one))
        }))
    }

    pub fn status(&self) -> Status {
        let (word, trouble) = match self.core.standing() {
            Standing::Starting => ("starting", None),
            Standing::Driving => ("driving", None),
            Standing::NotRecording { why } => ("not recording", Some(why)),
            Standing::Ended => ("ending", None),
        };
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.core.view().read_at(|state, rows| Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: word.to_owned(),
            trouble,
            rows,
            machines: small(state.fleet.present_count()),
            builds: small(state.builds.iter().count()),
            open_projects: small(state.rollouts.active().count()),
            open_errands: small(state.errands.open().count()),
            addresses: Vec::new(),
            attention: Vec::new(),
        })
    }
}
