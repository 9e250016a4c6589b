//! How a command can end: well, with a finding, or with an error that says what to do about it.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use smith_domain::fleet::LookupRejection;
use smith_journal::{BadLine, CheckpointError, ExportError, LedgerError, LoadError as JournalLoadError};
use smith_journal::{OpenError, ReadError, ReplayError, VerifyError};
use smith_server::problem::Problems;
use smith_sim::rehearse::RehearseError;

/// The codes that the program ends with; `docs/reference/exit-codes.md` is their reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Good,
    /// A check found something, or a rehearsed rollout would not finish.
    Finding,
    Usage,
    /// A file that was given cannot be read or has mistakes in it.
    BadInput,
    /// The journal does not hold what was written.
    BrokenJournal,
    /// What was asked for does not exist, or is refused as it was asked for.
    NotThere,
    Bug,
    /// The answer, or the store, could not be written.
    Output,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Good => 0,
            Exit::Finding => 1,
            Exit::Usage => 2,
            Exit::BadInput => 3,
            Exit::BrokenJournal => 4,
            Exit::NotThere => 5,
            Exit::Bug => 70,
            Exit::Output => 74,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// An error on its way to the edge, where it is printed once.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) what: What,
    pub(crate) hint: Option<String>,
}

#[derive(Debug)]
pub(crate) enum What {
    /// Mistakes in files, with the texts of the files in which they stand.
    Mistakes {
        problems: Problems,
        texts: Vec<(String, String)>,
    },
    Error(Box<dyn Error + Send + Sync>),
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        // Whatever could not be written for want of room, the input is not to blame.
        let is_full = smith_repo::code::of(error.as_ref()) == Some(smith_repo::code::DISK_FULL);
        Self { exit: if is_full { Exit::Output } else { exit }, what: What::Error(error), hint: None }
    }

    /// Mistakes in files that a person wrote, with the texts that show where.
    pub(crate) fn mistakes(problems: Problems, texts: Vec<(String, String)>) -> Self {
        Self { exit: Exit::BadInput, what: What::Mistakes { problems, texts }, hint: None }
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(crate) fn maybe_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    /// Everything in one line, for a log.
    pub(crate) fn reason(&self) -> String {
        match &self.what {
            What::Error(error) => smith_repo::fetch::chain(error.as_ref()),
            What::Mistakes { .. } => "there are mistakes in files".to_owned(),
        }
    }

    /// The code under which `docs/errors` has a page about it.
    pub(crate) fn code(&self) -> Option<&'static str> {
        match &self.what {
            What::Mistakes { .. } => None,
            What::Error(error) => smith_repo::code::of(error.as_ref()),
        }
    }

    /// Somebody closed the pipe that the answer went into: they have seen enough.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        let What::Error(error) = &self.what else { return false };
        let mut error: Option<&(dyn Error + 'static)> = Some(error.as_ref());
        while let Some(one) = error {
            if one.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe) {
                return true;
            }
            error = one.source();
        }
        false
    }
}

/// Errors of writing the answer; those of reading are told with the file that they are about.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Output, error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        match error.io_error_kind() {
            Some(kind) => Self::new(Exit::Output, io::Error::from(kind)),
            None => Self::new(Exit::Bug, error),
        }
    }
}

impl From<RehearseError> for Failure {
    fn from(error: RehearseError) -> Self {
        match error {
            RehearseError::NoPipelines | RehearseError::NoMachines | RehearseError::Rejected { .. } => {
                Self::new(Exit::BadInput, error)
            }
            RehearseError::Open(_) | RehearseError::Stopped(_) => Self::new(Exit::Bug, error),
        }
    }
}

impl From<LookupRejection> for Failure {
    fn from(rejection: LookupRejection) -> Self {
        let hint = rejection.hint();
        Self::new(Exit::NotThere, rejection).maybe_hint(hint)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match &error {
            OpenError::Tail { .. } => Self::new(Exit::BrokenJournal, error)
                .with_hint("`smith audit verify FILE` looks at every row and names the first bad one"),
            OpenError::Locked { .. } => Self::new(Exit::BadInput, error)
                .with_hint("stop the server that writes it, or take another file"),
            OpenError::NoSuchFile { .. }
            | OpenError::NotYetMade { .. }
            | OpenError::NotAJournal { .. }
            | OpenError::NewerSchema { .. }
            | OpenError::OlderSchema { .. }
            | OpenError::Read { .. }
            | OpenError::Io { .. }
            | OpenError::Sqlite { .. } => Self::new(Exit::BadInput, error),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::new(Exit::BrokenJournal, error)
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        Self::new(Exit::BrokenJournal, error).with_hint("`smith audit verify FILE` names the first bad row")
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        Self::new(Exit::BrokenJournal, error)
    }
}

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Self {
        Self::new(Exit::BadInput, error)
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let exit = match &error {
            ExportError::BadBody { .. } | ExportError::Read(_) => Exit::BrokenJournal,
            ExportError::Write(_) => Exit::Output,
        };
        Self::new(exit, error)
    }
}

impl From<JournalLoadError> for Failure {
    fn from(error: JournalLoadError) -> Self {
        let exit = match &error {
            JournalLoadError::NotEmpty { .. } | JournalLoadError::Line(BadLine { .. }) => Exit::BadInput,
            JournalLoadError::Write(_) => Exit::Output,
        };
        Self::new(exit, error)
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::new(Exit::Output, error)
    }
}
