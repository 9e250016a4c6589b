//! Control data as Debian writes it: stanzas of fields.
//!
//! [`Stanzas`] borrows from the text and keeps its exact bytes, so that an index can be written again without a change;
//! [`PackageRecord`] is the typed view of one package, [`SourceRecord`] of one source package.

mod lines;
mod record;
mod scan;
mod source;

pub use lines::Lines;
pub use record::{PackageRecord, RecordError};
pub use scan::{Field, Fields, ScanError, Stanza, Stanzas};
pub use source::{SourceFile, SourceRecord};
