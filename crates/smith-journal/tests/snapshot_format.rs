//! The shape of snapshots: the bytes of known states have a known hash as long as [`FORMAT`] stays what it is.

mod fixture;

use sha2::{Digest as _, Sha256};
use smith_domain::state::State;
use smith_journal::codec::{FORMAT, from_snapshot, to_snapshot};

/// `FORMAT HASH`, beside the constant.
const KNOWN: &str = include_str!("../src/codec/snapshot.known");

/// The states that the fixture goes through, every ninth of them.
fn states() -> Vec<State> {
    let mut state = State::default();
    let mut states = vec![state.clone()];
    for (number, recorded) in (1..).zip(fixture::journal()) {
        state.evolve(&recorded.event, recorded.at);
        if number % 9 == 0 {
            states.push(state.clone());
        }
    }
    states.push(state);
    states
}

#[test]
fn snapshots_of_one_format_have_one_shape() {
    let mut hasher = Sha256::new();
    for state in states() {
        hasher.update(to_snapshot(&state).expect("bytes"));
    }
    let hash: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let found = format!("{FORMAT} {hash}");
    assert!(
        found == KNOWN.trim(),
        "the state, or what events do to it, is not what it was when this format was written down: raise FORMAT in \
         src/codec/snapshot.rs, so that older snapshots are passed over, and write the new line to \
         src/codec/snapshot.known\nexpected {}\nfound    {found}",
        KNOWN.trim()
    );
}

#[test]
fn a_snapshot_brings_the_same_state_back_and_takes_the_same_bytes_again() {
    for state in states() {
        let bytes = to_snapshot(&state).expect("bytes");
        let back = from_snapshot(&bytes).expect("a state");
        assert_eq!(back, state);
        assert_eq!(to_snapshot(&back).expect("bytes"), bytes);
    }
}

#[test]
fn bytes_that_are_no_state_are_refused() {
    assert!(from_snapshot(b"").is_err());
    assert!(from_snapshot(&[0xff; 64]).is_err());
    let mut bytes = to_snapshot(states().last().expect("a state")).expect("bytes");
    bytes.truncate(bytes.len() / 2);
    assert!(from_snapshot(&bytes).is_err());
}
