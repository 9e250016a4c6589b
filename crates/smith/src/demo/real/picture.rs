//! A rollout as a picture of a few lines: bars, what it waits for, and when it is expected to end.

use smith_api::{Counts, Project};

/// Cells of a bar.
const BAR: u32 = 24;

pub(super) fn picture(project: &Project) -> Vec<String> {
    let mut lines = vec![String::new()];
    lines.push(format!(
        "  project {} {} {} {}",
        project.project,
        project.pipeline,
        bar(&project.totals),
        project.state
    ));
    if let Some(expected) = project.expected.as_ref().filter(|expected| expected.waits_for.is_empty()) {
        lines.push(format!("    expected to end at {} UTC", moment(&expected.likely)));
    }
    let at_work = |state: &str| matches!(state, "in progress" | "halted" | "waiting");
    for step in project.steps.iter().filter(|step| at_work(&step.state)) {
        lines.push(format!("    {:<24} {} {}", step.step, bar(&step.totals), step.state));
    }
    lines.extend(project.reasons.iter().take(3).map(|reason| format!("    waits: {reason}")));
    lines
}

fn moment(time: &str) -> &str {
    time.split_once('T').map_or(time, |(_, moment)| moment.trim_end_matches('Z'))
}

/// `██████▒▒░░░░ 6/12`, with `x` for what failed.
fn bar(totals: &Counts) -> String {
    let all = totals.machines.max(1);
    let at_least_one = |number: u32| (number * BAR).div_ceil(all).min(BAR);
    let passed = totals.pass + totals.skipped + totals.gone;
    let failed = at_least_one(totals.failed + totals.lost);
    let running = at_least_one(totals.running).min(BAR - failed);
    let good = (passed * BAR / all).min(BAR - failed - running);
    let rest = BAR - failed - running - good;
    let cells = |cell: &str, number: u32| cell.repeat(number as usize);
    format!(
        "{}{}{}{} {passed}/{}",
        cells("█", good),
        cells("x", failed),
        cells("▒", running),
        cells("░", rest),
        totals.machines
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_keeps_its_length_and_shows_every_kind() {
        let totals =
            Counts { machines: 12, pass: 5, failed: 1, running: 1, unstarted: 5, ..Counts::default() };
        let text = bar(&totals);
        let cells = text.chars().filter(|cell| "█x▒░".contains(*cell)).count();
        assert_eq!(cells, BAR as usize);
        assert!(["█", "x", "▒", "░"].iter().all(|cell| text.contains(cell)), "{text}");
        assert!(text.ends_with(" 5/12"), "{text}");
        assert_eq!(bar(&Counts::default()), format!("{} 0/0", "░".repeat(BAR as usize)));
    }
}
