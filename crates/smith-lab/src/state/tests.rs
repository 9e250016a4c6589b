use std::sync::mpsc;

use super::*;
use crate::fleet::Shape;

fn place() -> (tempfile::TempDir, Place) {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path().join("labs"), dir.path().join("cache")).unwrap();
    (dir, place)
}

fn lab() -> State {
    let subnet = "10.213.7.0/24".parse().unwrap();
    let name = "lab".parse().unwrap();
    let mut state = State::new(name, subnet, "bookworm".parse().unwrap(), "bookworm-1".to_owned()).unwrap();
    let planned = Shape { clusters: 1, machines: 2, regions: 1 }.machines().unwrap();
    state.machines =
        planned.into_iter().zip(0..).map(|(planned, slot)| Member::planned(planned, slot)).collect();
    state.machines[1].faults.insert(Fault::FullDisk);
    state
}

#[test]
fn what_is_saved_is_loaded() {
    let (_dir, place) = place();
    let state = lab();
    let folder = place.lab(&state.name);
    fs::create_dir_all(folder.path()).unwrap();
    assert!(matches!(State::load(&place, &state.name), Err(LabError::NoLab { .. })));
    state.save(&folder).unwrap();
    assert_eq!(State::load(&place, &state.name).unwrap(), state);
    let text = fs::read_to_string(folder.state()).unwrap();
    assert!(text.contains("\"faults\": [\n        \"full-disk\"\n      ]"), "{text}");
}

#[test]
fn a_file_of_another_lab_or_version_is_refused() {
    let (_dir, place) = place();
    let state = lab();
    let folder = place.lab(&state.name);
    fs::create_dir_all(folder.path()).unwrap();
    state.save(&folder).unwrap();
    let text = fs::read_to_string(folder.state()).unwrap();
    for (from, to) in [("\"format\": 1", "\"format\": 2"), ("\"name\": \"lab\"", "\"name\": \"other\"")] {
        fs::write(folder.state(), text.replacen(from, to, 1)).unwrap();
        assert!(matches!(State::load(&place, &state.name), Err(LabError::Foreign { .. })), "{to}");
    }
    for bad in
        ["", "{}", &text.replace("10.213.7.0/24", "0.0.0.0/0"), &text.replace("worker-1001", "../worker")]
    {
        fs::write(folder.state(), bad).unwrap();
        assert!(matches!(State::load(&place, &state.name), Err(LabError::State { .. })), "{bad}");
    }
}

#[test]
fn the_most_similar_machine_is_told() {
    let state = lab();
    let found = state.member(&"prod-syd01-carrier1-worker-1003".parse().unwrap()).unwrap_err();
    assert!(found.hint().unwrap().starts_with("did you mean prod-syd01-carrier1-worker-100"), "{found}");
    // The name of the lab is like no machine's.
    let found = state.member(&"lab".parse().unwrap()).unwrap_err();
    assert!(found.hint().unwrap().starts_with("that is the lab"), "{found}");
    let found = state.member(&"elsewhere".parse().unwrap()).unwrap_err();
    assert_eq!(found.hint().unwrap(), "`smith lab list` has the machines");
    assert!(state.member(state.machines[1].name()).is_ok());
}

#[test]
fn marks_differ_and_are_read_as_they_are_written() {
    let (one, other) = (Token::draw().unwrap(), Token::draw().unwrap());
    assert_eq!(one.to_string().parse(), Ok(one));
    // One of four thousand million runs draws the same twice.
    assert_ne!(one, other);
    for bad in ["", "1234567", "123456789", "1234567g", "+1234567"] {
        assert!(bad.parse::<Token>().is_err(), "{bad}");
    }
}

#[test]
fn who_waits_for_a_lab_that_is_removed_finds_none() {
    let (_dir, place) = place();
    let name: LabName = "lab".parse().unwrap();
    assert!(matches!(Held::take(&place, &name), Err(LabError::NoLab { .. })));
    fs::create_dir_all(place.lab(&name).path()).unwrap();
    let held = Held::take(&place, &name).unwrap();
    let (begun, begins) = mpsc::channel();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            begun.send(()).unwrap();
            Held::take(&place, &name)
        });
        begins.recv().unwrap();
        fs::remove_dir(place.lab(&name).path()).unwrap();
        drop(held);
        assert!(matches!(waiter.join().unwrap(), Err(LabError::NoLab { .. })));
    });
}
