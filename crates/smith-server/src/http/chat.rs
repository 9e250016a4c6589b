//! Lines of chat that come over HTTP. Whoever understands them is given from outside.

use std::fmt;
use std::pin::Pin;

use crate::verbs::{Caller, Denied};

/// What becomes of a line.
pub type Said<'a> = Pin<Box<dyn Future<Output = Result<String, Denied>> + Send + 'a>>;

/// Understands lines as people write them to the bot, does what they say, and answers in words.
pub trait Chat: Send + Sync {
    fn say<'a>(&'a self, caller: &'a Caller, line: &'a str) -> Said<'a>;
}

impl fmt::Debug for dyn Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chat")
    }
}
