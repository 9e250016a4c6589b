//! The screen: every picture takes the place of the one before.

use smith_domain::rollout::{Rollout, StepEnd, StepRun, StepState, Tally};
use smith_sim::rehearse::Live;

use super::story::Story;
use crate::output::{BAD, BOLD, DIM, GOOD, WAITS, count, day, moment, styled};

pub(super) struct Screen {
    /// Lines of the last picture.
    drawn: usize,
}

/// Cells of a progress bar.
const BAR: usize = 24;

/// Events shown at the bottom, where there is room.
const EVENTS: usize = 6;

/// A terminal that does not say how large it is.
const USUAL: (usize, usize) = (100, 40);

impl Screen {
    pub(super) fn new() -> Self {
        Self { drawn: 0 }
    }

    pub(super) fn frame(&mut self, story: &Story) -> String {
        let (width, height) = terminal_size::terminal_size()
            .map_or(USUAL, |(width, height)| (usize::from(width.0), usize::from(height.0)));
        let mut lines = picture(story, height);
        lines.truncate(height.saturating_sub(1));
        let mut out = if self.drawn == 0 { String::new() } else { format!("\x1b[{}A", self.drawn) };
        out.push_str("\x1b[J");
        for (text, style) in &lines {
            let text: String = text.chars().take(width.saturating_sub(1)).collect();
            out.push_str(&styled(*style, &text));
            out.push('\n');
        }
        self.drawn = lines.len();
        out
    }
}

fn picture(story: &Story, height: usize) -> Vec<(String, anstyle::Style)> {
    let (state, now) = (story.live.state(), story.live.now());
    let plain = anstyle::Style::new();
    let tally = story.tally();
    let since = now.since(Live::start());
    let mut lines = vec![
        (format!("simulated time {} {} UTC, {since} since the start", day(now), moment(now)), BOLD),
        (totals(&tally, state.fleet.present_count()), plain),
        (String::new(), plain),
    ];
    for rollout in state.rollouts.iter() {
        lines.extend(of_rollout(rollout));
    }
    lines.push((String::new(), plain));
    for wait in story.waits().into_iter().take(4) {
        lines.push((format!("waits   {wait}"), WAITS));
    }
    if let Some(failed) = story.failed.last() {
        lines.push((format!("why     {}", story.explained(failed)), BAD));
    }
    lines.push((String::new(), plain));
    let room = height.saturating_sub(lines.len() + 2).min(EVENTS);
    for (at, words) in story.newest.iter().rev().take(room).rev() {
        lines.push((format!("{}  {words}", moment(*at)), DIM));
    }
    lines
}

fn totals(tally: &Tally, machines: usize) -> String {
    format!(
        "{} machines: {} done, {} at work, {} waiting, {} failed or lost",
        count(machines as u64),
        count(tally.done),
        count(tally.running),
        count(tally.waiting),
        count(tally.failed + tally.lost)
    )
}

/// A rollout at work has a line for each step; one that has ended or not begun has one line.
fn of_rollout(rollout: &Rollout) -> Vec<(String, anstyle::Style)> {
    let begun = rollout.steps.iter().any(|step| step.opened_at.is_some());
    let title = |text: &str, style| vec![(format!("{:<28} {text}", rollout.pipeline.name), style)];
    if rollout.has_ended() {
        let tally = rollout.tally();
        let bad = tally.failed + tally.lost;
        return title(&format!("complete: {} pass, {} failed or lost", count(tally.done), count(bad)), GOOD);
    }
    if !begun {
        return title("waits at its gates", DIM);
    }
    let mut lines = title("", BOLD);
    for (step, rule) in rollout.steps.iter().zip(&rollout.pipeline.steps) {
        let (word, style) = step_word(step);
        let (bar, numbers) = (bar(&step.tally), numbers(&step.tally));
        lines.push((format!("  {:<26} {bar} {numbers:<12} {word}", rule.id), style));
    }
    lines
}

fn numbers(tally: &Tally) -> String {
    match tally.total() {
        0 => String::new(),
        total => format!("{}/{}", count(tally.done), count(total)),
    }
}

fn bar(tally: &Tally) -> String {
    let total = u64::from(tally.total().max(1));
    let cells = |number: u32| usize::try_from(u64::from(number) * BAR as u64 / total).unwrap_or(0);
    let at_least_one = |number: u32| if number > 0 { cells(number).max(1) } else { 0 };
    let (bad, running) = (at_least_one(tally.failed + tally.lost), at_least_one(tally.running));
    let done = cells(tally.done + tally.skipped + tally.gone).min(BAR.saturating_sub(bad + running));
    let rest = BAR.saturating_sub(done + running + bad);
    format!("{}{}{}{}", "█".repeat(done), "▒".repeat(running), "x".repeat(bad), "·".repeat(rest))
}

fn step_word(step: &StepRun) -> (String, anstyle::Style) {
    let plain = anstyle::Style::new();
    match &step.state {
        StepState::Waiting => (String::new(), DIM),
        StepState::Reached => ("waits at its gates".to_owned(), WAITS),
        StepState::Open => (format!("{} at work", step.tally.running), plain),
        StepState::Halted(why) => (format!("halted: {why}"), BAD),
        StepState::Ended(StepEnd::Done) => ("done".to_owned(), GOOD),
        StepState::Ended(StepEnd::Aborted) => ("aborted".to_owned(), BAD),
        StepState::Ended(StepEnd::NotAsked) => ("not asked for".to_owned(), DIM),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_every_kind_and_keeps_its_length() {
        let tally = Tally { waiting: 999, running: 1, done: 500, failed: 1, ..Tally::default() };
        let text = bar(&tally);
        assert_eq!(text.chars().count(), BAR);
        assert!(
            text.contains('▒') && text.contains('x') && text.contains('█') && text.contains('·'),
            "{text}"
        );
        assert_eq!(bar(&Tally::default()), "·".repeat(BAR));
        assert_eq!(bar(&Tally { done: 7, ..Tally::default() }), "█".repeat(BAR));
    }
}
