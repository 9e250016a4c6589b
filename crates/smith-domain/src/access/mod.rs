//! Who may talk to smith: tokens, the requests that were answered already, and what was refused.
//!
//! Which role may do what is the business of the face that lets somebody in; here stands what must outlive it: a token
//! that was revoked stays revoked, and a request that is sent twice is done once, whatever was killed in between.

mod decide;
mod digest;
mod event;
mod state;
#[cfg(test)]
mod tests;
mod tie;

pub use decide::{AccessCommand, AccessRejection};
pub use digest::{BadDigest, Digest};
pub use event::AccessEvent;
pub use state::{ADMIN, Access, Kept, MASTER, REQUEST_KEPT, REQUESTS_MAX, Token, TokenState};
pub use tie::Tie;

pub(crate) use decide::{decide, keyed};
