//! What happens to tokens and requests, in words.

use smith_domain::access::AccessEvent;
use smith_domain::id::TokenId;
use smith_domain::state::State;

pub(super) fn words(state: &State, event: &AccessEvent) -> String {
    let holder = |token: TokenId| {
        state.access.token(token).map_or_else(|| token.to_string(), |one| format!("{token} of {}", one.name))
    };
    match event {
        AccessEvent::TokenIssued { token, name, roles, environments, expires, owner, .. } => {
            let of = if environments.is_empty() {
                "every environment".to_owned()
            } else {
                environments.join(", ")
            };
            let end = expires.map(|at| format!(", until {at}")).unwrap_or_default();
            let theirs = owner.as_ref().filter(|owner| *owner != name);
            let theirs = theirs.map(|owner| format!(", for {owner}")).unwrap_or_default();
            format!("{} is issued{theirs}: {} in {of}{end}", holder(*token), roles.join(", "))
        }
        AccessEvent::TokenRevoked { token, reason } => format!("{} is revoked: {reason}", holder(*token)),
        AccessEvent::RequestKept { actor, key, answer, .. } if answer.is_empty() => {
            format!("request {key} of {actor} is carried out")
        }
        AccessEvent::RequestKept { actor, key, answer, .. } => {
            format!("request {key} of {actor} is carried out: {answer}")
        }
        AccessEvent::Refused { what, why, more: 0 } => format!("refused: {what}: {why}"),
        AccessEvent::Refused { what, why, more } => {
            format!("refused {more} more times within a minute, at last: {what}: {why}")
        }
    }
}
