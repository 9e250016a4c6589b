//! Which simulated time each picture shows: where much happens time goes slowly, where nothing does it runs.

use smith_domain::time::{Span, Timestamp};
use smith_sim::rehearse::{Keep, Live, People, Plan, RehearseError};

/// Of a thousand parts of the watching time, so many are shared out by time alone; the rest by what happens.
const BY_TIME: u64 = 250;

/// Rehearses once in silence and shares `frames` pictures out over it. The last one shows the end.
pub(super) fn frames(plan: &Plan, frames: u32) -> Result<Vec<Timestamp>, RehearseError> {
    let mut live = Live::open(plan, People::Attentive, Keep::Events)?;
    live.run_until(Live::start() + plan.horizon)?;
    let (start, end) = (Live::start(), live.now());
    let mut happened: Vec<Timestamp> = live.heard().iter().map(|entry| entry.at).collect();
    happened.sort_unstable();
    Ok(share(start, end, &happened, frames))
}

fn share(start: Timestamp, end: Timestamp, happened: &[Timestamp], frames: u32) -> Vec<Timestamp> {
    /// Finer than any picture.
    const GRID: u64 = 20_000;
    let length = end.since(start).0;
    let mut shown = Vec::with_capacity(frames as usize);
    let mut next = 1_u64;
    for at in 1..=GRID {
        let now = start
            + Span(u64::try_from(u128::from(length) * u128::from(at) / u128::from(GRID)).unwrap_or(length));
        let events = happened.partition_point(|one| *one <= now) as u64;
        let by_events = events * (1000 - BY_TIME) * GRID / (happened.len() as u64).max(1);
        let weight = by_events + at * BY_TIME;
        while next <= u64::from(frames) && weight >= next * 1000 * GRID / u64::from(frames) {
            shown.push(now);
            next += 1;
        }
    }
    shown.dedup();
    if shown.last() != Some(&end) {
        shown.push(end);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busy_part_gets_most_of_the_pictures() {
        let at = |minutes: u64| Timestamp(0) + Span::mins(minutes);
        let happened: Vec<Timestamp> = (0..1000).map(|n| Timestamp(0) + Span::secs(n * 6)).collect();
        let shown = share(at(0), at(1000), &happened, 100);
        assert_eq!(shown.last(), Some(&at(1000)));
        assert!(shown.is_sorted());
        let busy = shown.iter().filter(|when| **when <= at(100)).count();
        assert!((70..=90).contains(&busy), "{busy} of {}", shown.len());
    }

    #[test]
    fn nothing_at_all_has_one_picture() {
        assert_eq!(share(Timestamp(5), Timestamp(5), &[], 10), [Timestamp(5)]);
    }
}
