//! Examples of what people are told.

use smith_domain::event::Event;
use smith_domain::id::{ChangeId, NoticeId, RolloutId};
use smith_domain::notice::{About, NoticeEvent};

pub(super) fn examples() -> Vec<Event> {
    let (rollout, step) = (RolloutId(12), 1);
    let about = [
        About::ChangeWaits { change: ChangeId(4) },
        About::GateWaits { rollout, step, gate: 2 },
        About::Halted { rollout, step },
        About::HeldUp { rollout, step },
        About::RolloutStarted { rollout },
        About::RolloutEnded { rollout },
    ];
    let posted = |about| NoticeEvent::Posted { notice: NoticeId(7), about, text: "project 12".to_owned() };
    about.map(posted).into_iter().map(Event::from).collect()
}
