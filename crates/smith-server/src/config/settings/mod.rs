//! The settings of a server: `smith.yaml` and the fragments beside it. Everything has a default, so that none is needed.

mod load;
mod model;
mod read;
#[cfg(test)]
mod tests;

pub use load::{SettingsError, load_settings};
pub use model::{
    HttpListen, Listen, MachineRules, NoticeRule, Person, Settings, SshSettings, Subjects, Target,
};
