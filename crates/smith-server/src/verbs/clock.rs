//! The clock: how far it is from the time that has passed, and a person's word that it is right.

use smith_api::{AcceptClock, Clock, Role};
use smith_domain::clock::{DIFFERS, Difference};
use smith_domain::decide::Command;
use smith_domain::state::State;
use smith_domain::time::{Now, Span, Timestamp};

use super::caller::Caller;
use super::denied::{Denied, Kind};
use super::site::Site;
use crate::driver::wall;

impl Site {
    /// Both clocks at this moment. What has not been recorded yet is seen here already.
    pub fn clock(&self) -> Result<Clock, Denied> {
        let now = self.core.now().ok_or_else(|| {
            Denied::new(
                Kind::Unavailable,
                "S0416",
                "expected a server that has driven, found one that begins",
            )
        })?;
        let calendar = self.core.read(|state| state.calendar_time(now.steady));
        let ahead = now.wall.0.saturating_sub(calendar.0);
        let found = Difference { ahead, since: now.steady };
        let differs = found.size() >= DIFFERS;
        let text = if differs {
            format!("{found}; windows and weeks wait until it is accepted or set right")
        } else {
            "the clock agrees with the time that has passed".to_owned()
        };
        let (wall, calendar) = (now.wall.to_string(), calendar.to_string());
        Ok(Clock { wall, calendar, ahead: ahead / 1000, differs, text })
    }

    /// From now on calendars follow the clock. Soaks do not notice.
    pub async fn accept_clock(&self, caller: &Caller, asked: &AcceptClock) -> Result<Clock, Denied> {
        let what = "accept the clock";
        self.noted_result(caller, what, caller.must(Role::Admin, what)).await?;
        self.noted_result(caller, what, caller.must_everywhere(what)).await?;
        let command = Command::AcceptClock {
            reason: Some(asked.reason.clone()),
            seen: asked.ahead.saturating_mul(1000),
        };
        self.submit(caller, what, command).await?;
        self.clock()
    }

    /// By what people's days end: an exemption, a token. That is the later one of the two clocks, also while nothing is recorded.
    pub(super) fn calendar(&self, state: &State) -> Timestamp {
        match self.core.now() {
            Some(now) => state.clock(now),
            None => wall().max(state.calendar_time(state.at)),
        }
    }

    /// What schedules go by.
    pub(crate) fn schedule_time(&self) -> Option<ScheduleTime> {
        let now = self.core.now()?;
        let calendar = self.core.read(|state| state.calendar_time(now.steady));
        Some(ScheduleTime { now, calendar, boot: self.core.boot().to_owned() })
    }
}

/// The time as schedules are held against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScheduleTime {
    pub(crate) now: Now,
    /// The steady time as calendars have it.
    pub(crate) calendar: Timestamp,
    /// Within one start of the machine the steady time goes on without a break.
    pub(crate) boot: String,
}

impl ScheduleTime {
    /// The earlier one of the two clocks, so that one that runs ahead for a moment begins nothing and uses no schedule up.
    pub(crate) fn earlier(&self) -> Timestamp {
        self.calendar.min(self.now.wall)
    }

    /// Another steady time as calendars have it.
    pub(crate) fn calendar_of(&self, steady: Timestamp) -> Timestamp {
        Timestamp(self.calendar.0.saturating_add(steady.0.saturating_sub(self.now.steady.0)))
    }

    /// Whether both clocks say the same, or an admin has said that the one on the wall is right.
    pub(crate) fn agrees(&self) -> bool {
        Span(self.now.wall.0.abs_diff(self.calendar.0)) < DIFFERS
    }
}
