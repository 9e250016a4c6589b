//! The one thread that writes. Whatever has queued up while it was busy goes into one transaction with one sync, and
//! each caller still gets an answer of its own.

use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::{ErrorCode, Transaction, TransactionBehavior};

use super::open::WriteAccess;
use super::work::Group;
use crate::error::{AppendError, Cause, WriteError};
use crate::lease::Generation;
use crate::limits::check_rows;
use crate::row::{Head, NewRow};

/// Callers wait for room beyond this; more would only be memory, as one transaction takes them all.
const QUEUE: usize = 1_024;

/// A transaction takes no further work once it has this much of it (one for each request and each row), so that its
/// first caller does not wait for long: about 50 ms of inserts.
const GROUP_WEIGHT: usize = 8_192;

/// A handle to the writing thread; clones are cheap and share the thread.
#[derive(Debug, Clone)]
pub struct Writer {
    queue: SyncSender<Message>,
}

/// An append whose answer has not been fetched yet.
#[derive(Debug)]
#[must_use = "an append is not known to be written before its answer was read"]
pub struct Pending {
    state: Result<Answer<Result<Head, AppendError>>, AppendError>,
}

impl Pending {
    pub fn wait(self) -> Result<Head, AppendError> {
        self.state?.wait()?
    }
}

impl Writer {
    /// See [`Store::append_if_head`](crate::Store::append_if_head).
    pub fn append_if_head(
        &self,
        generation: Generation,
        expected: Head,
        rows: Vec<NewRow>,
    ) -> Result<Head, AppendError> {
        self.submit(generation, expected, rows).wait()
    }

    /// Queues an append; waits only while the queue is full. With [`Head::after`] the next one can be queued at once:
    /// if this one fails, that one is refused as stale.
    pub fn submit(&self, generation: Generation, expected: Head, rows: Vec<NewRow>) -> Pending {
        let state = check_rows(&rows).map(|()| {
            let weight = rows.len() + 1;
            self.enqueue(weight, move |group| group.append(generation, expected, &rows))
        });
        Pending { state }
    }

    /// Has the writing thread do something inside a transaction, and waits for the answer.
    pub(super) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Group<'_>) -> rusqlite::Result<Step<T>> + Send + 'static,
    ) -> Result<T, WriteError> {
        self.enqueue(1, work).wait()
    }

    pub(super) fn enqueue<T: Send + 'static>(
        &self,
        weight: usize,
        work: impl FnOnce(&mut Group<'_>) -> rusqlite::Result<Step<T>> + Send + 'static,
    ) -> Answer<T> {
        let (reply, answer) = sync_channel(1);
        let task = Task { work: Some(work), step: None, reply: Some(reply) };
        // When the thread has ended, the task is dropped, and says so to its caller.
        let _ = self.queue.send(Message::Job(weight, Box::new(task)));
        Answer { answer }
    }
}

/// What a piece of work did to the transaction. What it refused to do was not written, whatever the commit says.
pub(super) enum Step<T> {
    Wrote(T),
    Refused(T),
}

pub(super) struct Answer<T> {
    answer: Receiver<Result<T, WriteError>>,
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl<T> Answer<T> {
    pub(super) fn wait(self) -> Result<T, WriteError> {
        match self.answer.recv() {
            Ok(answer) => answer,
            // A task answers even when it is dropped, so this is a thread that was torn down with it.
            Err(gone) => Err(WriteError::Unknown(Cause::new(gone))),
        }
    }
}

enum Message {
    Job(usize, Box<dyn Job>),
    Stop,
}

trait Job: Send {
    fn run(&mut self, group: &mut Group<'_>) -> rusqlite::Result<()>;
    fn answer(&mut self, outcome: &Outcome);
}

/// How the transaction of a group ended.
#[derive(Debug, Clone)]
enum Outcome {
    Committed,
    NotWritten(Cause),
    Unknown(Cause),
}

struct Task<W, T> {
    work: Option<W>,
    step: Option<Step<T>>,
    reply: Option<SyncSender<Result<T, WriteError>>>,
}

impl<W, T: Send> Job for Task<W, T>
where
    W: FnOnce(&mut Group<'_>) -> rusqlite::Result<Step<T>> + Send,
{
    fn run(&mut self, group: &mut Group<'_>) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.step = Some(work(group)?);
        }
        Ok(())
    }

    fn answer(&mut self, outcome: &Outcome) {
        let answer = match (outcome, self.step.take()) {
            (Outcome::Committed, Some(Step::Wrote(value) | Step::Refused(value))) => Ok(value),
            (Outcome::Committed, None) => Err(WriteError::NotWritten(Cause::new("it was never run"))),
            (Outcome::NotWritten(cause), _) | (Outcome::Unknown(cause), None | Some(Step::Refused(_))) => {
                Err(WriteError::NotWritten(cause.clone()))
            }
            (Outcome::Unknown(cause), Some(Step::Wrote(_))) => Err(WriteError::Unknown(cause.clone())),
        };
        if let Some(reply) = self.reply.take() {
            // A caller that no longer waits has lost its answer by its own will.
            let _ = reply.send(answer);
        }
    }
}

impl<W, T> Drop for Task<W, T> {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            let closed = Cause::new("the store was closed");
            let _ = reply.send(Err(match self.work {
                Some(_) => WriteError::NotWritten(closed),
                None => WriteError::Unknown(closed),
            }));
        }
    }
}

