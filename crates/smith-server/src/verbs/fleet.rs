//! Machines: looked up, explained, exempted.

use smith_api::{Exempt, Exemption, Gaps, Machine, Named, Page, Role, Why};
use smith_domain::decide::Command;
use smith_domain::fleet::{self, CrossRegion, ExemptionId, FleetCommand};
use smith_domain::id::{MachineId, RolloutId};
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_domain::why;

use super::caller::Caller;
use super::denied::{Denied, Kind};
use super::page::part;
use super::projects::{find, selector};
use super::site::Site;
use crate::answers;

impl Site {
    pub fn machines(&self, query: &Named) -> Result<Page<Machine>, Denied> {
        let part = part(query.after.as_deref(), query.limit)?;
        let selector = query.select.as_deref().map(selector).transpose()?;
        let cross = if query.cross_region { CrossRegion::Allow } else { CrossRegion::Refuse };
        self.core.read(|state| {
            let found = match &selector {
                Some(selector) => state.fleet.lookup(selector, cross)?,
                None => state.fleet.in_name_order().filter(|id| state.fleet.is_present(*id)).collect(),
            };
            // The place in this list names the page: it is the same list as long as the fleet is the same.
            Ok(part.of((1..).zip(found), |id| answers::machine(state, id)))
        })
    }

    pub fn machine(&self, name: &str) -> Result<Machine, Denied> {
        self.core.read(|state| {
            let id = machine_of(state, name)?;
            let why = why::machine(state, id).line(state);
            Ok(Machine { why: Some(why), ..answers::machine(state, id) })
        })
    }

    /// The one true line about a machine, in the project that matters most for it or in this one.
    pub fn why(&self, name: &str, project: Option<u32>) -> Result<Why, Denied> {
        self.core.read(|state| {
            let id = machine_of(state, name)?;
            let why = match project {
                Some(project) => why::machine_in(state, find(state, project)?.id, id),
                None => why::machine(state, id),
            };
            Ok(answers::why_machine(state, id, &why))
        })
    }

    /// Why a project does not go on, one line each.
    pub fn why_project(&self, project: u32) -> Result<Vec<String>, Denied> {
        self.core.read(|state| {
            find(state, project)?;
            Ok(why::rollout(state, RolloutId(project)).iter().map(|reason| reason.line(state)).collect())
        })
    }

    pub async fn gaps(&self) -> Result<Gaps, Denied> {
        let pipelines = self.all_pipelines().await?;
        Ok(self.core.read(|state| answers::gaps(state, &pipelines, self.calendar(state))))
    }

    pub fn exemptions(&self) -> Vec<Exemption> {
        self.core.read(|state| {
            let now = self.calendar(state);
            state.fleet.exemptions().map(|(id, one)| exemption(id, &one.terms, now)).collect()
        })
    }

    pub async fn exempt(&self, caller: &Caller, request: &Exempt) -> Result<Exemption, Denied> {
        let what = format!("exempt {}", request.select);
        let terms = fleet::Exemption {
            select: selector(&request.select)?,
            reason: request.reason.clone(),
            owner: request.owner.clone(),
            until: moment(&request.until)?,
        };
        let made = self.once(caller, &what, async {
            self.noted_result(caller, &what, caller.must(Role::Admin, &what)).await?;
            self.noted_result(caller, &what, caller.must_everywhere(&what)).await?;
            let command = FleetCommand::Exempt(terms.clone());
            self.submit(caller, &what, Command::Fleet(command)).await
        });
        let made = made.await?;
        let broken = || Denied::new(Kind::Broken, "S0417", "the request was accepted and made no exemption");
        // A pipeline that cannot be read has been told of elsewhere, and what was granted holds.
        let pipelines = self.all_pipelines().await.unwrap_or_default();
        let (now, in_bags) = self
            .core
            .read(|state| (self.calendar(state), answers::in_bags(state, &pipelines, &terms.select)));
        let made = exemption(made.exemption.ok_or_else(broken)?, &terms, now);
        Ok(Exemption { in_bags: Some(in_bags), ..made })
    }

    pub async fn end_exemption(&self, caller: &Caller, id: u32, reason: &str) -> Result<(), Denied> {
        let what = format!("end exemption {id}");
        let ended = self.once(caller, &what, async {
            self.noted_result(caller, &what, caller.must(Role::Admin, &what)).await?;
            self.noted_result(caller, &what, caller.must_everywhere(&what)).await?;
            let (exemption, reason) = (ExemptionId(id), reason.to_owned());
            self.submit(caller, &what, Command::Fleet(FleetCommand::EndExemption { exemption, reason })).await
        });
        ended.await.map(drop)
    }
}

fn exemption(id: ExemptionId, terms: &fleet::Exemption, now: Timestamp) -> Exemption {
    Exemption {
        exemption: id.0,
        select: terms.select.to_string(),
        reason: terms.reason.clone(),
        owner: terms.owner.clone(),
        until: terms.until.to_string(),
        holds: terms.until > now,
        in_bags: None,
    }
}

/// A moment such as `2026-12-01T00:00:00Z`, or a day, which is its beginning.
fn moment(text: &str) -> Result<Timestamp, Denied> {
    let day = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == DAY_LENGTH);
    let day = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok()).map(|day| day.timestamp());
    let at = day.or_else(|| text.parse::<jiff::Timestamp>().ok());
    at.map(|at| Timestamp(at.as_millisecond())).ok_or_else(|| {
        let text = format!(
            "expected a day such as 2026-12-01 or a moment such as 2026-12-01T00:00:00Z, found {text:?}"
        );
        Denied::new(Kind::Invalid, "S0417", text)
    })
}

/// Characters of a day: what is longer may say a time and a zone, which must not be lost.
const DAY_LENGTH: usize = 10;

/// One machine by its name or address, also when it has left.
pub(super) fn machine_of(state: &State, text: &str) -> Result<MachineId, Denied> {
    if let Some(known) = state.fleet.find(text) {
        return Ok(known);
    }
    let found = state.fleet.lookup(&selector(text)?, CrossRegion::Allow)?;
    match found.as_slice() {
        [one] => Ok(*one),
        several => {
            let text = format!("expected one machine, found {} that match {text}", several.len());
            Err(Denied::new(Kind::Invalid, "S0417", text))
        }
    }
}
