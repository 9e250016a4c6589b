//! One operation on one machine, from the asking to its end, however often the connection breaks on the way.

use std::time::{Duration, Instant};

use russh::ChannelMsg;
use smith_agent::protocol::{Action, Attach, Body, Follow, Hello, Job, Outcome, Refusal, Reply};
use tokio::time::timeout;

use super::address::Address;
use super::backoff::Backoff;
use super::hearing::Hearing;
use super::link::{Link, Links, NoLink};
use super::text::one_line;
use super::verdict::words_of;

/// How long is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// To reach the machine for the first time. Nothing has begun, so there is nothing to lose by giving up.
    pub reach: Duration,
    /// For the whole, once the machine may have begun.
    pub whole: Duration,
    /// An agent says something every ten seconds; one that says nothing for so long is lost.
    pub silence: Duration,
}

/// How it ended, as far as the controller knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Ended(Outcome),
    Refused(Refusal),
    /// The operation goes on; the answer to a question that does not follow.
    Running,
    /// Never reached: nothing was begun.
    Unreachable {
        why: String,
    },
    /// The machine's key or ours was refused: nothing was begun.
    KeyRefused {
        why: String,
    },
    /// What answers is not an agent of this protocol.
    NotAnAgent {
        why: String,
    },
    /// The machine may have begun, and no end was heard in time.
    Lost {
        why: String,
    },
}

/// What one connection brought.
enum Talked {
    Last(Reply),
    /// It broke. The agent may have heard the job.
    Broke {
        why: String,
    },
    /// What answered is no agent; it will be none the next time.
    Foreign {
        why: String,
    },
}

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Answers that are no agent's are believed after so many: one may be a shell's greeting to a machine that is starting.
const FOREIGN_MAX: u32 = 3;

/// Sees an operation through. `tell` hears each reply once, in order; of what begins nothing, and is asked anew after a break, it
/// hears the story from its `Began` again.
pub async fn perform(
    links: &Links,
    address: &Address,
    job: &Job,
    patience: Patience,
    mut tell: impl FnMut(&Reply) + Send,
) -> Ending {
    let begun = Instant::now();
    let mut heard = Memory { may_look_again: true, ..Memory::default() };
    let mut wait = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        heard.broke = false;
        let absent = heard.absent.take();
        let link = match links.open(address).await {
            Ok(link) => Some(link),
            Err(NoLink::Unreachable { why, .. }) => {
                heard.why = why;
                None
            }
            Err(refused) if heard.maybe_begun => {
                // A machine that comes back with another key after a reboot is not believed, but it may be another's answer.
                heard.why = refused.to_string();
                None
            }
            Err(refused) => return Ending::KeyRefused { why: refused.to_string() },
        };
        if let Some(link) = link {
            let left = || patience.whole.saturating_sub(begun.elapsed());
            let talked = once(&link, job, patience, left(), &mut heard, &mut tell).await;
            if let Some(ending) = heard.weigh(job, talked) {
                return ending;
            }
            let is_absent = heard.absent.is_some() && is_absent(&link, job, patience, left()).await;
            if !is_absent {
                // A talk that we cut because the time is over takes nothing back of what was said a moment ago.
                heard.absent = absent.filter(|_| left().is_zero());
            }
            links.forget(address);
        }
        let limit = if heard.maybe_begun { patience.whole } else { patience.reach };
        let pause = wait.wait();
        // That nothing was heard is not why: whether the machine can be reached at all is seen once more.
        if begun.elapsed() + pause >= limit && !(heard.broke && std::mem::take(&mut heard.may_look_again)) {
            return heard.given_up();
        }
        tokio::time::sleep(pause).await;
    }
}

/// What is known from the connections so far.
#[derive(Debug, Default)]
struct Memory {
    /// The number of the last reply.
    last: u64,
    /// The agent said that it has taken the operation on.
    taken: bool,
    maybe_begun: bool,
    /// The machine was asked about an operation a moment ago, does not have it, and said why it cannot keep anything.
    absent: Option<String>,
    why: String,
    /// What it said of how far it was, for the one who looks for a lost machine.
    said: String,
    /// The newest talk ended in the middle.
    broke: bool,
    /// How often what answered was no agent.
    foreign: u32,
    may_look_again: bool,
}

