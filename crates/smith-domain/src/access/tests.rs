//! Tokens hold until they end, requests are done once, and everything that people say has a bound.

use crate::access::{
    Access, AccessCommand, AccessEvent, AccessRejection, Digest, MASTER, REQUEST_KEPT, REQUESTS_MAX,
};
use crate::actor::Actor;
use crate::decide::{BuildCommand, Command, Rejection, decide};
use crate::event::Event;
use crate::fleet::{Exemption, FleetCommand};
use crate::id::{BuildNumber, TokenId};
use crate::reason::BadReason;
use crate::state::State;
use crate::time::{Now, Span, Timestamp};

fn digest(fill: char) -> Digest {
    Digest::new(fill.to_string().repeat(64)).expect("a digest")
}

fn at(seconds: u64) -> Now {
    Now::same(Timestamp(0) + Span::secs(seconds))
}

fn ann() -> Actor {
    Actor::person("ann")
}

fn issue(name: &str, expires: Option<u64>, fill: char) -> Command {
    Command::Access(AccessCommand::IssueToken {
        name: name.to_owned(),
        roles: vec!["operator".to_owned()],
        environments: vec!["dev".to_owned()],
        expires: expires.map(|seconds| Timestamp(0) + Span::secs(seconds)),
        digest: digest(fill),
        owner: None,
    })
}

/// Decides and folds; the events are the answer.
fn tell(state: &mut State, command: Command, now: Now) -> Result<Vec<Event>, Rejection> {
    let events = decide(state, &ann(), command, now)?;
    for event in &events {
        state.evolve(event, now.steady);
    }
    Ok(events)
}

#[test]
fn a_digest_is_64_small_hexadecimal_digits() {
    assert!(Digest::new("a".repeat(64)).is_ok());
    for bad in ["".to_owned(), "a".repeat(63), "a".repeat(65), "A".repeat(64), "g".repeat(64)] {
        assert!(Digest::new(bad.clone()).is_err(), "{bad}");
    }
    assert!(serde_json::from_str::<Digest>("\"../x\"").is_err());
}

#[test]
fn a_token_holds_until_one_of_the_clocks_says_that_it_has_ended() {
    let mut state = State::default();
    tell(&mut state, issue("ci", Some(100), 'a'), at(1)).expect("issued");
    let holds = |state: &State, steady, wall| {
        state.token(&digest('a'), Now { steady: at(steady).steady, wall: at(wall).wall }).is_some()
    };
    assert!(holds(&state, 99, 99));
    assert!(!holds(&state, 100, 50), "a wall clock that was set back revives nothing");
    assert!(!holds(&state, 50, 100));
    assert!(state.token(&digest('b'), at(2)).is_none());
    let token = state.access.token(TokenId(0)).expect("known");
    assert!(token.covers("dev") && !token.covers("prod"));
}

#[test]
fn a_revoked_token_is_revoked_for_good_and_its_secret_is_not_used_again() {
    let mut state = State::default();
    tell(&mut state, issue("ci", None, 'a'), at(1)).expect("issued");
    let revoke = |reason: &str| {
        Command::Access(AccessCommand::RevokeToken { token: TokenId(0), reason: reason.to_owned() })
    };
    let missing = tell(&mut state, revoke(" "), at(2)).expect_err("a reason is missing");
    assert_eq!(missing, Rejection::Access(AccessRejection::Reason(BadReason::Missing)));
    tell(&mut state, revoke("left"), at(2)).expect("revoked");
    assert!(state.token(&digest('a'), at(3)).is_none());
    let again = tell(&mut state, revoke("left"), at(3)).expect_err("revoked before");
    assert_eq!(again.to_string(), "expected a token that holds, found token-0, which was revoked: left");
    let known = tell(&mut state, issue("new", None, 'a'), at(3)).expect_err("a known secret");
    assert_eq!(known, Rejection::Access(AccessRejection::KnownSecret { token: TokenId(0) }));
    let unknown = AccessCommand::RevokeToken { token: TokenId(1), reason: "left".to_owned() };
    let unknown = tell(&mut state, Command::Access(unknown), at(3)).expect_err("no such token");
    assert_eq!(unknown.to_string(), "expected a token that was issued, found token-1, which was not");
}

#[test]
fn a_token_is_issued_with_sensible_words_only() {
    let state = State::default();
    let refused = |name: &str, roles: &[String], environments: &[String], expires| {
        let command = AccessCommand::IssueToken {
            name: name.to_owned(),
            roles: roles.to_vec(),
            environments: environments.to_vec(),
            expires,
            digest: digest('a'),
            owner: None,
        };
        decide(&state, &ann(), Command::Access(command), at(10)).expect_err("refused").to_string()
    };
    let role = || vec!["viewer".to_owned()];
    assert_eq!(refused("", &role(), &[], None), "expected a name, found nothing");
    assert_eq!(
        refused(&"x".repeat(101), &role(), &[], None),
        "expected a name of at most 100 bytes, found 101"
    );
    assert_eq!(
        refused("a b", &role(), &[], None),
        "expected a name of letters, digits and -_.:@/, found ' ' in \"a b\""
    );
    assert_eq!(refused("ci", &[], &[], None), "expected at least one role, found nothing");
    assert_eq!(refused("ci", &vec!["r".to_owned(); 33], &[], None), "expected at most 32 roles, found 33");
    assert_eq!(
        refused("ci", &role(), &["de\nv".to_owned()], None),
        "expected an environment of letters, digits and -_.:@/, found '\\n' in \"de\\nv\""
    );
    assert_eq!(
        refused("ci", &role(), &[], Some(Timestamp(10_000))),
        "expected an end in the future, found 1970-01-01T00:00:10Z, and it is 1970-01-01T00:00:10Z"
    );
}

