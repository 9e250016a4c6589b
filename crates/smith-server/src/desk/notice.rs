//! Messages to people and other programs: by a program, an address, or mail.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use smith_domain::errand::{ErrandId, ErrandKind};
use smith_domain::state::State;
use smith_domain::why;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStderr, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::told::Told;
use crate::config::settings::{NoticeRule, Subjects, Target};

/// What somebody is told. This is also the JSON that programs and addresses get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `call`, `halted`, `change-waits`, …
    pub about: String,
    /// One line.
    pub text: String,
    pub project: Option<u32>,
    /// The same message again has the same name.
    pub id: String,
}

/// A message is short work; what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of what a program has said, from its end: a line of a log.
const SAID_MAX: usize = 400;

impl Message {
    /// What an errand is to tell; nothing where what it was about is not known any more.
    pub(super) fn of(state: &State, errand: ErrandId, kind: ErrandKind) -> Option<Self> {
        let id = format!("errand-{}", errand.0);
        match kind {
            ErrandKind::Notify(notice) => {
                let notice = state.notices.get(notice)?;
                let project = notice.about.rollout().map(|rollout| rollout.0);
                Some(Self { about: notice.about.word().to_owned(), text: notice.text.clone(), project, id })
            }
            ErrandKind::Call(rollout, step) => {
                let one = state.rollouts.get(rollout)?;
                let rule = one.pipeline.steps.get(usize::from(step))?;
                let reasons = why::step(state, one, step);
                let why: Vec<String> = reasons.iter().map(|reason| reason.line(state)).collect();
                let why = if why.is_empty() { "it needs a person".to_owned() } else { why.join("; ") };
                let text = format!(
                    "project {rollout} ({}, build {}) step {} calls {}: {why}",
                    one.pipeline.name, one.build, rule.id, one.pipeline.owner
                );
                Some(Self { about: "call".to_owned(), text, project: Some(rollout.0), id })
            }
            ErrandKind::RaiseChange(_)
            | ErrandKind::BeginChange(_)
            | ErrandKind::MoveTask(..)
            | ErrandKind::CloseChange(_)
            | ErrandKind::RaiseTicket(_)
            | ErrandKind::CommentTicket(..)
            | ErrandKind::CloseTicket(_)
            | ErrandKind::Link(..) => None,
        }
    }
}

/// Brings messages to those who want them. Clones are the same.
#[derive(Debug, Clone)]
pub struct Notifier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Vec<NoticeRule>,
    client: reqwest::Client,
    told: Told,
    /// Messages that are on their way.
    under_way: Mutex<BTreeSet<String>>,
    places: Semaphore,
}

/// Programs and connections at once, over all messages: each is a process or a socket.
const AT_ONCE: usize = 32;

/// What became of bringing a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brought {
    /// All who want it have it.
    ToAll,
    /// Some have not got it; the others are not told again.
    NotToAll(String),
    /// It is on its way already, and whoever brings it answers.
    UnderWay,
}

impl Notifier {
    /// What is known of messages that have not reached all is kept in the file.
    pub fn new(rules: Vec<NoticeRule>, memory: &Path) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        let (told, under_way, places) = (Told::open(memory), Mutex::default(), Semaphore::new(AT_ONCE));
        Ok(Self(Arc::new(Inner { rules, client, told, under_way, places })))
    }

    /// Brings a message to all who want it and have not got it, at the same time; what failed first is told.
    pub async fn tell(&self, message: &Message) -> Brought {
        let Some(_turn) = UnderWay::begin(&self.0, &message.id) else { return Brought::UnderWay };
        let inner = self.0.as_ref();
        let wanted = inner.rules.iter().filter(|rule| is_wanted(&rule.about, &message.about));
        let mut left: BTreeMap<String, &Target> = wanted.map(|rule| (name_of(&rule.to), &rule.to)).collect();
        let all = left.len();
        left.retain(|name, _| !inner.told.has_reached(&message.id, name));
        let brought = left.iter().map(async |(name, target)| (name, inner.bring(target, message).await));
        let (mut reached, mut failed) = (BTreeSet::new(), None);
        for (name, result) in join_all(brought).await {
            match result {
                Ok(()) => drop(reached.insert(name.clone())),
                Err(why) => drop(failed.get_or_insert(why)),
            }
        }
        // A target that is alone needs no memory, and neither does a message that all have at once.
        let kept = match &failed {
            Some(_) if reached.is_empty() => Ok(()),
            Some(_) => self.on_disk(message, move |told, id| told.note(id, reached)).await,
            None if left.len() == all => Ok(()),
            None => self.on_disk(message, |told, id| told.forget(id)).await,
        };
        if let Err(error) = kept {
            tracing::warn!(target: "smith::desk", %error, "it is not kept whom a message reached; after a restart they may be told again");
        }
        failed.map_or(Brought::ToAll, Brought::NotToAll)
    }

    async fn on_disk(
        &self,
        message: &Message,
        work: impl FnOnce(&Told, &str) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let (inner, id) = (Arc::clone(&self.0), message.id.clone());
        tokio::task::spawn_blocking(move || work(&inner.told, &id)).await.map_err(io::Error::other)?
    }
}