/// What is kept of a line that an agent wrote.
const SAID_CHARS: usize = 300;

impl Memory {
    fn note(&mut self, body: &Body) {
        let said = match body {
            Body::Phase(phase) => format!("{} {}", phase.step, phase.text),
            Body::Log { text } => text.clone(),
            Body::Hello(_)
            | Body::Refused(_)
            | Body::Began { .. }
            | Body::Piece { .. }
            | Body::Alive
            | Body::Ended(_)
            | Body::Running => return,
        };
        self.said = said.trim_end().chars().take(SAID_CHARS).collect();
    }

    /// What a talk came to, or nothing if it is to be asked again.
    fn weigh(&mut self, job: &Job, talked: Talked) -> Option<Ending> {
        let is_question = matches!(job.action, Action::Attach(_));
        match talked {
            Talked::Last(Reply { body: Body::Refused(refusal), .. })
                if self.taken && (is_question || begins(job)) =>
            {
                let why = words_of(&Ending::Refused(refusal.clone()));
                match refusal {
                    // Its story cannot be read now; perhaps it can be read later.
                    Refusal::CannotKeep { .. } => self.why = why,
                    // It was taken on, and now the agent says something else. Nothing is known, least of all that nothing was done.
                    Refusal::Malformed { .. }
                    | Refusal::OldAgent { .. }
                    | Refusal::OldTenure { .. }
                    | Refusal::Busy { .. }
                    | Refusal::OtherJob { .. }
                    | Refusal::Unknown { .. } => return Some(Ending::Lost { why }),
                }
            }
            // A full disk did not let the name be closed, and may do so in a while; or the operation cannot be read.
            Talked::Last(Reply { body: Body::Refused(Refusal::CannotKeep { message }), .. })
                if is_question =>
            {
                self.why.clone_from(&message);
                self.absent = Some(message);
            }
            Talked::Last(reply) => return Some(ending_of(reply)),
            Talked::Broke { why } => {
                self.why = why;
                self.broke = true;
            }
            Talked::Foreign { why } => {
                self.foreign += 1;
                if self.foreign >= FOREIGN_MAX && !self.taken {
                    return Some(Ending::NotAnAgent { why });
                }
                self.why = why;
            }
        }
        None
    }

    fn given_up(self) -> Ending {
        let why = self.lost();
        match self.absent {
            Some(message) => Ending::Refused(Refusal::CannotKeep { message }),
            None if self.maybe_begun => Ending::Lost { why },
            None => Ending::Unreachable { why },
        }
    }

    /// Why it is lost, and how far it was.
    fn lost(&self) -> String {
        if self.said.is_empty() {
            self.why.clone()
        } else {
            format!("{}; the last it said: {}", self.why, self.said)
        }
    }

    /// The job itself is asked until it is known to be taken: under one name it is done once. After that only the rest of
    /// the story is asked for.
    fn question(&self, job: &Job) -> Job {
        if !self.taken || !begins(job) {
            return job.clone();
        }
        let attach = Attach { to: job.id.clone(), from: self.last, follow: Follow::ToEnd };
        Job { action: Action::Attach(attach), ..job.clone() }
    }
}

/// One talk. A machine that answers keep-alives and nothing else, or says for ever that it is there, has its time as others.
async fn once(
    link: &Link,
    job: &Job,
    patience: Patience,
    left: Duration,
    heard: &mut Memory,
    tell: &mut (impl FnMut(&Reply) + Send),
) -> Talked {
    let talked = timeout(left, async {
        match link.agent().await {
            Ok(channel) => {
                heard.maybe_begun |= begins(job);
                talk(channel, &heard.question(job), patience, heard, tell).await
            }
            Err(error) => Talked::Broke { why: error.to_string() },
        }
    });
    let talked = talked.await;
    talked.unwrap_or_else(|_| {
        let passed = if heard.why.is_empty() { "its time passed" } else { &heard.why };
        Talked::Broke { why: passed.to_owned() }
    })
}

