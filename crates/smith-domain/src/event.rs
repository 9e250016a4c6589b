//! Everything that can happen.

use serde::{Deserialize, Serialize};

use crate::access::AccessEvent;
use crate::build::BuildEvent;
use crate::change::ChangeEvent;
use crate::cycle::CycleEvent;
use crate::errand::ErrandEvent;
use crate::fleet::FleetEvent;
use crate::notice::NoticeEvent;
use crate::rollout::RolloutEvent;
use crate::ticket::TicketEvent;
use crate::time::Timestamp;

/// One event; each noun has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Fleet(FleetEvent),
    Build(BuildEvent),
    Rollout(RolloutEvent),
    Change(ChangeEvent),
    Ticket(TicketEvent),
    Errand(ErrandEvent),
    Access(AccessEvent),
    Notice(NoticeEvent),
    Cycle(CycleEvent),
    Driver(DriverEvent),
}

/// What happens to the driver itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriverEvent {
    /// A driver took over. Machines refuse what comes from an older tenure than they have seen.
    Began { tenure: u64, owner: String },
    /// The machine's clock and the driver's steady time were seen to differ by another amount than before.
    ClockJumped { wall: Timestamp, steady: Timestamp },
    /// Somebody says that the machine's clock is right: calendars follow it from now on, soaks do not notice.
    ClockAccepted {
        wall: Timestamp,
        steady: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

impl DriverEvent {
    pub fn kind(&self) -> &'static str {
        match self {
            DriverEvent::Began { .. } => "driver.began",
            DriverEvent::ClockJumped { .. } => "driver.clock-jumped",
            DriverEvent::ClockAccepted { .. } => "driver.clock-accepted",
        }
    }
}

impl Event {
    /// The event's kind in the journal.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Fleet(event) => event.kind(),
            Event::Build(event) => event.kind(),
            Event::Rollout(event) => event.kind(),
            Event::Change(event) => event.kind(),
            Event::Ticket(event) => event.kind(),
            Event::Errand(event) => event.kind(),
            Event::Access(event) => event.kind(),
            Event::Notice(event) => event.kind(),
            Event::Cycle(event) => event.kind(),
            Event::Driver(event) => event.kind(),
        }
    }
}

macro_rules! from {
    ($($noun:ident($event:ty)),*) => {
        $(impl From<$event> for Event {
            fn from(event: $event) -> Event {
                Event::$noun(event)
            }
        })*
    };
}

from!(
    Fleet(FleetEvent),
    Build(BuildEvent),
    Rollout(RolloutEvent),
    Change(ChangeEvent),
    Ticket(TicketEvent),
    Errand(ErrandEvent),
    Access(AccessEvent),
    Notice(NoticeEvent),
    Cycle(CycleEvent),
    Driver(DriverEvent)
);
