//! When a channel may be set: under a change that is for exactly it and in progress, or without one by an admin who says why.

use crate::access::ADMIN;
use crate::actor::Actor;
use crate::build::event::BuildEvent;
use crate::change::{Change, ChangeState, Subject};
use crate::cycle::{Link, LinkState};
use crate::decide::{BuildRejection, WORD_MAX, usable_build};
use crate::id::{BuildNumber, ChangeId};
use crate::pipeline::ChangeRule;
use crate::plain;
use crate::reason;
use crate::state::State;

/// What a channel of a region is to name, under which change and why.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) channel: String,
    pub(crate) region: String,
    pub(crate) build: BuildNumber,
    pub(crate) change: Option<String>,
    pub(crate) reason: Option<String>,
}

pub(crate) fn set(state: &State, actor: &Actor, to: Setting) -> Result<BuildEvent, BuildRejection> {
    to.check()?;
    usable_build(state, to.build)?;
    let change = match &to.change {
        Some(number) => {
            let change = to.change_of(state, number)?;
            if change.state != ChangeState::Begun {
                let (number, found) = (number.clone(), change.state.word());
                return Err(BuildRejection::ChangeNotBegun { number, found });
            }
            Some(change.id)
        }
        None => {
            to.check_without_change(state, actor)?;
            reason::check(to.reason.as_deref().unwrap_or_default())?;
            None
        }
    };
    Ok(to.event(change))
}

/// That something was led back is true whatever has become of its change and of the build that it names again.
pub(crate) fn lead_back(state: &State, to: Setting) -> Result<BuildEvent, BuildRejection> {
    to.check()?;
    if state.builds.get(to.build).is_none() {
        usable_build(state, to.build)?;
    }
    let change = to.change.as_deref().map(|number| to.change_of(state, number)).transpose()?;
    let change = change.map(|change| change.id);
    Ok(to.event(change))
}

impl Setting {
    fn check(&self) -> Result<(), BuildRejection> {
        check_word("a channel", &self.channel)?;
        check_word("a region", &self.region)?;
        Ok(reason::check_given(self.reason.as_deref())?)
    }

    /// The change, if it is one for this channel of this region.
    fn change_of<'s>(&self, state: &'s State, number: &str) -> Result<&'s Change, BuildRejection> {
        let Some(change) = state.changes.find(number) else {
            return Err(BuildRejection::UnknownChange { number: number.to_owned() });
        };
        let found = match &change.subject {
            Subject::Step { rollout, .. } => format!("a step of project {rollout}"),
            Subject::Train { train, region } => {
                let channel = state.changes.train(*train).map_or("none", |train| train.channel.as_str());
                if channel == self.channel && *region == self.region {
                    return Ok(change);
                }
                format!("channel {channel} of {region}")
            }
        };
        let (number, channel, region) = (number.to_owned(), self.channel.clone(), self.region.clone());
        Err(BuildRejection::ChangeOfAnother { number, channel, region, found })
    }

    /// A week whose plan wants no changes switches its channel without one, as it was started to.
    fn check_without_change(&self, state: &State, actor: &Actor) -> Result<(), BuildRejection> {
        let switches = state.cycles.active().any(|cycle| {
            cycle.plan.channel == self.channel
                && cycle.plan.regions.contains(&self.region)
                && cycle.plan.rule == ChangeRule::None
                && cycle.build == Some(self.build)
                && matches!(cycle.link(Link::Channel), LinkState::Begun { .. })
        });
        if switches || actor.roles.iter().any(|role| role == ADMIN) {
            return Ok(());
        }
        let (by, channel, region) = (actor.name.clone(), self.channel.clone(), self.region.clone());
        Err(BuildRejection::NoChange { by, channel, region })
    }

    fn event(self, change: Option<ChangeId>) -> BuildEvent {
        let Setting { channel, region, build, reason, .. } = self;
        BuildEvent::ChannelSet { channel, region, build, change, reason }
    }
}

fn check_word(what: &'static str, text: &str) -> Result<(), BuildRejection> {
    let found = text.len();
    if found == 0 || found > WORD_MAX || plain::hidden_in_line(text).is_some() {
        return Err(BuildRejection::Text { what, found });
    }
    Ok(())
}
