//! What the writing thread does inside one transaction: appends, snapshots, leases, blobs, loading.

use std::collections::BTreeMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _};

use super::reader::{read_head, read_lease, signed, unsigned};
use super::writer::Step;
use crate::blob::Packed;
use crate::chain::Chain;
use crate::error::{AppendError, LeaseError, ReadError, SnapshotError};
use crate::import::{LoadError, checked};
use crate::lease::{Fence, Generation, Lease};
use crate::row::{Hash, Head, NewRow, Seq};
use crate::snapshot::{Sealed, surplus, surplus_of_another};
use crate::store::RowSource;

/// One transaction. The head is read at its begin, moves with each append and is recorded once at its end.
pub(super) struct Group<'t> {
    pub(super) conn: &'t Connection,
    recorded: Head,
    chain: Chain,
}

impl<'t> Group<'t> {
    pub(super) fn begin(conn: &'t Connection) -> Result<Self, ReadError> {
        let recorded = read_head(conn)?;
        Ok(Self { conn, recorded, chain: Chain::from_head(recorded) })
    }

    pub(super) fn finish(&self) -> rusqlite::Result<()> {
        let head = self.chain.head();
        if head != self.recorded {
            let sql = "UPDATE head SET seq = ?1, hash = ?2 WHERE id = 1";
            self.conn.prepare_cached(sql)?.execute((signed(head.seq), &head.hash.0[..]))?;
        }
        Ok(())
    }

    pub(super) fn append(
        &mut self,
        generation: Generation,
        expected: Head,
        rows: &[NewRow],
    ) -> rusqlite::Result<Step<Result<Head, AppendError>>> {
        let lease = read_lease(self.conn)?;
        if lease.fence(generation) == Fence::Shut {
            return Ok(Step::Refused(Err(AppendError::Fenced { expected: generation, found: lease })));
        }
        let found = self.chain.head();
        if expected != found {
            return Ok(Step::Refused(Err(AppendError::StaleHead { expected, found })));
        }
        let mut statement = insert(self.conn)?;
        for row in rows {
            push(&mut self.chain, &mut statement, row)?;
        }
        Ok(Step::Wrote(Ok(self.chain.head())))
    }

    pub(super) fn load(&mut self, rows: RowSource) -> rusqlite::Result<Step<Result<Head, LoadError>>> {
        let found = self.chain.head();
        if found != Head::GENESIS {
            return Ok(Step::Refused(Err(LoadError::NotEmpty { found })));
        }
        self.conn.execute_batch("SAVEPOINT load")?;
        let mut chain = self.chain.clone();
        let mut statement = insert(self.conn)?;
        for row in checked(rows) {
            match row {
                Ok(row) => push(&mut chain, &mut statement, &row)?,
                Err(bad) => {
                    self.conn.execute_batch("ROLLBACK TO load; RELEASE load")?;
                    return Ok(Step::Refused(Err(bad.into())));
                }
            }
        }
        self.conn.execute_batch("RELEASE load")?;
        self.chain = chain;
        Ok(Step::Wrote(Ok(self.chain.head())))
    }

    /// Changes the lease by one of its own transitions.
    pub(super) fn lease(
        &mut self,
        change: impl FnOnce(&Lease) -> Result<Lease, LeaseError>,
    ) -> rusqlite::Result<Step<Result<Lease, LeaseError>>> {
        let lease = match change(&read_lease(self.conn)?) {
            Ok(lease) => lease,
            Err(error) => return Ok(Step::Refused(Err(error))),
        };
        let sql = "UPDATE lease SET generation = ?1, owner = ?2, until = ?3, note = ?4 WHERE id = 1";
        let generation = signed(Seq(lease.generation.0));
        self.conn.prepare_cached(sql)?.execute((generation, &lease.owner, lease.until, &lease.note))?;
        Ok(Step::Wrote(Ok(lease)))
    }

    pub(super) fn put_snapshots(
        &mut self,
        sealed: &[Sealed],
    ) -> rusqlite::Result<Step<Result<(), SnapshotError>>> {
        for sealed in sealed {
            let Head { seq, hash: expected } = sealed.head;
            let found = self.hash_at(seq)?;
            if found != Some(expected) {
                return Ok(Step::Refused(Err(SnapshotError::NotOnChain { seq, expected, found })));
            }
            self.put_snapshot(sealed)?;
        }
        Ok(Step::Wrote(Ok(())))
    }

    fn put_snapshot(&self, sealed: &Sealed) -> rusqlite::Result<()> {
        let Head { seq, hash } = sealed.head;
        let sql = "INSERT OR REPLACE INTO snapshots (format, seq, hash, raw_len, packed, seal) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let raw_len = signed(Seq(sealed.raw_len));
        let (hash, seal) = (&hash.0[..], &sealed.seal.0[..]);
        let values = (sealed.format, signed(seq), hash, raw_len, &sealed.packed, seal);
        self.conn.prepare_cached(sql)?.execute(values)?;
        self.thin(sealed.format)
    }

    /// Leaves the snapshots that are to stay, now that one of this format was put.
    fn thin(&self, format: u32) -> rusqlite::Result<()> {
        let mut kept: BTreeMap<u32, Vec<Seq>> = BTreeMap::new();
        let mut statement = self.conn.prepare_cached("SELECT format, seq FROM snapshots ORDER BY seq")?;
        let mut stored = statement.query(())?;
        while let Some(row) = stored.next()? {
            kept.entry(row.get(0)?).or_default().push(Seq(unsigned(row.get(1)?)));
        }
        let mut delete = self.conn.prepare_cached("DELETE FROM snapshots WHERE format = ?1 AND seq = ?2")?;
        for (of, mut rows) in kept {
            if of != format {
                for gone in surplus_of_another(&rows) {
                    delete.execute((of, signed(*gone)))?;
                }
                continue;
            }
            while let Some(gone) = surplus(&rows) {
                rows.retain(|seq| *seq != gone);
                delete.execute((of, signed(gone)))?;
            }
        }
        Ok(())
    }

    fn hash_at(&self, seq: Seq) -> rusqlite::Result<Option<Hash>> {
        if seq == Seq::GENESIS {
            return Ok(Some(Hash::GENESIS));
        }
        let mut statement = self.conn.prepare_cached("SELECT hash FROM events WHERE seq = ?1")?;
        statement.query_row([signed(seq)], |row| row.get(0).map(Hash)).optional()
    }

    pub(super) fn put_blob(&mut self, packed: &Packed) -> rusqlite::Result<Step<Hash>> {
        let sql = "INSERT OR IGNORE INTO blobs (hash, raw_len, packed) VALUES (?1, ?2, ?3)";
        let raw_len = signed(Seq(packed.raw_len));
        self.conn.prepare_cached(sql)?.execute((&packed.hash.0[..], raw_len, &packed.bytes))?;
        Ok(Step::Wrote(packed.hash))
    }
}

fn insert(conn: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    conn.prepare_cached(
        "INSERT INTO events (seq, at, actor, stream, kind, version, body, hash) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
}

fn push(chain: &mut Chain, statement: &mut CachedStatement<'_>, row: &NewRow) -> rusqlite::Result<()> {
    let head = chain.push(&row.content());
    statement.execute((
        signed(head.seq),
        row.at,
        row.actor.as_ref(),
        row.stream.as_ref(),
        row.kind.as_ref(),
        row.version,
        &row.body[..],
        &head.hash.0[..],
    ))?;
    Ok(())
}
