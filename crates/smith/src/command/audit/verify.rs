//! `smith audit verify`: whether a journal, or an export of one, still says what was written.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use smith_journal::codec::Codec;
use smith_journal::{
    About, BlobFolder, Checkpoint, Compared, Head, Marked, Proven, Scope, Seq, VerifyError, read_checkpoints,
    refold, verify,
};
use smith_server::answers::{ChoiceFault, check_lists, verify_export_at};

use crate::failure::{Exit, Failure};
use crate::input;
use crate::output::{self, BAD, GOOD, WAITS, count, counted, styled};

/// Rows of checkpoints that are named. Whoever has more of them makes a new export.
const OPEN_SHOWN: usize = 10;

/// Verify a journal, a server's data folder, or an export of some rows: name the first thing that is not as it was written.
///
/// The chain alone proves that the rows belong together; checkpoints kept elsewhere also prove that nobody wrote the
/// whole history anew. Ends with 4 when a row is bad or one that a checkpoint was taken of is not there, and with 1 when only a
/// list of packages beside the journal is, or a checkpoint could not be compared with an export.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// A journal file (a server may be writing it), a folder with one, or an export
    #[arg(value_name = "FILE", env = "SMITH_JOURNAL")]
    file: PathBuf,
    /// Compare with checkpoints that were written down outside the journal
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    good: bool,
    rows: Option<u64>,
    head: Option<Head>,
    checkpoints: usize,
    first_bad_row: Option<u64>,
    problem: Option<String>,
}

pub(super) fn run(args: &Verify) -> Result<Exit, Failure> {
    let checkpoints = match &args.checkpoints {
        Some(path) => read_checkpoints(path)?,
        None => Vec::new(),
    };
    if args.checkpoints.is_some() && checkpoints.is_empty() {
        let error = "expected at least one checkpoint in the file, found none";
        return Err(Failure::new(Exit::BadInput, error)
            .with_hint("`smith audit checkpoint JOURNAL FILE` adds the present one"));
    }
    if args.file.is_dir() {
        let journal = args.file.join("journal.db");
        let exit = verify_journal(args, &journal, &checkpoints)?;
        let exit = if exit == Exit::Good { verify_lists(args, &journal)? } else { exit };
        if args.file.join("evidence").is_dir() {
            // A document says nothing that the journal does not, and nothing in the journal binds its file.
            output::note(
                "not looked at: the documents in evidence/; the server makes those of projects anew from the journal when they are asked for",
            );
        }
        return Ok(exit);
    }
    match looks_like(&args.file) {
        Looks::Export => verify_rows(args, &checkpoints),
        Looks::Journal => verify_journal(args, &args.file, &checkpoints),
        Looks::Neither(found) => {
            let error =
                format!("expected a journal, or an export of one, found a file that begins with {found:?}");
            Err(Failure::new(Exit::BadInput, error))
        }
    }
}

enum Looks {
    Journal,
    Export,
    Neither(String),
}

/// What a file is, by its beginning. What is not there, or cannot be read, is told when it is opened as a journal.
fn looks_like(path: &Path) -> Looks {
    const JOURNAL: &[u8] = b"SQLite format 3\0";
    const EXPORT: &[u8] = b"smith audit export ";
    let mut found = Vec::new();
    let read = File::open(path).and_then(|file| file.take(EXPORT.len() as u64).read_to_end(&mut found));
    if read.is_err() || found.is_empty() || found.starts_with(JOURNAL) {
        Looks::Journal
    } else if found == EXPORT {
        Looks::Export
    } else {
        Looks::Neither(String::from_utf8_lossy(&found).into_owned())
    }
}

#[derive(Debug, Serialize)]
struct ExportReport<'a> {
    /// Whether everything that was asked for was found good: also not where a checkpoint could not be compared.
    good: bool,
    about: &'a About,
    chosen: u64,
    others: u64,
    omitted: u64,
    attached: u64,
    absent: u64,
    end: Option<&'a Marked>,
    /// Checkpoints that agree.
    checkpoints: u64,
    /// Those of them that prove all rows before theirs.
    with_root: u64,
    /// The newest row that they prove.
    proven_to: Option<Seq>,
    /// The rows of checkpoints that stand where the export tells too little to compare.
    not_compared: &'a [Seq],
    /// Whether the filter is proven to have chosen all it should.
    complete: bool,
}

