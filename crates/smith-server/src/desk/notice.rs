//! Messages to people and other programs: by a program, an address, or mail.

use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use smith_domain::errand::{ErrandId, ErrandKind};
use smith_domain::state::State;
use smith_domain::why;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

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

/// The end of what a program that failed has said.
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

/// Brings messages to those who want them.
#[derive(Debug)]
pub struct Notifier {
    rules: Vec<NoticeRule>,
    client: reqwest::Client,
}

impl Notifier {
    pub fn new(rules: Vec<NoticeRule>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { rules, client })
    }

    /// Brings a message to all who want it; all are tried, and what failed first is told.
    pub async fn tell(&self, message: &Message) -> Result<(), String> {
        let mut failed = None;
        for rule in self.rules.iter().filter(|rule| is_wanted(&rule.about, &message.about)) {
            let brought = match &rule.to {
                Target::Command(words) => run(words, &json(message)).await,
                Target::Webhook(address) => self.post(address, message).await,
                Target::Mail(to) => {
                    run(&["/usr/sbin/sendmail".to_owned(), "-t".to_owned()], &mail(to, message)).await
                }
            };
            if let Err(why) = brought {
                failed.get_or_insert(why);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn post(&self, address: &str, message: &Message) -> Result<(), String> {
        let request = self.client.post(address).header("content-type", "application/json");
        let request = request.header("idempotency-key", &message.id).body(json(message));
        let answer = request.send().await.map_err(|error| format!("webhook: {}", error.without_url()))?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("webhook: expected success, found {status}")) }
    }
}

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

/// Runs a program with this on its standard input; it must end well and in time.
async fn run(words: &[String], input: &[u8]) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("no program is named".to_owned());
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let spoken = async {
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read what it is told may still do what it is for.
            let _ = stdin.write_all(input).await;
        }
        child.wait_with_output().await
    };
    let output =
        timeout(PATIENCE, spoken).await.map_err(|_| format!("{program}: expected an end within 60 s"))?;
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: String =
        said.trim().chars().rev().take(SAID_MAX).collect::<Vec<_>>().into_iter().rev().collect();
    Err(format!("{program}: {}: {said}", output.status))
}
