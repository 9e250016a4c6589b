//! Some rows of a journal in a file that proves itself: what an auditor is given. `docs/reference/audit-export.md` is its reference.
//!
//! Chosen rows are there in full. All others are there as few hashes as the tree over all rows allows, so that the root over
//! everything, and the roots at checkpoints that somebody keeps elsewhere, can be computed from the file alone.

mod fault;
mod line;
mod read;
mod write;

pub use fault::{ExportFault, Fault, OtherHistory, ProofError};
pub use line::{About, MAX_ATTACHED_BYTES, Marked, Scope};
pub use read::{Compared, Proven, Shown, read_proof, read_proof_at};
pub use write::{Pick, ProofWriter, Written};
