//! The steady time: it starts where the journal ended and never jumps, whatever is done to the machine's clock.

use serde::{Deserialize, Serialize};
use smith_domain::time::{Now, Span, Timestamp};

use super::clock::Reading;

/// Steady time and wall clock may drift apart by so much before it counts as a jump: more than a clock that is slewed
/// gains between two looks, less than a second that anybody plans by.
const JUMP_MS: i64 = 2_000;

/// What a driver leaves with its lease, so that the next one knows how much time has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub boot: String,
    pub uptime: u64,
    pub steady: Timestamp,
}

#[derive(Debug, Clone)]
pub struct Timeline {
    anchor: Note,
    /// What the wall clock was ahead of the steady time when that was last told.
    ahead: i64,
}

impl Timeline {
    /// `newest` is the time of the journal's last event, `ahead` what the journal knows the wall clock to be ahead of the steady
    /// time, `note` what the last driver left.
    pub fn new(reading: &Reading, (newest, ahead): (Timestamp, i64), note: Option<&Note>) -> Self {
        let same_boot = note.filter(|note| note.boot == reading.boot && note.uptime <= reading.uptime);
        let steady = match same_boot {
            // The machine's own uptime tells how long nobody drove.
            Some(note) => note.steady + Span(reading.uptime - note.uptime),
            // A journal that begins takes the wall clock's word for when that is.
            None if note.is_none() && newest == Timestamp::default() => reading.wall,
            // After a restart of the machine, or on another one, only the wall clock knows how long nobody drove, and a
            // clock that is wrong must open no gate. Time goes on from where it stood; that the clock is ahead of it now
            // counts as a jump, which a person may accept.
            None => note.map_or(newest, |note| note.steady),
        };
        let steady = steady.max(newest);
        let anchor = Note { boot: reading.boot.clone(), uptime: reading.uptime, steady };
        Self { anchor, ahead }
    }

    pub fn now(&self, reading: &Reading) -> Now {
        let run = Span(reading.uptime.saturating_sub(self.anchor.uptime));
        Now { steady: self.anchor.steady + run, wall: reading.wall }
    }

    /// What to leave with the lease.
    pub fn note(&self, reading: &Reading) -> Note {
        let steady = self.now(reading).steady;
        Note { boot: reading.boot.clone(), uptime: reading.uptime, steady }
    }

    /// Whether the wall clock was moved since this was last asked.
    pub fn jumped(&mut self, now: Now) -> bool {
        let ahead = now.wall.0.saturating_sub(now.steady.0);
        let jumped = ahead.abs_diff(self.ahead) > JUMP_MS.unsigned_abs();
        if jumped {
            self.ahead = ahead;
        }
        jumped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(wall: i64, uptime: u64, boot: &str) -> Reading {
        Reading { wall: Timestamp(wall), uptime, boot: boot.to_owned() }
    }

    #[test]
    fn a_clock_that_is_set_does_not_move_the_steady_time() {
        let mut timeline = Timeline::new(&reading(1_000_000, 500, "a"), (Timestamp(0), 0), None);
        let now = timeline.now(&reading(90_000_000, 1_500, "a"));
        assert_eq!(now, Now { steady: Timestamp(1_001_000), wall: Timestamp(90_000_000) });
        assert!(timeline.jumped(now));
        assert!(!timeline.jumped(now), "told once");
        let back = timeline.now(&reading(1_002_000, 2_500, "a"));
        assert!(timeline.jumped(back));
    }

    #[test]
    fn the_time_that_nobody_drove_counts_by_the_uptime() {
        let note = Note { boot: "a".to_owned(), uptime: 1_000, steady: Timestamp(50_000) };
        // The wall clock was set a day ahead meanwhile; ten seconds have passed.
        let timeline = Timeline::new(&reading(86_450_000, 11_000, "a"), (Timestamp(49_000), 0), Some(&note));
        assert_eq!(timeline.now(&reading(86_450_000, 11_000, "a")).steady, Timestamp(60_000));
    }

    #[test]
    fn after_a_restart_of_the_machine_time_never_goes_back() {
        let note = Note { boot: "a".to_owned(), uptime: 9_000, steady: Timestamp(50_000) };
        let behind = Timeline::new(&reading(20_000, 10, "b"), (Timestamp(55_000), 0), Some(&note));
        assert_eq!(behind.now(&reading(20_000, 10, "b")).steady, Timestamp(55_000));
        // Nor does it go forward on the word of a clock that may have been set: that is told as a jump.
        let mut ahead = Timeline::new(&reading(80_000, 10, "b"), (Timestamp(55_000), 0), Some(&note));
        let now = ahead.now(&reading(80_000, 10, "b"));
        assert_eq!(now.steady, Timestamp(55_000));
        assert!(ahead.jumped(now));
        // What the journal knows is not told again, and a jump that a killed driver could not record is.
        let mut known = Timeline::new(&reading(80_000, 10, "b"), (Timestamp(55_000), 25_000), Some(&note));
        assert!(!known.jumped(now));
        let mut imported = Timeline::new(&reading(80_000, 10, "b"), (Timestamp(55_000), 0), None);
        assert!(imported.jumped(now));
    }
}
