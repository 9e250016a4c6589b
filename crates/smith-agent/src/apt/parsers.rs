//! What takes in what others wrote, for the targets of `fuzz`.

pub(crate) use super::base64::decode;
pub(crate) use super::base64::tests::encode;
pub(crate) use super::drive::status_line;
pub(crate) use super::keys::keys_of;
pub(crate) use super::plan::Plan;
pub(crate) use super::stanza::Stanzas;
pub(crate) use super::status::Machine;
pub(crate) use super::version::{compare, is_version};
pub(crate) use super::words::failure;
