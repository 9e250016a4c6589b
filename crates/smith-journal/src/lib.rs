//! The journal of smith: an append-only, hash-chained list of rows, and the only state there is.
//!
//! Rows are opaque to the store. A [`Store`] appends them under a fence (the head that the writer knows and the generation of its
//! lease), shows them again in order, and keeps three things beside them: snapshots, the lease, and blobs.
//! [`SqliteStore`] keeps them in a file, [`MemoryStore`] in memory, and [`FaultyStore`] fails on demand; the same
//! [`conformance`] suite runs against each. [`verify()`] recomputes the chain, [`export()`] and [`import()`] carry a
//! journal from one store to another as text; [`ProofWriter`] and [`read_proof`] are for an auditor who gets some of its rows. [`codec`] turns the domain's events into rows and back, and [`Ledger`] is
//! what a driver sees of it all.

mod blob;
mod blob_folder;
pub mod chain;
mod checkpoint;
pub mod codec;
pub mod conformance;
mod error;
mod export;
pub mod faulty;
mod import;
mod lease;
mod ledger;
pub mod lift;
pub mod limits;
mod memory;
mod progress;
mod proof;
mod row;
mod snapshot;
mod sqlite;
mod store;
mod tree;
mod verify;

pub use blob_folder::{BlobFault, BlobFolder};
pub use chain::{Chain, sha256};
pub use checkpoint::{Checkpoint, CheckpointError, read_checkpoints, write_checkpoint};
pub use error::{AppendError, BadRow, BlobError, Cause, LeaseError, ReadError, SnapshotError, WriteError};
pub use export::{ExportError, export};
pub use faulty::FaultyStore;
pub use import::{BadLine, LineFault, LoadError, import};
pub use lease::{Generation, Lease};
pub use ledger::{
    Entry, Ledger, LedgerError, Memoryless, Opening, ReplayError, StoreLedger, fold, known_until, refold,
};
pub use lift::Lift;
pub use memory::MemoryStore;
pub use progress::{Progress, Reading};
pub use proof::{
    About, Compared, ExportFault, Fault, MAX_ATTACHED_BYTES, Marked, OtherHistory, Pick, ProofError,
    ProofWriter, Proven, Scope, Shown, Written, read_proof, read_proof_at,
};
pub use row::{BadHash, Content, Hash, Head, NewRow, Row, RowRef, Seq};
pub use snapshot::{BadSnapshot, Latest, MILESTONE_ROWS, MILESTONES, Rejected, Sealed, Snapshot};
pub use sqlite::{OpenError, Pending, SqliteReader, SqliteStore, Writer};
pub use store::{Reader, RowSource, Store, Visitor};
pub use tree::Tree;
pub use verify::{Broken, Verified, VerifyError, take_checkpoint, verify};
