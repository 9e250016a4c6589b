//! What may be done with tokens, and what becomes of a request that is sent twice.

use crate::access::digest::Digest;
use crate::access::event::AccessEvent;
use crate::access::state::{Access, MASTER, TokenState};
use crate::actor::Actor;
use crate::change::ChangeEvent;
use crate::cycle::CycleEvent;
use crate::event::Event;
use crate::fleet::FleetEvent;
use crate::id::TokenId;
use crate::plain;
use crate::reason::{self, BadReason};
use crate::rollout::RolloutEvent;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessCommand {
    IssueToken {
        name: String,
        roles: Vec<String>,
        /// None named: all of them.
        environments: Vec<String>,
        expires: Option<Timestamp>,
        digest: Digest,
        /// Whom it is for. Only whoever rules the computer says so; the tokens of others are their own.
        owner: Option<String>,
    },
    RevokeToken {
        token: TokenId,
        reason: String,
    },
    /// A face refused something; whom, says the actor.
    NoteRefusal {
        what: String,
        why: String,
        /// How many came since the last one that was noted, this among them; none where it is the first.
        more: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessRejection {
    #[error("expected {what}, found nothing")]
    Missing { what: &'static str },
    #[error("expected {what} of at most {max} bytes, found {found}")]
    TooLong { what: &'static str, max: usize, found: usize },
    #[error("expected {what} of letters, digits and -_.:@/, found {found:?} in {text:?}")]
    Character { what: &'static str, text: String, found: char },
    #[error("expected at most {max} {what}, found {found}")]
    TooMany { what: &'static str, max: usize, found: usize },
    #[error("expected an end in the future, found {expires}, and it is {now}")]
    EndsInThePast { expires: Timestamp, now: Timestamp },
    #[error("expected a name that is nobody else's and no word of smith's, found {name}")]
    Reserved { name: String },
    #[error("{name} is the name of what {owner} answers for, expected a name that is nobody else's")]
    NameTaken { name: String, owner: String },
    #[error(
        "{by} may not say that a token is for {owner}, expected root at the server's socket; a token of theirs is their own"
    )]
    OwnerChosen { by: String, owner: String },
    #[error("expected a new secret, found the one of {token}")]
    KnownSecret { token: TokenId },
    #[error("expected a token that was issued, found {token}, which was not")]
    UnknownToken { token: TokenId },
    #[error("expected a token that holds, found {token}, which was revoked: {reason}")]
    Revoked { token: TokenId, reason: String },
    #[error(transparent)]
    Reason(#[from] BadReason),
}

/// A token is named like its holder, roles and environments like those of pipelines and machines.
const NAME_MAX: usize = 100;
/// A site has a handful of roles and environments; a token for dozens is one for all.
const NAMES_MAX: usize = 32;
/// Tokens that hold at one time: some for each person and each service of a large site.
const TOKENS_MAX: usize = 1_000;
/// A request is named by a random number or a line of its sender's.
const KEY_MAX: usize = 200;
/// What was refused is told in a line or two; whoever is refused chooses the words, so they are cut and not believed.
const REFUSED_MAX: usize = 512;

/// Names and roles that a token would only have to be taken for something else.
const RESERVED: [&str; 10] =
    ["smith", "root", "admin", "master", "operator", "approver", "viewer", "nobody", "anybody", "everybody"];

pub(crate) fn decide(
    access: &Access,
    actor: &Actor,
    command: AccessCommand,
    now: Timestamp,
) -> Result<AccessEvent, AccessRejection> {
    match command {
        AccessCommand::IssueToken { name, roles, environments, expires, digest, owner } => {
            let owner = owner_of(access, actor, &name, owner)?;
            check_names("a role", "roles", &roles)?;
            check_names("an environment", "environments", &environments)?;
            if roles.is_empty() {
                return Err(AccessRejection::Missing { what: "at least one role" });
            }
            if let Some(role) = roles.iter().find(|role| *role == MASTER) {
                return Err(AccessRejection::Reserved { name: role.clone() });
            }
            if let Some(expires) = expires.filter(|expires| *expires <= now) {
                return Err(AccessRejection::EndsInThePast { expires, now });
            }
            if let Some(known) = access.find(&digest) {
                return Err(AccessRejection::KnownSecret { token: known.id });
            }
            let found = access.tokens().filter(|token| token.is_valid(now)).count() + 1;
            if found > TOKENS_MAX {
                return Err(AccessRejection::TooMany { what: "tokens that hold", max: TOKENS_MAX, found });
            }
            let (token, issuer) = (access.next_token(), Some(actor.name.clone()));
            let owner = Some(owner);
            Ok(AccessEvent::TokenIssued { token, name, roles, environments, expires, digest, owner, issuer })
        }
        AccessCommand::RevokeToken { token, reason } => revoke(access, token, reason),
        AccessCommand::NoteRefusal { what, why, more } => {
            Ok(AccessEvent::Refused { what: shortened(&what), why: shortened(&why), more })
        }
    }
}

/// Who answers for a new token. Whoever issues it cannot choose to be somebody else by it: it is theirs, unless they rule the
/// computer and could write into the journal what they like. A name that was used stays with whoever it was used for.
fn owner_of(
    access: &Access,
    actor: &Actor,
    name: &str,
    given: Option<String>,
) -> Result<String, AccessRejection> {
    check_name("a name", name)?;
    let issuer = access.person(&actor.name);
    let owner = if actor.roles.iter().any(|role| role == MASTER) {
        given.unwrap_or_else(|| name.to_owned())
    } else {
        match given {
            Some(owner) if owner != issuer => {
                return Err(AccessRejection::OwnerChosen { by: actor.name.clone(), owner });
            }
            Some(_) | None => issuer.to_owned(),
        }
    };
    check_name("an owner", &owner)?;
    // One's own name would be another's to whoever reads the journal.
    let is_reserved = |name: &str| {
        name == actor.name
            || name.starts_with("role:")
            || RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name))
    };
    if is_reserved(name) {
        return Err(AccessRejection::Reserved { name: name.to_owned() });
    }
    let known = access.tokens().find(|token| token.name == name);
    match known.filter(|token| token.owner != owner) {
        Some(token) => Err(AccessRejection::NameTaken { name: name.to_owned(), owner: token.owner.clone() }),
        None => Ok(owner),
    }
}

fn revoke(access: &Access, token: TokenId, reason: String) -> Result<AccessEvent, AccessRejection> {
    let known = access.token(token).ok_or(AccessRejection::UnknownToken { token })?;
    reason::check(&reason)?;
    match &known.state {
        TokenState::Issued => Ok(AccessEvent::TokenRevoked { token, reason }),
        TokenState::Revoked { reason, .. } => Err(AccessRejection::Revoked { token, reason: reason.clone() }),
    }
}

fn check_names(what: &'static str, all: &'static str, names: &[String]) -> Result<(), AccessRejection> {
    if names.len() > NAMES_MAX {
        return Err(AccessRejection::TooMany { what: all, max: NAMES_MAX, found: names.len() });
    }
    names.iter().try_for_each(|name| check_name(what, name))
}

fn check_name(what: &'static str, text: &str) -> Result<(), AccessRejection> {
    check_length(what, text, NAME_MAX)?;
    let allowed = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '@' | '/');
    match text.chars().find(|c| !allowed(c)) {
        Some(found) => Err(AccessRejection::Character { what, text: text.to_owned(), found }),
        None => Ok(()),
    }
}

fn check_length(what: &'static str, text: &str, max: usize) -> Result<(), AccessRejection> {
    match text.len() {
        0 => Err(AccessRejection::Missing { what }),
        found if found > max => Err(AccessRejection::TooLong { what, max, found }),
        _ => Ok(()),
    }
}

/// One line, as far as a person would read it.
fn shortened(text: &str) -> String {
    plain::one_line(text).chars().take(REFUSED_MAX).collect()
}

/// The record of a request that led to these events.
pub(crate) fn keyed(
    actor: &Actor,
    key: String,
    digest: Digest,
    events: &[Event],
) -> Result<AccessEvent, AccessRejection> {
    check_length("a key", &key, KEY_MAX)?;
    let made: Vec<String> = events.iter().filter_map(made).collect();
    Ok(AccessEvent::RequestKept { actor: actor.name.clone(), key, digest, answer: made.join(" ") })
}

/// What an event made, as an answer names it.
fn made(event: &Event) -> Option<String> {
    match event {
        Event::Rollout(RolloutEvent::Started { rollout, .. }) => Some(format!("rollout/{}", rollout.0)),
        Event::Change(ChangeEvent::Drafted { change, .. }) => Some(format!("change/{}", change.0)),
        Event::Change(ChangeEvent::TrainRaised { train, .. }) => Some(format!("train/{}", train.0)),
        Event::Fleet(FleetEvent::ExemptionGranted { exemption, .. }) => {
            Some(format!("exemption/{}", exemption.0))
        }
        Event::Cycle(CycleEvent::Started { cycle, .. }) => Some(format!("cycle/{}", cycle.0)),
        Event::Access(AccessEvent::TokenIssued { token, .. }) => Some(format!("token/{}", token.0)),
        Event::Rollout(_)
        | Event::Change(_)
        | Event::Fleet(_)
        | Event::Access(_)
        | Event::Build(_)
        | Event::Ticket(_)
        | Event::Errand(_)
        | Event::Notice(_)
        | Event::Cycle(_)
        | Event::Driver(_) => None,
    }
}
