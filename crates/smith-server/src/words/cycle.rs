//! What happens to cycles and schedules, in words.

use smith_domain::cycle::CycleEvent;

use super::event::because;

pub(super) fn words(event: &CycleEvent) -> String {
    match event {
        CycleEvent::Started { cycle, plan, by, build, reason, .. } => {
            let build = build.map_or_else(|| "a new build".to_owned(), |build| format!("build {build}"));
            let (name, channel) = (&plan.name, &plan.channel);
            format!("{by} starts cycle {cycle} ({name}): {build} to channel {channel}{}", because(reason))
        }
        CycleEvent::BuildMade { cycle, build } => format!("cycle {cycle} is for build {build}"),
        CycleEvent::LinkBegun { cycle, link } => format!("cycle {cycle}: {link} begins"),
        CycleEvent::LinkDone { cycle, link, note } if note.is_empty() => {
            format!("cycle {cycle}: {link} is done")
        }
        CycleEvent::LinkDone { cycle, link, note } => format!("cycle {cycle}: {link} is done: {note}"),
        CycleEvent::LinkFailed { cycle, link, reason } => format!("cycle {cycle}: {link} failed: {reason}"),
        CycleEvent::LinkRerun { cycle, link, reason } => {
            format!("cycle {cycle}: {link} is run again{}", because(reason))
        }
        CycleEvent::LinkSkipped { cycle, link, reason } => {
            format!("cycle {cycle}: {link} is left out: {reason}")
        }
        CycleEvent::GateOpened { cycle, gate } => format!("cycle {cycle}: gate {} opens", gate + 1),
        CycleEvent::GateApproved { cycle, gate, by, reason } => {
            format!("cycle {cycle}: {by} says yes to gate {}{}", gate + 1, because(reason))
        }
        CycleEvent::TrainRaised { cycle, train } => {
            format!("cycle {cycle}: its changes are those of {train}")
        }
        CycleEvent::Ended { cycle } => format!("cycle {cycle} is complete"),
        CycleEvent::Stopped { cycle, reason } => format!("cycle {cycle} is stopped: {reason}"),
        CycleEvent::Missed { schedule, due } => format!("schedule {schedule} was missed, it was due {due}"),
    }
}
