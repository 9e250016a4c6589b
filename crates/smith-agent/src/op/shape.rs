//! Keeps what an action says within the bounds of a line, and of a person's patience.

use std::time::{Duration, Instant};

use smith_agent::protocol::{Body, Cause, Done, Failure, LINE_MAX, Outcome, Phase};

use super::diary::cut;

/// Of a line of the log, and of a phase's text.
const TEXT_MAX: usize = 4 << 10;

/// Of a failure: what a screen holds, thrice.
const TAIL_MAX: usize = 120;

/// Of a piece in one reply. JSON makes six bytes of one at the worst, and the line has a few words beside.
const PIECE_MAX: usize = 128 << 10;

/// Between two tellings of how far the same step is.
const PACE: Duration = Duration::from_millis(500);

/// Remembers when which step was told.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    step: String,
    told: Option<Instant>,
}

/// What becomes of something that is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shaped {
    pub(crate) bodies: Vec<Body>,
    /// People read of it: it is no mere progress.
    pub(crate) is_news: bool,
}

impl Shape {
    pub(crate) fn shape(&mut self, body: Body) -> Shaped {
        match body {
            Body::Phase(phase) => self.phase(phase),
            Body::Log { mut text } => {
                cut(&mut text, TEXT_MAX);
                news(Body::Log { text })
            }
            Body::Piece { name, text } => Shaped { bodies: pieces(&name, &text), is_news: false },
            Body::Hello(_)
            | Body::Refused(_)
            | Body::Began { .. }
            | Body::Alive
            | Body::Ended(_)
            | Body::Running => news(body),
        }
    }

    fn phase(&mut self, mut phase: Phase) -> Shaped {
        cut(&mut phase.step, 64);
        cut(&mut phase.text, TEXT_MAX);
        let is_news = phase.step != self.step;
        let is_soon = self.told.is_some_and(|told| told.elapsed() < PACE);
        if is_soon && !is_news {
            return Shaped { bodies: Vec::new(), is_news };
        }
        self.told = Some(Instant::now());
        self.step.clone_from(&phase.step);
        Shaped { bodies: vec![Body::Phase(phase)], is_news }
    }
}

fn news(body: Body) -> Shaped {
    Shaped { bodies: vec![body], is_news: true }
}

fn pieces(name: &str, mut text: &str) -> Vec<Body> {
    let piece = |text: &str| Body::Piece { name: name.to_owned(), text: text.to_owned() };
    let mut bodies = Vec::new();
    while text.len() > PIECE_MAX {
        let (one, rest) = text.split_at(text.floor_char_boundary(PIECE_MAX));
        bodies.push(piece(one));
        text = rest;
    }
    bodies.push(piece(text));
    bodies
}

/// An outcome that is a line's length at most. Answers what was left out of it, if anything was.
pub(crate) fn fit(mut outcome: Outcome) -> (Outcome, Option<String>) {
    if let Outcome::Failed(failure) = &mut outcome {
        fit_failure(failure);
    }
    let whole = length(&outcome);
    if whole <= MOST {
        return (outcome, None);
    }
    while length(&outcome) > MOST {
        if !halve(&mut outcome) {
            let message = format!("the outcome is {whole} bytes long, expected at most {MOST}");
            return (Outcome::Failed(Failure::new(Cause::Mismatch, message)), None);
        }
    }
    (outcome, Some(format!("the outcome was {whole} bytes long, and the end of its lists was cut off")))
}

/// Number, time and kind stand beside the outcome in its line.
const MOST: usize = LINE_MAX - 256;

fn length(outcome: &Outcome) -> usize {
    serde_json::to_vec(outcome).map_or(usize::MAX, |line| line.len())
}

fn fit_failure(failure: &mut Failure) {
    cut(&mut failure.message, TEXT_MAX);
    let early = failure.tail.len().saturating_sub(TAIL_MAX);
    failure.tail.drain(..early);
    failure.tail.iter_mut().for_each(|line| cut(line, 1 << 10));
}

