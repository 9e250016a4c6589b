//! Examples of what happens to tokens and requests.

use smith_domain::access::{AccessEvent, Digest};
use smith_domain::event::Event;
use smith_domain::id::TokenId;
use smith_domain::time::Timestamp;

pub(super) fn examples() -> Vec<Event> {
    let token = TokenId(3);
    let digest = || Digest::new("0123456789abcdef".repeat(4)).expect("a digest");
    let issued = |roles: &[&str], environments: &[&str], expires| AccessEvent::TokenIssued {
        token,
        name: "ci".to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        environments: environments.iter().map(|one| (*one).to_owned()).collect(),
        expires,
        digest: digest(),
        owner: None,
        issuer: None,
    };
    let kept = |answer: &str| AccessEvent::RequestKept {
        actor: "ann".to_owned(),
        key: "7f3a".to_owned(),
        digest: digest(),
        answer: answer.to_owned(),
    };
    let events = vec![
        issued(&["operator", "sre-lead"], &["dev", "stage"], Some(Timestamp(1_795_158_878_123))),
        issued(&["viewer"], &[], None),
        AccessEvent::TokenIssued {
            token,
            name: "ci".to_owned(),
            roles: vec!["viewer".to_owned()],
            environments: Vec::new(),
            expires: None,
            digest: digest(),
            owner: Some("ann".to_owned()),
            issuer: Some("root".to_owned()),
        },
        AccessEvent::TokenRevoked { token, reason: "left the squad".to_owned() },
        kept("rollout/12 change/3"),
        kept(""),
        AccessEvent::Refused {
            what: "pause project 12".to_owned(),
            why: "a viewer only looks".to_owned(),
            more: 0,
        },
        AccessEvent::Refused {
            what: "pause project 12".to_owned(),
            why: "a viewer only looks".to_owned(),
            more: 41,
        },
    ];
    events.into_iter().map(Event::from).collect()
}
