//! The settings of a server: `smith.yaml` and the fragments beside it. Everything has a default, so that none is needed.

mod load;
mod model;
mod read;
mod schedule;
mod telemetry;
#[cfg(test)]
mod tests;
mod week;

pub use load::{SettingsError, load_settings};
pub use model::{
    HttpListen, Listen, MachineRules, NoticeRule, Person, Settings, SshSettings, Subjects, Target, Week,
};
pub use schedule::{IfMissed, Schedule};
pub use telemetry::{BadVariable, HeaderFrom, Signal, TelemetrySettings, telemetry_of_environment};