/// Whether the machine has nothing under the name that is asked about. Without a fence a question closes no name and so is answered
/// on a full disk, too.
async fn is_absent(link: &Link, job: &Job, patience: Patience, left: Duration) -> bool {
    let Action::Attach(attach) = &job.action else { return false };
    let attach = Attach { follow: Follow::Now, ..attach.clone() };
    let job = Job { fence: None, action: Action::Attach(attach), ..job.clone() };
    let talked = once(link, &job, patience, left, &mut Memory::default(), &mut |_| ()).await;
    matches!(talked, Talked::Last(Reply { body: Body::Refused(Refusal::Unknown { .. }), .. }))
}

async fn talk(
    mut channel: russh::Channel<russh::client::Msg>,
    job: &Job,
    patience: Patience,
    heard: &mut Memory,
    tell: &mut (impl FnMut(&Reply) + Send),
) -> Talked {
    let mut line = match serde_json::to_vec(job) {
        Ok(line) => line,
        Err(error) => return Talked::Foreign { why: error.to_string() },
    };
    line.push(b'\n');
    if let Err(error) = channel.data_bytes(line).await {
        return Talked::Broke { why: error.to_string() };
    }
    if matches!(job.action, Action::Facts | Action::Report | Action::Clean(_)) {
        heard.last = 0;
    }
    let mut hearing = Hearing::new(heard.last);
    let mut stderr = Vec::new();
    let mut code = None;
    loop {
        let Ok(message) = timeout(patience.silence, channel.wait()).await else {
            return Talked::Broke { why: format!("nothing was heard for {} s", patience.silence.as_secs()) };
        };
        match message {
            Some(ChannelMsg::Data { data }) => {
                let replies = match hearing.hear(&data) {
                    Ok(replies) => replies,
                    // The error repeats what was heard.
                    Err(error) => return Talked::Foreign { why: one_line(&error.to_string()) },
                };
                heard.last = hearing.last();
                for reply in replies {
                    heard.taken |= reply.seq > 0;
                    heard.note(&reply.body);
                    tell(&reply);
                    if reply.is_last() {
                        let _ = channel.close().await;
                        return Talked::Last(reply);
                    }
                }
            }
            Some(ChannelMsg::ExtendedData { data, .. }) if stderr.len() < 4_096 => {
                stderr.extend_from_slice(&data)
            }
            Some(ChannelMsg::Failure) => {
                return Talked::Foreign { why: "the machine refused to start the agent".to_owned() };
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => code = Some(exit_status),
            Some(_) => {}
            None => return over(&hearing, &stderr, code),
        }
    }
}

/// The channel ended without a last reply.
fn over(hearing: &Hearing, stderr: &[u8], code: Option<u32>) -> Talked {
    let said: String = String::from_utf8_lossy(stderr).trim().chars().take(SAID_CHARS).collect();
    let said = one_line(&said);
    match (hearing.hello(), code) {
        (Some(Hello { version, .. }), _) => Talked::Broke {
            why: format!("agent {version} ended in the middle of its story {said}").trim_end().to_owned(),
        },
        (None, Some(code)) => Talked::Foreign {
            why: format!("expected an agent, found a program that ended with code {code} {said}")
                .trim_end()
                .to_owned(),
        },
        (None, None) => {
            Talked::Broke { why: "the connection ended before the agent said anything".to_owned() }
        }
    }
}

/// Whether asking for it begins something that goes on without us. What does not is not kept by the agent either.
fn begins(job: &Job) -> bool {
    match job.action {
        Action::Check(_)
        | Action::Patch(_)
        | Action::Drain
        | Action::Undrain
        | Action::Reboot(_)
        | Action::Health(_) => true,
        Action::Facts | Action::Report | Action::Attach(_) | Action::Clean(_) => false,
    }
}

fn ending_of(reply: Reply) -> Ending {
    match reply.body {
        Body::Ended(outcome) => Ending::Ended(outcome),
        Body::Refused(refusal) => Ending::Refused(refusal),
        Body::Running => Ending::Running,
        Body::Hello(_)
        | Body::Began { .. }
        | Body::Phase(_)
        | Body::Log { .. }
        | Body::Piece { .. }
        | Body::Alive => Ending::NotAnAgent { why: "its last reply is not one that ends".to_owned() },
    }
}
