//! What has happened, read from the journal: for the audit, and for whoever has missed events.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use smith_domain::event::Event;
use smith_domain::time::Timestamp;
use smith_journal::codec::Codec;
use smith_journal::{OpenError, ReadError, Reader, RowRef, Seq, SqliteReader};

use super::view::Recorded;

/// Reads the journal beside the server that writes it.
#[derive(Debug)]
pub struct History {
    reader: SqliteReader,
    codec: Codec,
}

/// One row with the stream that it is in.
#[derive(Debug, Clone)]
pub struct Told {
    pub stream: String,
    pub kind: String,
    pub recorded: Recorded,
}

impl History {
    pub fn open(journal: &Path) -> Result<Self, OpenError> {
        Ok(Self { reader: SqliteReader::open(journal)?, codec: Codec::default() })
    }

    /// Rows after `after` that are wanted, at most `most` of them, in order.
    pub fn after(
        &self,
        after: u64,
        most: usize,
        wanted: impl Fn(&RowRef<'_>) -> bool,
    ) -> Result<Vec<Told>, ReadError> {
        let mut found = Vec::new();
        self.reader.read_from(Seq(after), &mut |row| self.keep(row, most, &wanted, &mut found))?;
        Ok(found)
    }

    /// The rows of one stream.
    pub fn stream(&self, stream: &str, after: u64, most: usize) -> Result<Vec<Told>, ReadError> {
        let mut found = Vec::new();
        self.reader
            .read_stream(stream, Seq(after), &mut |row| self.keep(row, most, &|_| true, &mut found))?;
        Ok(found)
    }

    pub fn reader(&self) -> &SqliteReader {
        &self.reader
    }

    fn keep(
        &self,
        row: RowRef<'_>,
        most: usize,
        wanted: &dyn Fn(&RowRef<'_>) -> bool,
        found: &mut Vec<Told>,
    ) -> ControlFlow<()> {
        if found.len() >= most {
            return ControlFlow::Break(());
        }
        // A row that was recorded and verified can be decoded; one that cannot is passed over here and named by
        // `smith audit verify`.
        if wanted(&row)
            && let Ok(event) = self.codec.decode(row)
        {
            found.push(told(row, event));
        }
        ControlFlow::Continue(())
    }
}

fn told(row: RowRef<'_>, event: Event) -> Told {
    let content = row.content;
    let recorded =
        Recorded { seq: row.seq.0, at: Timestamp(content.at), actor: Arc::from(content.actor), event };
    Told { stream: content.stream.to_owned(), kind: content.kind.to_owned(), recorded }
}