fn verify_rows(args: &Verify, checkpoints: &[Checkpoint]) -> Result<Exit, Failure> {
    let wanted = checkpoints.iter().map(|one| one.head.seq).collect();
    let proven = verify_export_at(|| File::open(&args.file), &wanted)?;
    let compared = proven.compare(checkpoints).map_err(|other| Failure::new(Exit::BrokenJournal, other))?;
    if !checkpoints.is_empty() && compared.checkpoints == 0 {
        let error = "expected a checkpoint at a row where the export can be compared, found none";
        return Err(Failure::new(Exit::BadInput, error)
            .with_hint("`smith audit export --checkpoints FILE` makes one that can be compared with yours"));
    }
    // Somebody who gave a checkpoint wants to know about it: not knowing is no good end.
    let exit = if compared.open.is_empty() { Exit::Good } else { Exit::Finding };
    if args.json {
        let Proven { about, chosen, others, omitted, attached, absent, .. } = &proven;
        output::json(&ExportReport {
            good: exit == Exit::Good,
            about,
            chosen: *chosen,
            others: *others,
            omitted: *omitted,
            attached: *attached,
            absent: *absent,
            end: proven.end(),
            checkpoints: compared.checkpoints,
            with_root: compared.with_root,
            proven_to: compared.proven_to,
            not_compared: &compared.open,
            complete: is_complete(&proven),
        })?;
    } else {
        output::data(&told(&proven, &compared))?;
    }
    Ok(exit)
}

fn is_complete(proven: &Proven) -> bool {
    proven.about.scope == Scope::Everything
}

fn told(proven: &Proven, compared: &Compared) -> String {
    let found = if compared.open.is_empty() { styled(GOOD, "good:") } else { styled(WAITS, "in part:") };
    let mut text = format!("{found} {}\n", rows(proven));
    let filter: Vec<String> =
        proven.about.filter.iter().map(|(name, value)| format!("--{name} {value}")).collect();
    text.push_str(&format!(
        "chosen by: {}\n",
        if filter.is_empty() { "everything".to_owned() } else { filter.join(" ") }
    ));
    let end = proven.end();
    let last = end.map_or(Seq::GENESIS, |end| end.seq);
    text.push_str(&if is_complete(proven) {
        format!("complete: all rows up to {last} are there, and the filter chooses these\n")
    } else {
        "complete: not proven; which of the rows left out the filter should have chosen cannot be seen\n"
            .to_owned()
    });
    let roots = counted(compared.with_root, "checkpoint");
    text.push_str(&match (compared.checkpoints, compared.proven_to) {
        (0, _) => {
            "unaltered: not proven; compare it with a checkpoint that was kept elsewhere (--checkpoints)\n"
                .to_owned()
        }
        (n, None) => format!("unaltered: not proven; {} without a root agree\n", counted(n, "checkpoint")),
        (_, Some(seq)) if seq == last => format!("unaltered: proven by {roots}, up to row {seq}, the last\n"),
        (_, Some(seq)) => {
            format!("unaltered: proven by {roots} as far as row {seq}; nothing proves the rows behind it\n")
        }
    });
    if !compared.open.is_empty() {
        let open: Vec<String> = compared.open.iter().take(OPEN_SHOWN).map(ToString::to_string).collect();
        let number = compared.open.len() as u64;
        let more = if compared.open.len() > OPEN_SHOWN { " and more" } else { "" };
        text.push_str(&format!(
            "not compared: {} of {}, of row {}{more}; an export made with --checkpoints can be\n",
            count(number),
            counted(compared.checkpoints + number, "checkpoint"),
            open.join(", ")
        ));
    }
    if let Some(end) = end {
        let (journal, head) = (proven.about.journal, end.head());
        text.push_str(&format!("journal: {journal}\nhead: {head}\nroot: {}\n", end.root));
    }
    text
}

