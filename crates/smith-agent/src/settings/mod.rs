//! What a site says in `/etc/smith/agent.json`.

mod read;

pub(crate) use read::{Free, Settings, read};
