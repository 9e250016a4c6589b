//! Tokens: made, shown, revoked, and believed.

use sha2::{Digest as _, Sha256};
use smith_api::{NewToken, Role, Token, TokenMade};
use smith_domain::access::{self, AccessCommand, Digest, TokenState};
use smith_domain::actor::Actor;
use smith_domain::decide::Command;
use smith_domain::id::TokenId;
use smith_domain::time::Span;

use super::caller::{Caller, Environments};
use super::denied::{Denied, Kind};
use super::site::Site;
pub(super) use crate::driver::wall as now;

/// What a token of ours begins with, so that one in a log or a repository is recognised.
const PREFIX: &str = "smith_";

/// Bytes of a secret: nobody guesses 256 bits.
const SECRET_BYTES: usize = 32;

/// Days that a token lasts at most, and unless said.
const DAYS_MAX: u32 = 3_650;
const DAYS: u32 = 90;

impl Site {
    pub fn tokens(&self, caller: &Caller) -> Result<Vec<Token>, Denied> {
        caller.must(Role::Admin, "see tokens")?;
        Ok(self.core.read(|state| state.access.tokens().map(token).collect()))
    }

    /// Makes a token and shows its secret for the only time.
    pub async fn issue_token(&self, caller: &Caller, request: &NewToken) -> Result<TokenMade, Denied> {
        let what = format!("issue a token for {}", request.name);
        self.noted_result(caller, &what, caller.must(Role::Admin, &what)).await?;
        let covered = match request.environments.as_slice() {
            [] => caller.must_everywhere(&what),
            some => caller.must_cover(some.iter().map(String::as_str), &what),
        };
        self.noted_result(caller, &what, covered).await?;
        if self.keeper.knows(&request.name) {
            let text = format!("{} is a person of the settings, expected a name of its own", request.name);
            return Err(Denied::new(Kind::Invalid, "S0417", text)
                .with_hint(format!("such as {}-token, for {}", request.name, request.name)));
        }
        let days = request.days.unwrap_or(DAYS);
        if days == 0 || days > DAYS_MAX {
            let text = format!("expected 1 to {DAYS_MAX} days, found {days}");
            return Err(Denied::new(Kind::Invalid, "S0417", text));
        }
        let secret = secret()?;
        let expires = self.core.read(|state| self.calendar(state)) + Span::hours(u64::from(days) * 24);
        let command = AccessCommand::IssueToken {
            name: request.name.clone(),
            roles: request.roles.clone(),
            environments: request.environments.clone(),
            expires: Some(expires),
            digest: digest(secret.as_bytes()),
            owner: request.owner.clone(),
        };
        // A key would promise the same answer again, and the secret is shown once.
        let caller = Caller { key: None, ..caller.clone() };
        let made = self.submit(&caller, &what, Command::Access(command)).await?;
        let broken = || Denied::new(Kind::Broken, "S0418", "the request was accepted and made no token");
        Ok(TokenMade { token: made.token.ok_or_else(broken)?.0, secret })
    }

    pub async fn revoke_token(&self, caller: &Caller, id: u32, reason: &str) -> Result<(), Denied> {
        let what = format!("revoke token {id}");
        let revoked = self.once(caller, &what, async {
            self.noted_result(caller, &what, caller.must(Role::Admin, &what)).await?;
            self.noted_result(caller, &what, caller.must_everywhere(&what)).await?;
            let command = AccessCommand::RevokeToken { token: TokenId(id), reason: reason.to_owned() };
            self.submit(caller, &what, Command::Access(command)).await
        });
        revoked.await.map(drop)
    }

    /// Who knows this secret, as long as its token holds.
    pub fn bearer(&self, secret: &str) -> Result<Caller, Denied> {
        let unknown = |text: &str| {
            Denied::new(Kind::Unknown, "S0412", text).with_hint("`smith token new` on the server makes one")
        };
        self.core.read(|state| {
            let known = state.access.find(&digest(secret.as_bytes()));
            let known =
                known.ok_or_else(|| unknown("expected a token that was issued here, found another"))?;
            if !known.is_valid(self.calendar(state)) {
                return Err(unknown(
                    "expected a token that holds, found one that has expired or was revoked",
                ));
            }
            let mut actor = Actor::person(known.name.clone());
            actor.roles.clone_from(&known.roles);
            let environments = match known.environments.as_slice() {
                [] => Environments::All,
                some => Environments::These(some.to_vec()),
            };
            Ok(Caller { actor, environments, key: None })
        })
    }
}

impl Site {
    /// Whether the token whose secret has this digest still lets its holder in.
    pub(crate) fn holds(&self, digest: &Digest) -> bool {
        self.core.read(|state| {
            let known = state.access.find(digest);
            known.is_some_and(|token| token.is_valid(self.calendar(state)))
        })
    }
}

/// The digest of a secret or of a request.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    let text: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    // A SHA-256 in lower-case hexadecimal digits is one.
    Digest::new(text).unwrap_or_else(|error| unreachable!("{error}"))
}

fn secret() -> Result<String, Denied> {
    use std::io::Read as _;
    let failed =
        |error: std::io::Error| Denied::new(Kind::Broken, "S0418", format!("no random numbers: {error}"));
    let mut bytes = [0_u8; SECRET_BYTES];
    std::fs::File::open("/dev/urandom").map_err(failed)?.read_exact(&mut bytes).map_err(failed)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{PREFIX}{text}"))
}

fn token(one: &access::Token) -> Token {
    Token {
        token: one.id.0,
        name: one.name.clone(),
        roles: one.roles.clone(),
        environments: one.environments.clone(),
        expires: one.expires.map(|at| at.to_string()),
        owner: one.owner.clone(),
        revoked: match &one.state {
            TokenState::Issued => None,
            TokenState::Revoked { reason, at } => Some(format!("{at}: {reason}")),
        },
    }
}
