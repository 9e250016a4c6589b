//! What is known of the clock of the controller's machine: how far it is from the time of calendars.
//!
//! The steady time never jumps, so a machine that was down for hours comes back with a steady time that is hours behind. Nothing
//! on that machine can prove which of the two is right, so calendars wait until both agree or a person says that the clock is
//! right. What is known here is what was recorded: the fold is the same on every reader.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::notice::About;
use crate::state::State;
use crate::time::{Span, Timestamp};

/// From so much on people are told. Windows are planned in minutes and looked at each minute; what is less holds nothing up that
/// anybody would notice.
pub const DIFFERS: Span = Span::secs(60);

/// How much a difference may have changed since it was seen by whoever accepts it: it is told in whole seconds, and both clocks
/// run at the same pace, but for what a time server does to the one on the wall.
pub const SEEN_WITHIN: Span = Span::secs(10);

/// How far the clock is ahead, in milliseconds; below zero it is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead(pub i64);

/// What was last recorded about the clock.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SeenClock {
    /// What the clock on the wall was ahead of the steady time, in milliseconds.
    pub ahead: i64,
    /// The steady time at which that was seen.
    pub at: Timestamp,
    /// The difference that people were told of last, since clock and calendars agreed.
    told: u64,
}

/// How far the clock is from the time of calendars, which nobody has accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// In milliseconds; below zero the clock is behind.
    pub ahead: i64,
    /// The steady time at which it was seen.
    pub since: Timestamp,
}

impl Difference {
    pub fn size(self) -> Span {
        Span(self.ahead.unsigned_abs())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the clock of the controller is {} the time that has passed", Ahead(self.ahead))
    }
}

impl fmt::Display for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.0 < 0 { "behind" } else { "ahead of" };
        write!(f, "{} {side}", Span(self.0.unsigned_abs()))
    }
}

impl State {
    /// The difference between the clock and the calendars, if it is one that matters.
    pub fn clock_difference(&self) -> Option<Difference> {
        let ahead = self.seen_clock.ahead.saturating_sub(self.clock_offset);
        let difference = Difference { ahead, since: self.seen_clock.at };
        (difference.size() >= DIFFERS).then_some(difference)
    }

    /// An instant of the steady time as calendars have it.
    pub fn calendar_time(&self, steady: Timestamp) -> Timestamp {
        Timestamp(steady.0.saturating_add(self.clock_offset))
    }

    pub(crate) fn clock_jumped(&mut self, wall: Timestamp, steady: Timestamp) {
        self.seen_clock.ahead = wall.0.saturating_sub(steady.0);
        self.seen_clock.at = steady;
        match self.clock_difference() {
            None => self.clock_agrees(),
            // A clock that wanders off is told of each time that it is twice as far away: a few times and not every second.
            Some(found) if found.size().0 >= self.seen_clock.told.saturating_mul(2) => {
                self.seen_clock.told = found.size().0;
                self.notices.want(About::ClockDiffers);
            }
            Some(_) => {}
        }
    }

    pub(crate) fn clock_accepted(&mut self, wall: Timestamp, steady: Timestamp) {
        self.clock_offset = wall.0.saturating_sub(steady.0);
        self.seen_clock.ahead = self.clock_offset;
        self.seen_clock.at = steady;
        self.clock_agrees();
    }

    fn clock_agrees(&mut self) {
        self.seen_clock.told = 0;
        self.notices.forget(&About::ClockDiffers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Actor;
    use crate::cycle::CycleCommand;
    use crate::decide::{Command, Rejection, decide};
    use crate::plan::plan;
    use crate::time::Now;

    const START: Timestamp = Timestamp(1_795_132_800_000);

    fn tell(state: &mut State, command: Command, now: Now) {
        for event in decide(state, &Actor::person("ana"), command, now).unwrap() {
            state.evolve(&event, now.steady);
        }
        loop {
            let planned = plan(state, now);
            if planned.events.is_empty() {
                return;
            }
            planned.events.iter().for_each(|event| state.evolve(event, now.steady));
        }
    }

    fn ahead(hours: u64) -> Now {
        Now { steady: START, wall: START + Span::hours(hours) }
    }

    fn notices(state: &State) -> Vec<&str> {
        state.notices.iter().map(|notice| notice.text.as_str()).collect()
    }

    #[test]
    fn a_difference_is_told_until_it_is_accepted() {
        let mut state = State::default();
        tell(&mut state, Command::ClockJumped, ahead(3));
        let found = state.clock_difference().unwrap();
        assert_eq!((found.ahead, found.since), (3 * 3_600_000, START));
        assert_eq!(
            notices(&state),
            [
                "the clock of the controller is 3h ahead of the time that has passed: windows open and weeks begin only when both agree; if the \
              clock is right, an admin says so: smith clock accept --reason …"
            ]
        );
        let (reason, hour) = (Some("the host was down for three hours".to_owned()), 3_600_000);
        let accept = |seen| Command::AcceptClock { reason: reason.clone(), seen };
        // Since it was looked at, the clock was set to something else.
        for other in [-3 * hour, 0, 2 * hour, 3 * hour + 10_001] {
            let refused = decide(&state, &Actor::person("ana"), accept(other), ahead(3));
            assert!(matches!(refused, Err(Rejection::ClockMoved { .. })), "{other}: {refused:?}");
        }
        tell(&mut state, accept(3 * hour + 10_000), ahead(3));
        assert_eq!(state.clock_difference(), None);
        assert_eq!(state.calendar_time(START), START + Span::hours(3));
        // From now on a clock at the steady time is the one that differs.
        tell(&mut state, Command::ClockJumped, Now::same(START));
        assert_eq!(state.clock_difference().unwrap().ahead, -3 * 3_600_000);
        assert!(notices(&state)[1].starts_with("the clock of the controller is 3h behind the time"));
    }

    #[test]
    fn a_clock_that_wanders_off_is_told_of_a_few_times() {
        let mut state = State::default();
        for hours in 1..=16 {
            tell(&mut state, Command::ClockJumped, ahead(hours));
        }
        assert_eq!(notices(&state).len(), 5, "at 1, 2, 4, 8 and 16 hours");
        tell(&mut state, Command::ClockJumped, Now::same(START));
        assert_eq!(state.clock_difference(), None);
        tell(&mut state, Command::ClockJumped, ahead(1));
        assert_eq!(notices(&state).len(), 6, "it had agreed in between");
    }

    #[test]
    fn what_was_dealt_with_under_a_wrong_clock_silences_no_schedule() {
        let mut state = State::default();
        let missed = |due| Command::Cycle(CycleCommand::Missed { schedule: "weekly".to_owned(), due });
        tell(&mut state, missed(START + Span::hours(400)), ahead(401));
        tell(&mut state, Command::AcceptClock { reason: None, seen: 3_600_000 }, ahead(1));
        assert_eq!(state.cycles.last_due("weekly"), Some(START + Span::hours(1)));
        tell(&mut state, Command::AcceptClock { reason: None, seen: 3_600_000 }, ahead(2));
        assert_eq!(state.cycles.last_due("weekly"), Some(START + Span::hours(1)), "it never goes forward");
    }

    #[test]
    fn seconds_are_nobody_s_business() {
        let mut state = State::default();
        let now = Now { steady: START, wall: START + Span::secs(59) };
        tell(&mut state, Command::ClockJumped, now);
        assert_eq!(state.clock_difference(), None);
        assert!(notices(&state).is_empty());
    }
}