/// How many rows an export has, and how many it has not.
pub(super) fn rows(proven: &Proven) -> String {
    let mut text = format!("{} chosen", counted(proven.chosen, "row"));
    for (number, what) in [(proven.others, "told besides"), (proven.omitted, "left out")] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", count(number)));
        }
    }
    if proven.attached > 0 {
        text.push_str(&format!(", {}", counted(proven.attached, "package list")));
    }
    if proven.absent > 0 {
        text.push_str(&format!(" ({} of them missing)", count(proven.absent)));
    }
    text
}

/// The lists of packages beside a journal that was found good.
fn verify_lists(args: &Verify, journal: &Path) -> Result<Exit, Failure> {
    let lists = check_lists(&input::open(journal)?, &BlobFolder::beside(&args.file))?;
    if args.json {
        // The report of the journal is the answer; what is wrong beside it is told like any complaint.
        for bad in &lists.bad {
            output::note(&format!("row {}: list {}: {}", bad.row, bad.digest, bad.found));
        }
    } else {
        let mut text = String::new();
        for bad in &lists.bad {
            text.push_str(&format!(
                "{} row {}: list {}: {}\n",
                styled(BAD, "bad:"),
                bad.row,
                bad.digest,
                bad.found
            ));
        }
        if lists.bad.is_empty() {
            let named = counted(lists.named, "package list");
            text.push_str(&format!("{} {named} as the journal names them\n", styled(GOOD, "good:")));
        }
        output::data(&text)?;
    }
    Ok(if lists.bad.is_empty() { Exit::Good } else { Exit::Finding })
}

impl From<ChoiceFault> for Failure {
    fn from(fault: ChoiceFault) -> Self {
        match fault {
            ChoiceFault::Io(_) => Self::new(Exit::BadInput, fault),
            ChoiceFault::Export(_)
            | ChoiceFault::Filter(_)
            | ChoiceFault::Impossible { .. }
            | ChoiceFault::Decode { .. }
            | ChoiceFault::Choice { .. } => Self::new(Exit::BrokenJournal, fault),
        }
    }
}

fn verify_journal(args: &Verify, file: &Path, checkpoints: &[Checkpoint]) -> Result<Exit, Failure> {
    let reader = input::open(file)?;
    let compared = checkpoints.len();
    let verified = verify(&reader, Head::GENESIS, checkpoints);
    if verified.is_ok() {
        // Rows that agree with each other may still tell of what cannot be, and a snapshot of something else.
        refold(&reader, &Codec::default())?;
    }
    match verified {
        Ok(verified) if args.json => {
            let (rows, head) = (Some(verified.rows), Some(verified.head));
            output::json(&Report {
                good: true,
                rows,
                head,
                checkpoints: compared,
                first_bad_row: None,
                problem: None,
            })?;
            Ok(Exit::Good)
        }
        Ok(verified) => {
            let rows = counted(verified.rows, "row");
            let beside = match compared {
                0 => String::new(),
                n => format!(" and with {}", counted(n as u64, "checkpoint")),
            };
            let good = styled(GOOD, "good:");
            output::data(&format!("{good} {rows} agree with each other{beside}\nhead: {}\n", verified.head))?;
            Ok(Exit::Good)
        }
        Err(VerifyError::Broken(broken)) if args.json => {
            let (first_bad_row, problem) = (Some(broken.seq().0), Some(broken.to_string()));
            output::json(&Report {
                good: false,
                rows: None,
                head: None,
                checkpoints: compared,
                first_bad_row,
                problem,
            })?;
            Ok(Exit::BrokenJournal)
        }
        Err(VerifyError::Broken(broken)) => {
            let hint = match broken.seq().0.saturating_sub(1) {
                0 => "no row before it can be vouched for".to_owned(),
                before => format!("everything up to row {before} is as it was written"),
            };
            Err(Failure::from(VerifyError::Broken(broken)).with_hint(hint))
        }
        Err(error @ VerifyError::Read(_)) => Err(error.into()),
    }
}