/// Drops half of the longest kind of list. False when there is nothing to drop.
fn halve(outcome: &mut Outcome) -> bool {
    let health = match outcome {
        Outcome::AlreadySo(done) | Outcome::Done(done) => match done {
            Done::Patched(patched) => return half(&mut patched.changes) || half(&mut patched.conffiles),
            Done::Checked(checked) => return half(&mut checked.changes) || half(&mut checked.newer),
            Done::Facts(facts) => return half(&mut facts.audit) || half(&mut facts.holds),
            Done::Healthy(health) => health,
            Done::Drained
            | Done::Undrained
            | Done::Rebooted(_)
            | Done::Reported(_)
            | Done::Cleaned { .. } => {
                return false;
            }
        },
        Outcome::Failed(failure) if !failure.changes.is_empty() => {
            let mut changes = std::mem::take(&mut failure.changes).into_vec();
            let some = half(&mut changes);
            failure.changes = changes.into();
            return some;
        }
        Outcome::Failed(failure) => match &mut failure.health {
            Some(health) => health,
            None => return half(&mut failure.tail),
        },
    };
    let mut any = false;
    for finding in &mut health.findings {
        any |= half(&mut finding.tail);
    }
    any || half(&mut health.findings) || half(&mut health.units)
}

fn half<T>(list: &mut Vec<T>) -> bool {
    let some = !list.is_empty();
    list.truncate(list.len() / 2);
    some
}

#[cfg(test)]
mod tests {
    use smith_agent::protocol::{Change, Patched};

    use super::*;

    fn told(shape: &mut Shape, step: &str) -> usize {
        let phase = Phase { step: step.to_owned(), percent: None, text: String::new() };
        shape.shape(Body::Phase(phase)).bodies.len()
    }

    #[test]
    fn the_same_step_is_told_now_and_then() {
        let mut shape = Shape::default();
        assert_eq!(["a", "a", "b", "b", "a"].map(|step| told(&mut shape, step)), [1, 0, 1, 0, 1]);
    }

    #[test]
    fn whatever_is_told_fits_in_lines_and_a_piece_loses_nothing() {
        let mut shape = Shape::default();
        let text = "\u{1}ä".repeat(200_000);
        let shaped = shape.shape(Body::Piece { name: "a".to_owned(), text: text.clone() });
        let mut whole = String::new();
        for body in &shaped.bodies {
            assert!(serde_json::to_vec(body).unwrap().len() < LINE_MAX - 100);
            if let Body::Piece { text, .. } = body {
                whole.push_str(text);
            }
        }
        assert!(whole == text);
        let shaped = shape.shape(Body::Log { text: "ä".repeat(9000) });
        assert!(matches!(&shaped.bodies[..], [Body::Log { text }] if text.len() == TEXT_MAX));
    }

    #[test]
    fn an_outcome_fits_in_a_line() {
        let change = Change { name: "x".repeat(50), ..Change::default() };
        let patched = Patched { build: 7, changes: vec![change; 30_000], ..Patched::default() };
        let (outcome, cut) = fit(Outcome::Done(Done::Patched(Box::new(patched))));
        assert!(length(&outcome) <= MOST);
        assert!(
            matches!(&outcome, Outcome::Done(Done::Patched(patched)) if patched.build == 7 && patched.changes.len() > 3000)
        );
        assert!(cut.is_some());
        let mut failure = Failure::new(Cause::Busy, "ä".repeat(1 << 20));
        failure.changes = vec![Change { name: "x".repeat(50), ..Change::default() }; 30_000].into();
        failure.tail = (0..9000).map(|at| format!("{at} {}", "\u{1}".repeat(9000))).collect();
        let (outcome, _) = fit(Outcome::Failed(failure));
        assert!(length(&outcome) <= MOST);
        assert!(
            matches!(&outcome, Outcome::Failed(failure) if failure.tail.last().unwrap().starts_with("8999") && failure.changes.len() > 1000)
        );
    }
}
