//! `smith audit export`: rows of the journal for an auditor, in a file that proves itself.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use smith_api::DownloadError;
use smith_domain::time::Timestamp;
use smith_journal::{BlobFolder, Proven, Scope, Seq, read_checkpoints};
use smith_server::answers::{AuditExportError, ExportOrder, export, verify_export};
use tempfile::NamedTempFile;

use crate::failure::{Exit, Failure};
use crate::input::{self, FilterArgs, ViewArgs};
use crate::output::{self, GOOD, counted, styled};

/// Write rows of the journal for an auditor, in a file that proves itself: `smith audit verify FILE` needs nothing else.
///
/// Rows that are not chosen are in it as hashes. That none of them should have been chosen is proven with --everything only.
/// docs/reference/audit-export.md describes the file.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    view: ViewArgs,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Tell all rows, and mark those that are chosen
    #[arg(long)]
    everything: bool,
    /// Put the lists of changed packages in, which the rows name
    #[arg(long)]
    with_packages: bool,
    /// Make it comparable with these checkpoints, as `smith audit checkpoint` wrote them
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
}

pub(super) fn run(args: &Export) -> Result<Exit, Failure> {
    let marks: BTreeSet<Seq> = match &args.checkpoints {
        // Before the first row there is nothing to compare.
        Some(path) => {
            read_checkpoints(path)?.iter().map(|one| one.head.seq).filter(|seq| seq.0 > 0).collect()
        }
        None => BTreeSet::new(),
    };
    let failed = |error| Failure::new(Exit::Output, error);
    let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(failed)?;
    match args.view.journal() {
        Some(journal) => write(args, journal, marks, file.as_file_mut())?,
        None => ask(args, &marks, file.as_file_mut())?,
    }
    file.as_file().sync_all().map_err(failed)?;
    let path = file.path().to_owned();
    // Nothing is called an export that does not verify, whoever made it.
    let proven = verify_export(|| File::open(&path))?;
    file.persist(&args.out).map_err(|error| failed(error.error))?;
    tell(args, &proven)
}

fn write(args: &Export, journal: &Path, marks: BTreeSet<Seq>, out: &mut File) -> Result<(), Failure> {
    let filter = args.filter.filter(&input::opening(journal)?.state)?;
    let reader = input::open(journal)?;
    let scope = if args.everything { Scope::Everything } else { Scope::Chosen };
    let beside = BlobFolder::beside(journal.parent().unwrap_or(Path::new(".")));
    let packages = args.with_packages.then_some(&beside);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let made = Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
    export(&reader, ExportOrder { filter, scope, marks, packages, made }, out)?;
    Ok(())
}

fn ask(args: &Export, marks: &BTreeSet<Seq>, out: &mut File) -> Result<(), Failure> {
    let mut parameters = Vec::new();
    if args.everything {
        parameters.push(("everything", "true".to_owned()));
    }
    if args.with_packages {
        parameters.push(("packages", "true".to_owned()));
    }
    if !marks.is_empty() {
        let rows: Vec<String> = marks.iter().map(ToString::to_string).collect();
        parameters.push(("checkpoints", rows.join(",")));
    }
    let path = format!("/v1/audit/export?{}", args.filter.query(parameters));
    let fetched = args.view.server.ask(async |client| {
        match client.download(&path, |piece| out.write_all(piece)).await {
            Ok(_) => Ok(Ok(())),
            Err(DownloadError::Keep(error)) => Ok(Err(error)),
            Err(DownloadError::Client(error)) => Err(error),
        }
    })?;
    fetched.map_err(|error| Failure::new(Exit::Output, error))
}

fn tell(args: &Export, proven: &Proven) -> Result<Exit, Failure> {
    let bytes = std::fs::metadata(&args.out).map(|file| file.len()).unwrap_or(0);
    let (good, file) = (styled(GOOD, "good:"), args.out.display());
    let rows = super::verify::rows(proven);
    let mut text = format!("{good} {rows}, in {} of {file}\n", counted(bytes, "byte"));
    if let Some(end) = proven.end() {
        text.push_str(&format!("head: {}\nroot: {}\n", end.head(), end.root));
    }
    output::data(&text)?;
    if args.checkpoints.is_none() {
        output::note(
            "it proves rows to whoever keeps a checkpoint of this journal elsewhere; --checkpoints FILE makes it comparable",
        );
    }
    Ok(Exit::Good)
}

impl From<AuditExportError> for Failure {
    fn from(error: AuditExportError) -> Self {
        use smith_journal::ProofError;
        let exit = match &error {
            AuditExportError::Proof(ProofError::NoSuchRow { .. } | ProofError::Empty) => Exit::BadInput,
            AuditExportError::Proof(ProofError::Write(_) | ProofError::TooMuch { .. })
            | AuditExportError::Packages(_)
            | AuditExportError::Unwanted => Exit::Output,
            AuditExportError::Proof(
                ProofError::Broken(_) | ProofError::Read(_) | ProofError::NotText { .. },
            )
            | AuditExportError::Decode(_) => Exit::BrokenJournal,
        };
        Self::new(exit, error)
    }
}