/// The thread, which ends when this is dropped, after it has finished what it had begun.
#[derive(Debug)]
pub(super) struct WriterThread {
    writer: Writer,
    thread: Option<JoinHandle<()>>,
}

impl WriterThread {
    pub(super) fn start(access: WriteAccess) -> std::io::Result<Self> {
        let (queue, messages) = sync_channel(QUEUE);
        let thread = thread::Builder::new().name("journal".to_owned());
        let thread = thread.spawn(move || serve(access, &messages))?;
        Ok(Self { writer: Writer { queue }, thread: Some(thread) })
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.writer
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        let _ = self.writer.queue.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already told to everybody who waited for it.
            let _ = thread.join();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    More,
    Stop,
}

fn serve(access: WriteAccess, messages: &Receiver<Message>) {
    // The lock is given back after the connection was closed, when nothing can be written any more.
    let WriteAccess { mut conn, lock, path: _ } = access;
    let mut lost: Option<Cause> = None;
    let mut jobs = Vec::new();
    while let Ok(Message::Job(weight, first)) = messages.recv() {
        jobs.push(first);
        let next = fill(&mut jobs, weight, messages);
        let outcome = match &lost {
            // What was asked after a commit of unknown end might stand on rows that are not there.
            Some(cause) => Outcome::NotWritten(cause.clone()),
            None => write(&mut conn, &mut jobs),
        };
        if let Outcome::Unknown(cause) = &outcome {
            lost = Some(cause.clone());
        }
        for mut job in jobs.drain(..) {
            job.answer(&outcome);
        }
        if next == Next::Stop {
            break;
        }
    }
    // The file alone is the journal after this, for whoever copies it. Somebody who reads at this moment keeps some of it
    // in the log beside it, and the next who opens it finds it there.
    let _ = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    drop(conn);
    drop(lock);
}

fn fill(jobs: &mut Vec<Box<dyn Job>>, mut weight: usize, messages: &Receiver<Message>) -> Next {
    while weight < GROUP_WEIGHT {
        match messages.try_recv() {
            Ok(Message::Job(more, job)) => {
                weight += more;
                jobs.push(job);
            }
            Ok(Message::Stop) => return Next::Stop,
            Err(_) => break,
        }
    }
    Next::More
}

fn write(conn: &mut rusqlite::Connection, jobs: &mut [Box<dyn Job>]) -> Outcome {
    let tx = match prepare(conn, jobs) {
        Ok(tx) => tx,
        // Without a commit record in the log nothing of it is ever read back.
        Err(cause) => return Outcome::NotWritten(cause),
    };
    match tx.commit() {
        Ok(()) => Outcome::Committed,
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
            Outcome::NotWritten(Cause::new(error))
        }
        // The commit record may have reached the disk although its sync failed.
        Err(error) => Outcome::Unknown(Cause::new(error)),
    }
}

fn prepare<'c>(
    conn: &'c mut rusqlite::Connection,
    jobs: &mut [Box<dyn Job>],
) -> Result<Transaction<'c>, Cause> {
    let tx = Transaction::new(conn, TransactionBehavior::Immediate).map_err(Cause::new)?;
    let mut group = Group::begin(&tx).map_err(Cause::new)?;
    for job in jobs {
        job.run(&mut group).map_err(Cause::new)?;
    }
    group.finish().map_err(Cause::new)?;
    Ok(tx)
}
