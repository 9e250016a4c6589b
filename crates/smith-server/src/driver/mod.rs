//! The one loop: commands are decided, events are recorded, the plan is recorded, and only then effects begin.
//!
//! [`Driver::turn`] is one round of it. Whoever owns the driver calls it when something has come in and when the time
//! has come that the last turn asked for; a server does so with real clocks and machines, the simulator with made ones.
//! Any failure to record stops the driver for good: the journal is opened again and everything goes on from there.

mod clock;
mod effect;
mod timeline;
mod turn;

pub use clock::{Clock, Reading, SystemClock, wall};
pub use effect::{Effect, Executor, Mode, Target};
pub use timeline::{Note, Timeline};
pub use turn::{Answer, Driver, Input, OpenError, Stopped, Turn};
