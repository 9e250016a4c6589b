//! Refusals that belong into the record, without letting whoever is refused fill the journal: the first of an actor at once,
//! and what comes in the minute after it as a number.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For so long further refusals of the same actor are counted.
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// Actors that are counted at one time: more people and tokens than a site lets in. Whoever comes beyond them is recorded
/// one by one.
const ACTORS_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<BTreeMap<String, Count>>);

#[derive(Debug)]
struct Count {
    since: Instant,
    more: u32,
    last: Option<Told>,
}

/// What was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) what: String,
    pub(super) why: String,
}

/// What is done about one more refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    /// It is recorded.
    Now,
    /// It is counted, and is the first that is: somebody is to come back once the minute is over.
    Later,
    Counted,
}

impl Refusals {
    pub(super) fn add(&self, actor: &str, told: Told, now: Instant) -> Note {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.retain(|_, count| count.more > 0 || now.duration_since(count.since) < MINUTE);
        if let Some(count) = counts.get_mut(actor) {
            count.more = count.more.saturating_add(1);
            count.last = Some(told);
            return if count.more == 1 { Note::Later } else { Note::Counted };
        }
        if counts.len() < ACTORS_MAX {
            counts.insert(actor.to_owned(), Count { since: now, more: 0, last: None });
        }
        Note::Now
    }

    /// How long the actor's minute still takes.
    pub(super) fn left(&self, actor: &str, now: Instant) -> Duration {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .get(actor)
            .map_or(Duration::ZERO, |count| MINUTE.saturating_sub(now.duration_since(count.since)))
    }

    /// What was counted of an actor, whose next minute begins.
    pub(super) fn take(&self, actor: &str, now: Instant) -> Option<(u32, Told)> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get_mut(actor)?;
        let taken = count.last.take().map(|told| (count.more, told));
        (count.since, count.more) = (now, 0);
        taken
    }

    /// Everybody of whom something is counted.
    pub(super) fn actors(&self) -> Vec<String> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().filter(|(_, count)| count.more > 0).map(|(actor, _)| actor.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(what: &str) -> Told {
        Told { what: what.to_owned(), why: "no".to_owned() }
    }

    #[test]
    fn the_first_is_recorded_and_the_rest_of_its_minute_counted() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.add("eve", told("a"), now), Note::Now);
        assert_eq!(refusals.add("eve", told("b"), now), Note::Later);
        for _ in 0..1_000 {
            assert_eq!(refusals.add("eve", told("c"), now), Note::Counted);
        }
        assert_eq!(refusals.add("bob", told("d"), now), Note::Now, "another's is another's");
        assert_eq!(refusals.left("eve", now + Duration::from_secs(20)), Duration::from_secs(40));
        assert_eq!(refusals.actors(), ["eve"]);
        let later = now + MINUTE;
        assert_eq!(refusals.take("eve", later), Some((1_001, told("c"))));
        assert_eq!(refusals.take("eve", later), None);
        // The next minute has begun with what was told of the last.
        assert_eq!(refusals.add("eve", told("e"), later), Note::Later);
        refusals.take("eve", later);
        assert_eq!(refusals.add("eve", told("f"), later + MINUTE), Note::Now);
    }
}
