//! Examples of what people are told.

use smith_domain::cycle::Link;
use smith_domain::event::Event;
use smith_domain::fleet::SourceName;
use smith_domain::id::{ChangeId, CycleId, NoticeId, RolloutId};
use smith_domain::notice::{About, NoticeEvent};
use smith_domain::time::Timestamp;

pub(super) fn examples() -> Vec<Event> {
    let (rollout, step) = (RolloutId(12), 1);
    let about = [
        About::ChangeWaits { change: ChangeId(4) },
        About::GateWaits { rollout, step, gate: 2 },
        About::Halted { rollout, step },
        About::HeldUp { rollout, step },
        About::RolloutStarted { rollout },
        About::RolloutEnded { rollout },
        About::CycleGateWaits { cycle: CycleId(3), gate: 1 },
        About::LinkFailed { cycle: CycleId(3), link: Link::Region(2) },
        About::CycleEnded { cycle: CycleId(3) },
        About::ScheduleMissed { schedule: "weekly".to_owned(), due: Timestamp(1_795_158_878_123) },
        About::ClockDiffers,
        About::SourceShrank { source: SourceName::new("netbox").expect("a name") },
    ];
    let posted = |about| NoticeEvent::Posted { notice: NoticeId(7), about, text: "project 12".to_owned() };
    about.map(posted).into_iter().map(Event::from).collect()
}
