//! Whether the machine is well: compared with what it was before it was changed, wherever that can be known.

mod baseline;
mod check;
mod clock;
mod disk;
mod dns;
mod dpkg;
mod names;
mod route;
mod site;
#[cfg(test)]
mod tests;
mod units;

pub(crate) use baseline::{changing, remember, seconds};
pub(crate) use check::check;
pub(crate) use disk::space;
pub(crate) use dns::resolve;
pub(crate) use route::gateways;
