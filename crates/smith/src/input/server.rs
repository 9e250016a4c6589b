//! Which server a command speaks to, and how what it says becomes an answer or an error.

use std::future::Future;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use smith_api::{Client, ClientError, Reasoned, Server};
use tokio::runtime::Builder;

use crate::failure::{Exit, Failure};

/// Where a server listens unless its settings say otherwise.
pub(crate) const SOCKET: &str = "/run/smith/smith.sock";

/// The server to speak to.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArgs {
    /// The server: its socket, or its address [default: /run/smith/smith.sock]
    #[arg(long, value_name = "SOCKET|URL", env = "SMITH_SERVER", global = true, help_heading = "Server")]
    server: Option<String>,
    /// A file with a token, for a server at an address; SMITH_TOKEN may hold the token itself
    #[arg(long, value_name = "FILE", global = true, help_heading = "Server")]
    token_file: Option<PathBuf>,
}

impl ServerArgs {
    /// Whether somebody named a server.
    pub(crate) fn is_named(&self) -> bool {
        self.server.is_some()
    }

    fn client(&self) -> Result<Client, Failure> {
        let server = Server::named(self.server.as_deref().unwrap_or(SOCKET));
        let token = match &self.token_file {
            Some(path) => Some(secret(path)?),
            None => std::env::var("SMITH_TOKEN").ok().filter(|token| !token.is_empty()),
        };
        Client::new(server, token).map_err(Failure::from)
    }

    /// Speaks to the server.
    pub(crate) fn ask<T, F>(&self, conversation: impl FnOnce(Client) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let client = self.client()?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(Exit::Bug, error))?;
        Ok(runtime.block_on(conversation(client))?)
    }
}

impl ServerArgs {
    /// Has something done, once however often the connection breaks.
    pub(crate) fn post<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, Failure> {
        let key = request_key();
        self.ask(async |client| client.post(path, body, Some(&key)).await)
    }

    /// Has something done for a reason. Nothing is answered but that it was.
    pub(crate) fn done(&self, path: &str, reason: &str) -> Result<(), Failure> {
        let body = Reasoned { reason: Some(reason.to_owned()) };
        self.post::<_, IgnoredAny>(path, &body).map(drop)
    }
}

fn secret(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| super::unreadable("a token", path, error))?;
    Ok(text.trim().to_owned())
}

/// A text as a part of an address: whatever could mean something there is escaped.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A key that makes one request of one command, however often its connection breaks.
pub(crate) fn request_key() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("cli-{}-{}", std::process::id(), now.as_nanos())
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Denied(problem) => {
                let hint = problem.hint.clone();
                let exit = match problem.status {
                    400 | 422 => Exit::Usage,
                    503 => Exit::Output,
                    500.. => Exit::Bug,
                    _ => Exit::NotThere,
                };
                let text = format!("{} [{}]", problem.detail, problem.code);
                Self::new(exit, text).maybe_hint(hint)
            }
            ClientError::Unreachable { .. } => Self::new(Exit::NotThere, error).with_hint(
                "`smith serve` starts one; `--server` or SMITH_SERVER names another; `--journal FILE`, or `--inventory FILE` of machines, is read without one",
            ),
            ClientError::Strange { .. } => Self::new(Exit::BadInput, error),
        }
    }
}