fn issue_as(state: &mut State, actor: &Actor, name: &str, owner: Option<&str>) -> Result<(), String> {
    let number = state.access.next_token().0;
    let fill = char::from_digit(number, 16).expect("a digit");
    let command = AccessCommand::IssueToken {
        name: name.to_owned(),
        roles: vec!["approver".to_owned()],
        environments: Vec::new(),
        expires: None,
        digest: digest(fill),
        owner: owner.map(str::to_owned),
    };
    let events = decide(state, actor, Command::Access(command), at(1)).map_err(|error| error.to_string())?;
    events.iter().for_each(|event| state.evolve(event, at(1).steady));
    Ok(())
}

#[test]
fn nobody_becomes_another_by_a_token() {
    let mut state = State::default();
    let root = Actor::person("root").with_role("admin").with_role(MASTER);
    let (ana, ci) = (Actor::person("ana").with_role("admin"), Actor::person("ci").with_role("admin"));
    // Whoever rules the computer says whom a token is for: its name, unless another is given.
    issue_as(&mut state, &root, "bob", None).expect("issued");
    issue_as(&mut state, &root, "ci", Some("ana")).expect("issued");
    // All others answer for theirs, also for those that were issued by means of one.
    issue_as(&mut state, &ana, "deploy", None).expect("issued");
    issue_as(&mut state, &ci, "nightly", None).expect("issued");
    let access = &state.access;
    let people = ["bob", "ci", "deploy", "nightly", "eve"].map(|name| access.person(name));
    assert_eq!(people, ["bob", "ana", "ana", "ana", "eve"]);
    for (one, other, expected) in [
        ("bob", "ana", false),
        ("bob", "root", true),
        ("root", "ci", true),
        ("ana", "ci", true),
        ("nightly", "deploy", true),
        ("deploy", "root", false),
        ("eve", "eve", true),
    ] {
        assert_eq!(access.tie(one, other).is_some(), expected, "{one} and {other}");
        assert_eq!(access.tie(other, one).is_some(), expected, "{other} and {one}");
    }
    for (doer, by, expected) in [
        ("bob", "bob", "bob began it and cannot approve it"),
        ("root", "bob", "root, who gave bob's token out, began it, and bob cannot approve it"),
        ("bob", "root", "bob, whose token root gave out, began it, and root cannot approve it"),
        ("deploy", "ana", "deploy, for whom ana answers, began it, and ana cannot approve it"),
        ("ana", "deploy", "ana, who answers for deploy, began it, and deploy cannot approve it"),
        (
            "nightly",
            "deploy",
            "nightly, for whom ana answers as for deploy, began it, and deploy cannot approve it",
        ),
    ] {
        let tie = access.tie(doer, by).expect("a tie");
        assert_eq!(tie.cannot_approve("began it"), expected);
    }
    assert_eq!(access.tie("eve", "bob"), None);
    let chosen = issue_as(&mut state, &ana, "other", Some("bob")).expect_err("refused");
    assert!(chosen.starts_with("ana may not say that a token is for bob"), "{chosen}");
    let taken = issue_as(&mut state, &ana, "bob", None).expect_err("refused");
    assert!(taken.starts_with("bob is the name of what bob answers for"), "{taken}");
    issue_as(&mut state, &root, "ci", Some("ana")).expect("a second one under the same name");
    for name in ["smith", "Root", "ana", "role:sre-lead"] {
        let reserved = issue_as(&mut state, &ana, name, None).expect_err("refused");
        assert!(reserved.starts_with("expected a name that is nobody else's"), "{reserved}");
    }
}

#[test]
fn a_token_of_before_there_were_owners_is_whoever_has_its_name() {
    let mut state = State::default();
    let text = format!(
        r#"{{"token-issued":{{"token":0,"name":"ci","roles":["viewer"],"environments":[],"expires":null,"digest":"{}"}}}}"#,
        "a".repeat(64)
    );
    let event: AccessEvent = serde_json::from_str(&text).expect("an event");
    state.evolve(&event.into(), at(1).steady);
    assert_eq!(state.access.person("ci"), "ci");
    assert!(state.access.tie("ci", "root").is_none());
}

