//! Maintenance windows and freezes in named time zones.
//!
//! **Membership is by local civil time.** An instant is inside a window exactly when the civil time that a clock on
//! the wall of the window's zone shows lies in `[from, to)` on a day of the window. Two things follow where clocks are
//! changed: civil times that a change leaves out are never shown, so nothing is inside them; civil times that a change
//! repeats are inside both times. No windows means always open, several windows are a union, any freeze closes.
//!
//! Zones come from the database in the program, never from the system, and an unknown zone cannot be constructed:
//! evaluation is total.

mod evaluate;
mod model;
mod pattern;
mod text;
mod zone;

#[cfg(test)]
mod tests;

pub use evaluate::{Closing, HORIZON, Opening};
pub use model::{
    Calendar, Clock, Dates, Day, Freeze, FreezeError, LocalTime, MonthDay, Times, Window, WindowError,
};
pub use text::{TimeTextError, parse_freeze_dates, parse_times};
pub use zone::{UnknownZone, Zone};
