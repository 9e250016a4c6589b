//! Says how far machines are, and what is being waited for when nothing is heard.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use smith_agent::protocol::{Body, Reply};
use smith_server::machine::Patience;

use crate::output;

/// Nobody wonders before; ssh takes a second, and an agent says every ten that it is there.
const QUIET: Duration = Duration::from_secs(10);

/// Between two such lines: often enough to be believed, and not to be in the way.
const AGAIN: Duration = Duration::from_secs(30);

/// How often it is looked whether there is something to say.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// Machines that are named in one line.
const NAMED: usize = 3;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Each line that the agents write.
    Lines,
    /// The steps of the only machine.
    Steps,
    /// Whom is waited for.
    Waits,
}

#[derive(Debug, Clone)]
pub(crate) struct Watch {
    detail: Detail,
    patience: Patience,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    machines: BTreeMap<String, Heard>,
    told: Option<Instant>,
}

/// What was heard of a machine.
#[derive(Debug)]
struct Heard {
    begun: Instant,
    /// Anything at all.
    alive: Option<Instant>,
    /// Something new.
    news: Instant,
    step: String,
    last: String,
}

impl Watch {
    pub(crate) fn new(detail: Detail, patience: Patience) -> Self {
        Self { detail, patience, inner: Arc::default() }
    }

    /// Sees something through that asks a machine.
    pub(crate) async fn over<T>(&self, machine: &str, asked: impl Future<Output = T>) -> T {
        let mut asked = std::pin::pin!(asked);
        self.locked(|inner| inner.machines.insert(machine.to_owned(), Heard::new(Instant::now())));
        let answer = loop {
            match tokio::time::timeout(TICK, asked.as_mut()).await {
                Ok(answer) => break answer,
                Err(_) => {
                    if let Some(line) = self.waits(Instant::now()) {
                        note(&line);
                    }
                }
            }
        };
        self.locked(|inner| inner.machines.remove(machine));
        answer
    }

    pub(crate) fn hear(&self, machine: &str, reply: &Reply) {
        let is_new_step = self.locked(|inner| {
            inner.machines.get_mut(machine).is_some_and(|heard| heard.hear(&reply.body, Instant::now()))
        });
        match (&reply.body, self.detail) {
            (Body::Phase(phase), Detail::Lines) => {
                note(format!("{machine}: {} {}", phase.step, phase.text).trim_end());
            }
            (Body::Phase(phase), Detail::Steps) => {
                let percent = phase.percent.map_or_else(String::new, |percent| format!(" {percent} %"));
                output::progress(&format!("{machine}: {}{percent} {}", phase.step, phase.text));
                // Where no line can be written over, a step is told once.
                if is_new_step && !output::is_watched() {
                    note(&format!("{machine}: {}", phase.step));
                }
            }
            (Body::Log { text }, Detail::Lines) => note(&format!("{machine}: {text}")),
            (Body::Began { action, .. }, Detail::Lines) => note(&format!("{machine}: {action} began")),
            (
                Body::Hello(_)
                | Body::Refused(_)
                | Body::Began { .. }
                | Body::Phase(_)
                | Body::Log { .. }
                | Body::Piece { .. }
                | Body::Alive
                | Body::Ended(_)
                | Body::Running,
                Detail::Lines | Detail::Steps | Detail::Waits,
            ) => {}
        }
    }

    /// Whom is waited for and why, if it is time to say so.
    fn waits(&self, now: Instant) -> Option<String> {
        let patience = self.patience;
        self.locked(|inner| {
            if inner.told.is_some_and(|told| now.duration_since(told) < AGAIN) {
                return None;
            }
            let quiet = inner.machines.iter().filter(|(_, heard)| now.duration_since(heard.news) >= QUIET);
            let mut words: Vec<String> =
                quiet.map(|(machine, heard)| format!("{machine} {}", heard.words(patience, now))).collect();
            if words.is_empty() {
                return None;
            }
            inner.told = Some(now);
            let more = words.len().saturating_sub(NAMED);
            words.truncate(NAMED);
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            Some(format!("waiting: {}{more}", words.join("; ")))
        })
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Heard {
    fn new(now: Instant) -> Self {
        Self { begun: now, alive: None, news: now, step: String::new(), last: String::new() }
    }

    /// Whether another step begins.
    fn hear(&mut self, body: &Body, now: Instant) -> bool {
        self.alive = Some(now);
        let (step, text) = match body {
            Body::Phase(phase) => (phase.step.clone(), format!("{} {}", phase.step, phase.text)),
            Body::Log { text } => (self.step.clone(), text.clone()),
            Body::Began { action, .. } => (String::new(), format!("{action} began")),
            Body::Hello(_)
            | Body::Refused(_)
            | Body::Piece { .. }
            | Body::Alive
            | Body::Ended(_)
            | Body::Running => return false,
        };
        text.trim_end().clone_into(&mut self.last);
        self.news = now;
        std::mem::replace(&mut self.step, step) != self.step
    }

    fn words(&self, patience: Patience, now: Instant) -> String {
        let seconds = |since: Instant| now.duration_since(since).as_secs();
        match self.alive {
            None => format!(
                "has not answered for {} s; it is tried for {} s",
                seconds(self.begun),
                patience.reach.as_secs()
            ),
            // Every ten seconds an agent says that it is there.
            Some(alive) if now.duration_since(alive) < 2 * QUIET => {
                format!("is at it; nothing new for {} s since: {}", seconds(self.news), self.last)
            }
            Some(alive) => format!(
                "was not heard for {} s; the last it said: {}; it is waited for until {} s have passed in all",
                seconds(alive),
                self.last,
                patience.whole.as_secs()
            ),
        }
    }
}

/// A line of its own, not behind one that is written over.
fn note(text: &str) {
    output::progress("");
    output::note(text);
}

#[cfg(test)]
mod tests {
    use smith_agent::protocol::Phase;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn who_is_waited_for_is_told_after_a_while_and_not_too_often() {
        let patience = Patience { reach: seconds(45), whole: seconds(3630), silence: seconds(45) };
        let (watch, now) = (Watch::new(Detail::Waits, patience), Instant::now());
        for machine in ["a", "b", "c", "d", "e"] {
            watch.locked(|inner| inner.machines.insert(machine.to_owned(), Heard::new(now)));
        }
        assert_eq!(watch.waits(now + seconds(9)), None);
        let said = watch.waits(now + seconds(10)).unwrap();
        assert!(said.starts_with("waiting: a has not answered for 10 s; it is tried for 45 s; b "), "{said}");
        assert!(said.ends_with("; and 2 more"), "{said}");
        assert_eq!(watch.waits(now + seconds(39)), None);
        assert!(watch.waits(now + seconds(40)).is_some());
    }

    #[test]
    fn a_machine_that_is_at_work_is_told_from_one_that_is_gone() {
        let patience = Patience { reach: seconds(45), whole: seconds(930), silence: seconds(45) };
        let (now, mut heard) = (Instant::now(), Heard::new(Instant::now()));
        let phase =
            |step: &str| Body::Phase(Phase { step: step.to_owned(), percent: None, text: "perl".to_owned() });
        assert!(heard.hear(&phase("install"), now));
        assert!(!heard.hear(&phase("install"), now));
        heard.hear(&Body::Alive, now + seconds(20));
        let words = heard.words(patience, now + seconds(22));
        assert_eq!(words, "is at it; nothing new for 22 s since: install perl");
        let words = heard.words(patience, now + seconds(60));
        assert!(words.starts_with("was not heard for 40 s; the last it said: install perl"), "{words}");
    }
}