#[test]
fn a_request_with_a_key_is_carried_out_once() {
    let mut state = State::default();
    let keyed = |fill| Command::Keyed {
        key: "k1".to_owned(),
        digest: digest(fill),
        command: Box::new(issue("ci", None, 'c')),
    };
    let events = tell(&mut state, keyed('1'), at(1)).expect("done");
    assert_eq!(events.len(), 2);
    assert_eq!(
        events[1],
        Event::Access(AccessEvent::RequestKept {
            actor: "ann".to_owned(),
            key: "k1".to_owned(),
            digest: digest('1'),
            answer: "token/0".to_owned(),
        })
    );
    let repeated = tell(&mut state, keyed('1'), at(2)).expect_err("known");
    assert_eq!(repeated, Rejection::Repeated { answer: "token/0".to_owned() });
    let reused = tell(&mut state, keyed('2'), at(2)).expect_err("another request");
    assert_eq!(reused, Rejection::KeyReused { key: "k1".to_owned() });
    // Another's key is another key.
    assert!(state.access.request("bob", "k1", at(2).steady).is_none());
}

#[test]
fn a_request_that_was_rejected_is_decided_anew() {
    let mut state = State::default();
    let reason = || "broken".to_owned();
    let withdraw = Command::Build(BuildCommand::Withdraw { build: BuildNumber(7), reason: reason() });
    let keyed = Command::Keyed { key: "k".to_owned(), digest: digest('1'), command: Box::new(withdraw) };
    assert!(matches!(tell(&mut state, keyed.clone(), at(1)), Err(Rejection::Build(_))));
    tell(&mut state, Command::Build(BuildCommand::Verified { build: BuildNumber(7) }), at(1)).expect("known");
    tell(&mut state, keyed.clone(), at(1)).expect("now it can be withdrawn");
    assert_eq!(tell(&mut state, keyed, at(1)), Err(Rejection::Repeated { answer: String::new() }));
}

#[test]
fn a_key_holds_no_key_and_has_a_bound() {
    let mut state = State::default();
    let keyed =
        |key: String, command| Command::Keyed { key, digest: digest('1'), command: Box::new(command) };
    let twice = keyed("a".to_owned(), keyed("b".to_owned(), issue("ci", None, 'a')));
    assert_eq!(tell(&mut state, twice, at(1)), Err(Rejection::KeyInKey));
    let long = tell(&mut state, keyed("k".repeat(201), issue("ci", None, 'a')), at(1)).expect_err("long");
    assert_eq!(long.to_string(), "expected a key of at most 200 bytes, found 201");
    let none = tell(&mut state, keyed(String::new(), issue("ci", None, 'a')), at(1)).expect_err("none");
    assert_eq!(none.to_string(), "expected a key, found nothing");
}

#[test]
fn the_answer_names_an_exemption() {
    let mut state = State::default();
    let terms = Exemption {
        select: crate::fleet::Selector::parse("*").expect("a selector"),
        reason: "is rebuilt".to_owned(),
        owner: "ann".to_owned(),
        until: at(1000).steady,
    };
    let exempt = Box::new(Command::Fleet(FleetCommand::Exempt(terms)));
    let keyed = Command::Keyed { key: "k".to_owned(), digest: digest('1'), command: exempt };
    // A selector that matches nothing is refused, and that is not kept either.
    assert!(matches!(tell(&mut state, keyed, at(1)), Err(Rejection::Fleet(_))));
    assert!(state.access.request("ann", "k", at(1).steady).is_none());
}

fn kept(number: usize) -> AccessEvent {
    AccessEvent::RequestKept {
        actor: "ann".to_owned(),
        key: number.to_string(),
        digest: digest('1'),
        answer: String::new(),
    }
}

#[test]
fn requests_are_forgotten_after_a_week_and_the_oldest_when_there_are_too_many() {
    let mut access = Access::default();
    access.evolve(&kept(0), Timestamp(0));
    let end = Timestamp(0) + REQUEST_KEPT;
    assert!(access.request("ann", "0", Timestamp(end.0 - 1)).is_some());
    assert!(access.request("ann", "0", end).is_none());
    let later = Timestamp(1);
    for number in 1..=REQUESTS_MAX {
        access.evolve(&kept(number), later);
    }
    assert!(access.request("ann", "0", later).is_none());
    assert!(access.request("ann", "1", later).is_some());
    access.evolve(&kept(REQUESTS_MAX + 1), later);
    assert!(access.request("ann", "1", later).is_none());
    assert!(access.request("ann", "2", later).is_some());
    // One that comes again after its week is known anew, for a week.
    access.evolve(&kept(2), later + REQUEST_KEPT);
    assert!(access.request("ann", "2", later + REQUEST_KEPT).is_some());
    assert!(access.request("ann", "3", later + REQUEST_KEPT).is_none());
}

#[test]
fn a_refusal_is_recorded_in_one_short_line() {
    let mut state = State::default();
    let note = AccessCommand::NoteRefusal { what: "a\nb".to_owned(), why: "é".repeat(9999), more: 7 };
    let events = tell(&mut state, Command::Access(note), at(1)).expect("recorded");
    let [Event::Access(AccessEvent::Refused { what, why, more: 7 })] = events.as_slice() else {
        panic!("expected a refusal, found {events:?}")
    };
    assert_eq!((what.as_str(), why.chars().count()), ("a⏎b", 512));
}
