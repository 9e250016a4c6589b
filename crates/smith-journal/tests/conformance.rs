//! The suite that every store must pass, on each of ours.

use std::path::PathBuf;

use smith_journal::conformance::{Reopened, Subject, run};
use smith_journal::{FaultyStore, MemoryStore, SqliteStore, Store};
use tempfile::TempDir;

struct Plain<S>(S);

impl<S: Store> Subject for Plain<S> {
    fn store(&self) -> &dyn Store {
        &self.0
    }

    fn reopen(self: Box<Self>) -> Reopened {
        Reopened::Volatile
    }
}

struct InFile {
    store: SqliteStore,
    path: PathBuf,
    folder: TempDir,
}

impl InFile {
    fn open(folder: TempDir) -> Self {
        let path = folder.path().join("journal.db");
        Self { store: SqliteStore::open(&path).expect("a journal"), path, folder }
    }
}

impl Subject for InFile {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn reopen(self: Box<Self>) -> Reopened {
        let Self { store, path, folder } = *self;
        drop(store);
        assert!(path.exists());
        Reopened::Persistent(Box::new(Self::open(folder)))
    }
}

#[test]
fn memory_conforms() {
    run(&|| Box::new(Plain(MemoryStore::new())));
}

#[test]
fn sqlite_conforms() {
    run(&|| Box::new(InFile::open(TempDir::new().expect("a folder"))));
}

#[test]
fn faulty_without_a_script_conforms() {
    run(&|| Box::new(Plain(FaultyStore::new(MemoryStore::new()))));
}
