//! The people of the story: who asks, who approves, and what they say to the server.

use std::future::Future;

use serde::de::DeserializeOwned;
use smith_api::{ApproveCycle, Change, Page, Project, Status};
use smith_api::{Chat, ChatAnswer, Client, ClientError, Cycle, NewToken, Server, StartCycle, TokenMade};
use tokio::runtime::{Builder, Runtime};

use super::place::{Place, read};
use super::stage::Stage;
use crate::failure::{Exit, Failure};
use crate::input::request_key;

/// Whoever starts it.
pub(super) const ASKS: &str = "ben";

/// Whoever says yes: nobody approves what they asked for.
pub(super) const APPROVES: &str = "ana";

/// A token is needed for an hour; a day is the shortest that there is.
const DAYS: u32 = 1;

pub(super) struct People {
    runtime: Runtime,
    root: Client,
    asks: Client,
    approves: Client,
    /// For anybody who wants to look.
    pub(super) viewer: String,
    /// Where the server listens.
    pub(super) address: String,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Asks,
    Approves,
    /// Whoever has the server's computer.
    Root,
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Asks => ASKS,
            Self::Approves => APPROVES,
            Self::Root => "root",
        }
    }
}

/// The address at which the server says that it listens, once it does.
pub(super) fn address(place: &Place) -> Result<Option<String>, Failure> {
    let log = read("what the server says", &place.run("server/log"))?;
    let found = log.lines().find_map(|line| line.split("listening at http://").nth(1));
    Ok(found.map(|rest| format!("http://{}", rest.trim())))
}

impl People {
    /// Gives everybody a token, as root.
    pub(super) fn meet(place: &Place, address: String) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(Exit::Bug, error))?;
        let root = Client::new(Server::Socket(place.socket()), None)?;
        let token = |name: &str, roles: &[&str]| {
            let roles = roles.iter().map(|role| (*role).to_owned()).collect();
            let name = name.to_owned();
            let asked = NewToken { name, roles, environments: Vec::new(), days: Some(DAYS), owner: None };
            let made = runtime.block_on(root.post::<_, TokenMade>("/v1/tokens", &asked, None));
            made.map(|made| made.secret)
        };
        let client = |secret: String| Client::new(Server::Address(address.clone()), Some(secret));
        // May approve as well: just not what they ask for themselves.
        let asks = client(token(ASKS, &["operator", "approver", "sre-lead"])?)?;
        let approves = client(token(APPROVES, &["approver", "sre-lead"])?)?;
        let viewer = token("onlooker", &["viewer"])?;
        Ok(Self { runtime, root, asks, approves, viewer, address })
    }

    /// Somebody who listens only.
    pub(super) fn listener(&self) -> Client {
        self.root.clone()
    }

    fn wait<T>(&self, asked: impl Future<Output = Result<T, ClientError>>) -> Result<T, Failure> {
        Ok(self.runtime.block_on(asked)?)
    }

    fn client(&self, who: Who) -> &Client {
        match who {
            Who::Asks => &self.asks,
            Who::Approves => &self.approves,
            Who::Root => &self.root,
        }
    }

    /// Says a line to the bot, and shows it with the answer.
    pub(super) fn say(&self, stage: &mut Stage, who: Who, line: &str) -> Result<String, Failure> {
        stage.typed(&format!("{}:", who.name()), line)?;
        let said = Chat { line: line.to_owned() };
        let key = request_key();
        let answer = self.client(who).post::<_, ChatAnswer>("/v1/chat", &said, Some(&key));
        let text = self.wait(answer)?.text;
        stage.answered(&text)?;
        Ok(text)
    }

    /// Says a line that must be refused.
    pub(super) fn is_refused(&self, stage: &mut Stage, who: Who, line: &str) -> Result<(), Failure> {
        match self.say(stage, who, line) {
            Ok(_) => {
                let error = format!("expected {:?} of {} to be refused, found it done", line, who.name());
                Err(Failure::new(Exit::Bug, error))
            }
            Err(failure) => stage.answered(&format!("refused: {}", failure.reason())),
        }
    }

    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.wait(self.root.get(path))
    }

    pub(super) fn status(&self) -> Result<Status, Failure> {
        self.get("/v1/status")
    }

    pub(super) fn project(&self, id: u32) -> Result<Project, Failure> {
        self.get(&format!("/v1/projects/{id}"))
    }

    pub(super) fn changes(&self) -> Result<Vec<Change>, Failure> {
        Ok(self.get::<Page<Change>>("/v1/changes")?.items)
    }

    /// Starts the week; the bot has no word for it.
    pub(super) fn start_week(&self, week: &str, reason: &str) -> Result<Cycle, Failure> {
        let (week, reason) = (week.to_owned(), Some(reason.to_owned()));
        let asked = StartCycle { week, build: None, reason };
        self.wait(self.asks.post("/v1/cycles", &asked, Some(&request_key())))
    }

    pub(super) fn cycle(&self, id: u32) -> Result<Cycle, Failure> {
        self.get(&format!("/v1/cycles/{id}"))
    }

    pub(super) fn approve_week(&self, id: u32, reason: &str) -> Result<Cycle, Failure> {
        let asked = ApproveCycle { gate: None, reason: Some(reason.to_owned()) };
        self.wait(self.approves.post(&format!("/v1/cycles/{id}/approve"), &asked, Some(&request_key())))
    }
}