/// A message that is on its way. It is not any more when this is dropped, also by a panic.
struct UnderWay<'i> {
    inner: &'i Inner,
    id: &'i str,
}

impl<'i> UnderWay<'i> {
    fn begin(inner: &'i Inner, id: &'i str) -> Option<Self> {
        let is_new = inner.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        is_new.then_some(Self { inner, id })
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.inner.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(self.id);
    }
}

impl Inner {
    async fn bring(&self, to: &Target, message: &Message) -> Result<(), String> {
        let _place = self.places.acquire().await;
        match to {
            Target::Command(words) => run(words, &json(message)).await,
            Target::Webhook(address) => self.post(address, message).await,
            Target::Mail(to) => {
                run(&["/usr/sbin/sendmail".to_owned(), "-t".to_owned()], &mail(to, message)).await
            }
        }
    }

    async fn post(&self, address: &str, message: &Message) -> Result<(), String> {
        let request = self.client.post(address).header("content-type", "application/json");
        let request = request.header("idempotency-key", &message.id).body(json(message));
        let answer = request.send().await.map_err(|error| format!("webhook: {}", error.without_url()))?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("webhook: expected success, found {status}")) }
    }
}

/// What a target is remembered by: addresses may have secrets in them, so they are not kept as they are.
fn name_of(target: &Target) -> String {
    let text = match target {
        Target::Command(words) => format!("command {words:?}"),
        Target::Webhook(address) => format!("webhook {address}"),
        Target::Mail(to) => format!("mail {to:?}"),
    };
    Sha256::digest(text.as_bytes()).iter().take(NAME_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// Of a digest; a site has some dozens of targets.
const NAME_BYTES: usize = 16;

fn is_wanted(about: &Subjects, word: &str) -> bool {
    match about {
        Subjects::All => true,
        Subjects::These(words) => words.iter().any(|one| one == word),
    }
}

fn json(message: &Message) -> Vec<u8> {
    // A struct of texts and numbers is always JSON.
    serde_json::to_vec(message).unwrap_or_default()
}

/// Header fields cannot be forged: a message is one line, and control characters become spaces.
fn mail(to: &[String], message: &Message) -> Vec<u8> {
    let line = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let to = to.iter().map(|one| line(one)).collect::<Vec<_>>().join(", ");
    let subject: String = line(&message.text).chars().take(120).collect();
    format!("To: {to}\nSubject: [smith] {subject}\n\n{}\n", line(&message.text)).into_bytes()
}

/// Runs a program with this on its standard input; it must end well and in time. What it says of itself may be a secret, a path or
/// a screenful of anything: one line of it goes to the log of the server, where its owner looks, and nothing into the journal.
async fn run(words: &[String], input: &[u8]) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("no program is named".to_owned());
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(passed_on(std::env::vars_os()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let speaking = async {
        if let Some(mut stdin) = stdin {
            // A program that does not read what it is told may still do what it is for.
            let _ = stdin.write_all(input).await;
        }
    };
    let mut said = Vec::new();
    let ended = timeout(PATIENCE, async {
        let hearing = hear(stderr, &mut said);
        tokio::pin!(hearing);
        // Whoever inherited its standard error may hold it open for ever: its own end counts.
        tokio::select! {
            (status, ()) = async { tokio::join!(child.wait(), speaking) } => status,
            () = async { hearing.as_mut().await; std::future::pending().await } => unreachable!("it pends"),
        }
    });
    let ended = ended.await;
    let status = ended
        .map_err(|_| format!("{program}: expected an end within {} s", PATIENCE.as_secs()))?
        .map_err(|error| format!("{program}: {error}"))?;
    if status.success() {
        return Ok(());
    }
    tracing::warn!(target: "smith::desk", program, %status, said = %last_line(&said), "a program did not take a message");
    Err(format!("{program}: {status}; the server's log has its last line"))
}

/// Variables that programs get of the server's environment, beside those whose names begin with `LC_`. The server's own may
/// hold tokens, passphrases and the socket of an ssh-agent, which are not for whoever brings messages.
const PASSED_ON: [&str; 6] = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ"];

fn passed_on(all: impl Iterator<Item = (OsString, OsString)>) -> impl Iterator<Item = (OsString, OsString)> {
    all.filter(|(name, _)| {
        name.to_str().is_some_and(|name| PASSED_ON.contains(&name) || name.starts_with("LC_"))
    })
}

/// Keeps the end of what is said, however long it is.
async fn hear(from: Option<ChildStderr>, said: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        said.extend_from_slice(&bytes[..read]);
        if said.len() > SAID_MAX {
            said.drain(..said.len() - SAID_MAX);
        }
    }
}

/// The last line that says something, without what a terminal would obey.
fn last_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_not_passed_on() {
        let has = |name: &&str| passed_on([(name.into(), "1".into())].into_iter()).count() == 1;
        let kept = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_TIME", "TZ"];
        assert_eq!(kept.iter().find(|name| !has(name)), None);
        let hidden = [
            "AWS_SECRET_ACCESS_KEY",
            "SMITH_STORE_PASSPHRASE",
            "SMITH_TOKEN",
            "SSH_AUTH_SOCK",
            "LD_PRELOAD",
            "XLC_ALL",
            "path",
        ];
        assert_eq!(hidden.iter().find(|name| has(name)), None);
    }
}
