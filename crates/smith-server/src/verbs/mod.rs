//! What can be asked of a server, once for all its faces: the bot, the API and the command line call these and nothing else.
//!
//! A verb takes who asks and a request of `smith-api`, and gives an answer of `smith-api` or a [`Denied`] that says what was
//! expected and what was found. Who may do what is decided here; what the rules allow is decided by the rules.

mod access;
mod attention;
mod audit;
mod builds;
mod caller;
mod changes;
mod clock;
#[cfg(test)]
mod clock_tests;
mod cycles;
mod denied;
mod evidence;
mod fleet;
mod keeper;
mod made;
mod page;
mod projects;
mod reboot;
mod refusals;
mod request;
mod site;
mod sources;
#[cfg(test)]
mod sources_tests;
mod spool;
#[cfg(test)]
mod tests;
mod train_text;

pub(crate) use access::digest;
pub use caller::{Caller, Environments, Key};
pub(crate) use clock::ScheduleTime;
pub use denied::{Denied, Kind};
pub use keeper::Keeper;
pub use made::Made;
pub use request::RequestRules;
pub use site::Site;
pub(crate) use site::read_pipelines;
pub use spool::Exported;
pub use train_text::{TrainTextError, parse_train};
