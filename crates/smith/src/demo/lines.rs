//! The story as lines, for terminals that are no screens; how it begins and how it ends, for all.

use std::collections::BTreeSet;
use std::path::Path;

use smith_domain::change::ChangeEvent;
use smith_domain::event::Event;
use smith_domain::rollout::RolloutEvent;
use smith_domain::time::Timestamp;
use smith_sim::rehearse::{Live, Outcome, Plan};

use super::story::{Heard, Story};
use crate::output::{BAD, BOLD, GOOD, WAITS, count, counted, day, moment, styled};

/// What was said already.
pub(super) struct Lines {
    waits: BTreeSet<String>,
    failed: usize,
}

/// Failures explained at the end; the others are counted.
const EXPLAINED: usize = 3;

impl Lines {
    pub(super) fn new() -> Self {
        Self { waits: BTreeSet::new(), failed: 0 }
    }

    /// What is worth a line of what happened since the last time.
    pub(super) fn told(&mut self, story: &Story, heard: &[Heard]) -> String {
        let mut out = String::new();
        let mut line = |at: Timestamp, text: &str| {
            out.push_str(&format!("{} {}  {text}\n", day(at), moment(at)));
        };
        for Heard { entry, words } in heard.iter().filter(|heard| is_milestone(&heard.entry.event)) {
            line(entry.at, words);
        }
        for failed in &story.failed[self.failed..] {
            line(story.live.now(), &format!("{} {}", styled(BAD, "why:"), story.explained(failed)));
        }
        self.failed = story.failed.len();
        for wait in story.waits() {
            if self.waits.insert(wait.clone()) {
                line(story.live.now(), &format!("{} {wait}", styled(WAITS, "waits:")));
            }
        }
        out
    }
}

fn is_milestone(event: &Event) -> bool {
    match event {
        Event::Rollout(event) => matches!(
            event,
            RolloutEvent::Started { .. }
                | RolloutEvent::GateApproved { .. }
                | RolloutEvent::StepOpened { .. }
                | RolloutEvent::Halted { .. }
                | RolloutEvent::Called { .. }
                | RolloutEvent::Resumed { .. }
                | RolloutEvent::StepEnded { .. }
                | RolloutEvent::Ended { .. }
        ),
        Event::Change(event) => {
            matches!(
                event,
                ChangeEvent::Approved { .. } | ChangeEvent::Refused { .. } | ChangeEvent::Rejected { .. }
            )
        }
        Event::Fleet(_)
        | Event::Build(_)
        | Event::Ticket(_)
        | Event::Errand(_)
        | Event::Access(_)
        | Event::Notice(_)
        | Event::Cycle(_)
        | Event::Driver(_) => false,
    }
}

/// What is about to be seen.
pub(super) fn opening(plan: &Plan) -> String {
    let pipelines = counted(plan.pipelines.len() as u64, "pipeline");
    format!(
        "{}\n{} and the people are simulated, no machine is touched; the rules are the real ones.\n\
         A new build goes from one dev machine through stage to production, with {pipelines} side by side.\n\n",
        styled(BOLD, "smith demo: the weekly patch of a fleet"),
        counted(plan.machines.len() as u64, "machine"),
    )
}

/// What was seen, and what to try next.
pub(super) fn closing(story: &Story, journal: Option<&Path>) -> String {
    let (tally, now) = (story.tally(), story.live.now());
    let outcome = match story.live.outcome() {
        Some(Outcome::Finished) => styled(GOOD, "All is done."),
        Some(Outcome::Stuck(reasons)) => format!("{} {}", styled(BAD, "It is stuck:"), reasons.join("; ")),
        Some(Outcome::OutOfTime) | None => styled(BAD, "It did not come to its end."),
    };
    let mut out = format!(
        "\n{outcome} {} patched, {} failed or lost, {} skipped, in {} of simulated time and {}.\n",
        counted(tally.done, "machine"),
        count(tally.failed + tally.lost),
        count(tally.skipped),
        now.since(Live::start()),
        counted(story.events, "event"),
    );
    if !story.failed.is_empty() {
        out.push_str("Every machine that is not patched has one true line:\n");
        for failed in story.failed.iter().take(EXPLAINED) {
            out.push_str(&format!("  {}\n", story.explained(failed)));
        }
        if let Some(more) = story.failed.len().checked_sub(EXPLAINED).filter(|more| *more > 0) {
            out.push_str(&format!("  and {more} more\n"));
        }
    }
    out.push_str(&format!("\n{}\n", styled(BOLD, "What to try next")));
    let next = match journal {
        Some(path) => {
            let path = path.display();
            vec![
                format!("smith rollout list --journal {path}"),
                format!("smith rollout show 1 --journal {path}"),
                format!("smith audit verify {path}"),
                format!("smith audit show --journal {path} --rollout 1"),
            ]
        }
        None => vec![
            "smith demo --fast --journal demo.db    keep the journal, then `smith rollout show 1 --journal demo.db`".into(),
            "smith rollout simulate examples/pipelines --machines 5000".into(),
            "smith rollout simulate examples/pipelines --what-if \"limit cluster 2\"".into(),
            "smith pipeline check examples/pipelines".into(),
        ],
    };
    for command in next {
        out.push_str(&format!("  {command}\n"));
    }
    out
}
