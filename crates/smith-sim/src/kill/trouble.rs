//! Why a run could not be brought to its end.

use std::io;
use std::path::PathBuf;

use smith_domain::decide::Rejection;
use smith_journal::{ReadError, ReplayError, VerifyError};
use smith_server::driver::{OpenError, Stopped};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum Trouble {
    #[error("the driver could not begin")]
    Open(#[from] OpenError),
    #[error("the driver stopped")]
    Stopped(#[from] Stopped),
    #[error("the project could not be set up")]
    Rejected(#[source] Box<Rejection>),
    #[error("the journal {path:?} could not be opened")]
    Store {
        path: PathBuf,
        #[source]
        source: Box<smith_journal::OpenError>,
    },
    #[error("the journal does not hold what was written")]
    Verify(#[from] VerifyError),
    #[error("the journal could not be read")]
    Read(#[from] ReadError),
    #[error("the journal could not be folded")]
    Replay(#[from] ReplayError),
    #[error("a message between the driver and the world was not understood")]
    Wire(#[from] serde_json::Error),
    #[error("the driver's process could not be reached")]
    Process(#[from] io::Error),
    #[error("the driver's process gave no answer for {seconds} s")]
    Silent { seconds: u64 },
    #[error("expected the driver's process to go on, found that it ended: {found}")]
    Ended { found: String },
    #[error("nothing happens any more and the project has not ended")]
    Stuck,
    #[error("no end after {turns} turns")]
    Endless { turns: u64 },
}
