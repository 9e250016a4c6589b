//! Tokens by number and by digest, and the requests of the last days.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::access::digest::Digest;
use crate::access::event::AccessEvent;
use crate::id::TokenId;
use crate::time::{Span, Timestamp};

/// The role that may do everything.
pub const ADMIN: &str = "admin";

/// The role of whoever rules the computer itself, and says whom a token is for. No token has it.
pub const MASTER: &str = "master";

/// How long the answer to a request is known. A client that has not repeated itself within a week has been told or has
/// given up.
pub const REQUEST_KEPT: Span = Span::hours(7 * 24);

/// Requests that are known at one time. A busy site makes some hundreds in a week, and ten thousand are two megabytes; the
/// oldest leave first.
pub const REQUESTS_MAX: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub id: TokenId,
    /// The name under which its holder acts.
    pub name: String,
    pub roles: Vec<String>,
    /// None named: all of them.
    pub environments: Vec<String>,
    pub expires: Option<Timestamp>,
    /// Who answers for what is done with it.
    pub owner: String,
    /// Who had the secret in their hands first, where that is known.
    pub issuer: Option<String>,
    pub state: TokenState,
    pub issued_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenState {
    Issued,
    Revoked { reason: String, at: Timestamp },
}

/// A request that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub digest: Digest,
    pub answer: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Access {
    tokens: Vec<Token>,
    by_digest: BTreeMap<Digest, TokenId>,
    /// By actor and key.
    kept: BTreeMap<(String, String), Kept>,
    /// The same, the oldest first.
    order: VecDeque<(String, String)>,
}

impl Token {
    /// Whether its holder is let in when the clock says this.
    pub fn is_valid(&self, at: Timestamp) -> bool {
        self.state == TokenState::Issued && self.expires.is_none_or(|expires| at < expires)
    }

    /// Whether it is for this environment.
    pub fn covers(&self, environment: &str) -> bool {
        self.environments.is_empty() || self.environments.iter().any(|one| one == environment)
    }
}

impl Access {
    pub fn token(&self, id: TokenId) -> Option<&Token> {
        self.tokens.get(id.index())
    }

    pub fn tokens(&self) -> impl DoubleEndedIterator<Item = &Token> + '_ {
        self.tokens.iter()
    }

    /// The person behind a name: who answers for the tokens of that name, or the name itself. A name never changes hands.
    pub fn person<'a>(&'a self, name: &'a str) -> &'a str {
        self.named(name).next().map_or(name, |token| token.owner.as_str())
    }

    pub(super) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Token> + 'a {
        self.tokens.iter().filter(move |token| token.name == name)
    }

    /// The token whose secret has this digest, valid or not.
    pub fn find(&self, digest: &Digest) -> Option<&Token> {
        self.token(*self.by_digest.get(digest)?)
    }

    pub fn next_token(&self) -> TokenId {
        TokenId(u32::try_from(self.tokens.len()).unwrap_or(u32::MAX))
    }

    /// What is known of a request that somebody made before.
    pub fn request(&self, actor: &str, key: &str, now: Timestamp) -> Option<&Kept> {
        let kept = self.kept.get(&(actor.to_owned(), key.to_owned()))?;
        (now < kept.at + REQUEST_KEPT).then_some(kept)
    }

    pub(crate) fn evolve(&mut self, event: &AccessEvent, at: Timestamp) {
        match event {
            AccessEvent::TokenIssued { token, name, roles, environments, expires, digest, owner, issuer } => {
                self.by_digest.insert(digest.clone(), *token);
                self.tokens.push(Token {
                    id: *token,
                    name: name.clone(),
                    roles: roles.clone(),
                    environments: environments.clone(),
                    expires: *expires,
                    owner: owner.as_ref().unwrap_or(name).clone(),
                    issuer: issuer.clone(),
                    state: TokenState::Issued,
                    issued_at: at,
                });
            }
            AccessEvent::TokenRevoked { token, reason } => {
                if let Some(token) = self.tokens.get_mut(token.index()) {
                    token.state = TokenState::Revoked { reason: reason.clone(), at };
                }
            }
            AccessEvent::RequestKept { actor, key, digest, answer } => {
                self.forget(at);
                let known = (actor.clone(), key.clone());
                let kept = Kept { digest: digest.clone(), answer: answer.clone(), at };
                if self.kept.insert(known.clone(), kept).is_none() {
                    self.order.push_back(known);
                }
            }
            AccessEvent::Refused { .. } => {}
        }
    }

    /// Makes room for one request: what is too old leaves, and the oldest where there are too many.
    fn forget(&mut self, now: Timestamp) {
        while let Some(oldest) = self.order.front() {
            let is_old = self.kept.get(oldest).is_none_or(|kept| now >= kept.at + REQUEST_KEPT);
            if !is_old && self.order.len() < REQUESTS_MAX {
                return;
            }
            self.kept.remove(oldest);
            self.order.pop_front();
        }
    }
}
