//! Changes and trains: who said yes, and to what.

use std::time::Duration;

use smith_api::{
    Change, CompleteTrain, Decision, Page, PageQuery, RaiseTrain, Role, StartTrain, Train, TrainRaised,
};
use smith_domain::change::{self, ChangeCommand, Evidence};
use smith_domain::decide::Command;
use smith_domain::reason::BadReason;
use smith_domain::state::State;

use super::caller::Caller;
use super::denied::{Denied, Kind};
use super::page::part;
use super::site::Site;
use super::train_text::parse_train;
use crate::answers;
use crate::config::nearest;

/// How long the numbers of a train's changes are waited for.
const CHANGES_WAIT: Duration = Duration::from_secs(10);

impl Site {
    pub fn changes(&self, query: &PageQuery) -> Result<Page<Change>, Denied> {
        let part = part(query.after.as_deref(), query.limit)?;
        Ok(self.core.read(|state| {
            // Numbers of pages begin at one, those of changes at zero.
            let all = state.changes.iter().map(|one| (u64::from(one.id.0) + 1, one));
            part.of(all, |one| answers::change(state, one))
        }))
    }

    pub fn change(&self, number: &str) -> Result<Change, Denied> {
        self.core.read(|state| Ok(answers::change(state, find(state, number)?)))
    }

    pub async fn approve(&self, caller: &Caller, number: &str, given: &Decision) -> Result<Change, Denied> {
        let command = ChangeCommand::Approve { number: number.to_owned(), reason: given.reason.clone() };
        self.rule(caller, number, "approve", command).await
    }

    pub async fn reject(&self, caller: &Caller, number: &str, given: &Decision) -> Result<Change, Denied> {
        let command = ChangeCommand::Reject { number: number.to_owned(), reason: reason(given)? };
        self.rule(caller, number, "reject", command).await
    }

    pub async fn revoke(&self, caller: &Caller, number: &str, given: &Decision) -> Result<Change, Denied> {
        let command = ChangeCommand::Revoke { number: number.to_owned(), reason: reason(given)? };
        self.rule(caller, number, "revoke", command).await
    }

    pub async fn cancel(&self, caller: &Caller, number: &str, given: &Decision) -> Result<Change, Denied> {
        let what = format!("cancel {number}");
        let command = ChangeCommand::Cancel { number: number.to_owned(), reason: reason(given)? };
        self.decided(caller, (number, Role::Operator), &what, command).await
    }

    /// The change of a step is for those who may where its project works, one of a train for those who may everywhere.
    async fn covers_change(&self, caller: &Caller, number: &str, what: &str) -> Result<(), Denied> {
        match self.change(number)?.project {
            Some(project) => self.covers_project(caller, project, what).await,
            None => self.noted_result(caller, what, caller.must_everywhere(what)).await,
        }
    }

    async fn rule(
        &self,
        caller: &Caller,
        number: &str,
        verb: &str,
        command: ChangeCommand,
    ) -> Result<Change, Denied> {
        let what = format!("{verb} {number}");
        self.decided(caller, (number, Role::Approver), &what, command).await
    }

    async fn decided(
        &self,
        caller: &Caller,
        (number, role): (&str, Role),
        what: &str,
        command: ChangeCommand,
    ) -> Result<Change, Denied> {
        self.change(number)?;
        let done = self.once(caller, what, async {
            self.noted_result(caller, what, caller.must(role, what)).await?;
            self.covers_change(caller, number, what).await?;
            self.submit(caller, what, Command::Change(command)).await
        });
        done.await?;
        self.change(number)
    }

    pub fn trains(&self) -> Vec<Train> {
        self.core.read(|state| state.changes.trains().map(|one| answers::train(state, one)).collect())
    }

    /// `raise train …` with the text of the template.
    pub async fn raise_train(&self, caller: &Caller, request: &RaiseTrain) -> Result<TrainRaised, Denied> {
        let what = "raise a train";
        let made = self.once(caller, what, async {
            self.noted_result(caller, what, caller.must(Role::Operator, what)).await?;
            self.noted_result(caller, what, caller.must_everywhere(what)).await?;
            let (form, channel) = parse_train(&request.template).map_err(|error| {
                Denied::new(Kind::Invalid, "S0410", error.to_string()).maybe_hint(error.hint())
            })?;
            let rule = self.requests.train_rule();
            let (form, reason) = (Box::new(form), request.reason.clone());
            let command = ChangeCommand::RaiseTrain { form, rule, channel, reason };
            self.submit(caller, what, Command::Change(command)).await
        });
        let made = made.await?;
        let broken = || Denied::new(Kind::Broken, "S0410", "the request was accepted and made no train");
        let id = made.train.ok_or_else(broken)?;
        self.until(CHANGES_WAIT, |state| {
            let train = state.changes.train(id)?;
            let numbered = |id: &smith_domain::id::ChangeId| {
                state.changes.get(*id).is_some_and(|one| one.number.is_some())
            };
            (!train.changes.is_empty() && train.changes.iter().all(numbered)).then_some(())
        })
        .await;
        self.core.read(|state| {
            let train = state.changes.train(id).ok_or_else(broken)?;
            Ok(TrainRaised { train: id.0, changes: answers::train(state, train).changes })
        })
    }

    pub async fn start_train(&self, caller: &Caller, request: &StartTrain) -> Result<Vec<Change>, Denied> {
        let what = format!("start train {}", request.changes.join(" "));
        let (numbers, reason) = (request.changes.clone(), request.reason.clone());
        self.move_train(caller, &what, ChangeCommand::StartTrain { numbers, reason }).await?;
        request.changes.iter().map(|number| self.change(number)).collect()
    }

    pub async fn complete_train(
        &self,
        caller: &Caller,
        request: &CompleteTrain,
    ) -> Result<Vec<Change>, Denied> {
        let what = format!("complete train {}", request.changes.join(" "));
        let passed = if request.test_passed { "passed" } else { "did not pass" };
        let evidence = Evidence {
            summary: request
                .summary
                .clone()
                .unwrap_or_else(|| format!("tests {passed}: {}", request.test_url)),
            test_url: Some(request.test_url.clone()),
            test_passed: Some(request.test_passed),
        };
        let command = ChangeCommand::CompleteTrain { numbers: request.changes.clone(), evidence };
        self.move_train(caller, &what, command).await?;
        request.changes.iter().map(|number| self.change(number)).collect()
    }

    async fn move_train(&self, caller: &Caller, what: &str, command: ChangeCommand) -> Result<(), Denied> {
        let moved = self.once(caller, what, async {
            self.noted_result(caller, what, caller.must(Role::Operator, what)).await?;
            self.noted_result(caller, what, caller.must_everywhere(what)).await?;
            self.submit(caller, what, Command::Change(command)).await
        });
        moved.await.map(drop)
    }
}

fn reason(given: &Decision) -> Result<String, Denied> {
    match &given.reason {
        Some(reason) if !reason.trim().is_empty() => Ok(reason.clone()),
        Some(_) | None => {
            let text = BadReason::Missing.to_string();
            Err(Denied::new(Kind::Invalid, "S0417", text))
        }
    }
}

/// A change by its number; the nearest is named where there is none.
pub(super) fn find<'s>(state: &'s State, number: &str) -> Result<&'s change::Change, Denied> {
    state.changes.find(number).ok_or_else(|| {
        let known = state.changes.iter().filter_map(|one| one.number.as_deref());
        let near = nearest(number, known).map(|near| format!("did you mean {near}?"));
        let text = format!("expected the number of a change, found {number:?}");
        Denied::new(Kind::NotFound, "S0407", text).maybe_hint(near)
    })
}
