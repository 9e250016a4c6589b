//! Switches that fail, wait, and are killed, on real mirrors: in the end the journal and the mirrors say the same.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fs;

use smith_domain::cycle::Link;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::id::BuildNumber;

use super::channel::{Papers, switch};
use super::job::{Job, Region};
use super::shop::Trouble;
use super::tests::{REGIONS, World, channel_of, failed, job, looking};
use super::witness::{Ending, Seen, Unrecorded, Witness};

/// A journal that says what it is told to say.
#[derive(Default)]
struct Book {
    points: RefCell<BTreeMap<String, BuildNumber>>,
    told: RefCell<Vec<String>>,
    /// What is answered to the next records of us-south, in place of recording them.
    answers: RefCell<VecDeque<Unrecorded>>,
    /// Nothing moves there any more.
    against: RefCell<Option<&'static str>>,
    /// So many looks and records later the server is killed.
    left: Cell<Option<u32>>,
}

impl Book {
    fn go(&self, world: &World, job: &Job) -> Result<String, Trouble> {
        let ending = Ending::default();
        let step = || {
            if let Some(left) = self.left.get() {
                self.left.set(left.checked_sub(1));
                if left == 0 {
                    ending.raise();
                }
            }
        };
        let look = |region: &Region| {
            step();
            let points_to = self.points.borrow().get(&region.name).copied();
            let against = self.against.borrow().filter(|of| *of == region.name);
            Seen { points_to, against: against.map(|_| "CHG1 is revoked".to_owned()) }
        };
        let record = |command: Command| {
            step();
            if ending.is_raised() {
                return Err(Unrecorded::Ending);
            }
            let (region, build, text) =
                if let Command::Build(BuildCommand::SetChannel { region, build, change, .. }) = command {
                    let text = format!("{region} {build} {}", change.unwrap_or_default());
                    (region, build, text)
                } else if let Command::Build(BuildCommand::LeadBack { region, build, .. }) = command {
                    let text = format!("{region} back {build}");
                    (region, build, text)
                } else {
                    return Err(Unrecorded::Rejected(format!("{command:?}")));
                };
            let answer = if region == "us-south" { self.answers.borrow_mut().pop_front() } else { None };
            if let Some(answer) = answer {
                return Err(answer);
            }
            self.told.borrow_mut().push(text);
            self.points.borrow_mut().insert(region, build);
            Ok(())
        };
        let witness = Witness { look: &look, record: &record, ending: &ending };
        let (evidence, trail) = (world.path("evidence"), world.path("trail"));
        switch(&world.shop(), job, witness, Papers { evidence: &evidence, trail: &trail })
    }

    fn switch(&self, world: &World, number: u32) -> Result<String, Trouble> {
        self.go(world, &job(Link::Channel, number))
    }

    fn says(&self, region: &str) -> Option<u32> {
        self.points.borrow().get(region).map(|build| build.0)
    }

    /// Where everything is, if the mirror of each region is where the journal says.
    fn agreed(&self, world: &World) -> [Option<u32>; 2] {
        let mirrors = REGIONS.map(|(mirror, _)| channel_of(world, mirror));
        assert_eq!(mirrors, REGIONS.map(|(_, region)| self.says(region)), "the mirrors and the journal");
        mirrors
    }
}

fn full() -> Unrecorded {
    Unrecorded::Rejected("the disk is full".to_owned())
}

#[test]
fn a_channel_moves_in_all_regions_or_goes_back_where_it_moved() {
    let (world, book) = (World::with_two_builds(), Book::default());
    assert_eq!(book.switch(&world, 1).unwrap(), "build 1 is served by 2 mirrors in 2 regions");
    assert_eq!(book.told.take(), ["ap-south 1 CHG0", "us-south 1 CHG1"]);
    // A mirror that does not hold the build keeps all others where they are.
    let lacking = world.path("dal-01/builds/2");
    fs::rename(&lacking, world.path("away")).unwrap();
    let why = failed(book.switch(&world, 2));
    assert!(why.starts_with("nothing was moved: dal-01: "), "{why}");
    fs::rename(world.path("away"), &lacking).unwrap();
    assert_eq!(book.agreed(&world), [Some(1), Some(1)]);
    // The second region fails after the first was switched.
    book.answers.borrow_mut().push_back(full());
    let why = failed(book.switch(&world, 2));
    assert!(why.contains("the disk is full; led back: dal-01, syd-01"), "{why}");
    assert_eq!(book.agreed(&world), [Some(1), Some(1)]);
    assert_eq!(book.told.take(), ["ap-south 2 CHG0", "ap-south back 1"]);
    let text = fs::read_to_string(world.path("evidence/smith-prod-symlink-2-evidence.txt")).unwrap();
    assert!(text.contains("syd-01: back to build 1") && text.contains("Finished: FAILURE"), "{text}");
    let look = book.go(&world, &looking(job(Link::Channel, 2)));
    assert_eq!(failed(look), "channel was interrupted");
    assert_eq!(book.switch(&world, 2).unwrap(), "build 2 is served by 2 mirrors in 2 regions");
    assert_eq!(book.told.take(), ["ap-south 2 CHG0", "us-south 2 CHG1"]);
    let text = fs::read_to_string(world.path("evidence/smith-prod-symlink-2-evidence.txt")).unwrap();
    assert!(text.contains("region us-south under CHG1, approved by ana"), "{text}");
    assert!(text.contains("syd-01: back to build 1"), "what the try before did is still told: {text}");
    assert_eq!(text.matches("Finished: ").count(), 3, "{text}");
    assert!(text.contains("dal-01: moved from build 1 to build 2"), "{text}");
    assert!(
        text.trim_end().ends_with("Finished: SUCCESS, build 2 is served by 2 mirrors in 2 regions"),
        "{text}"
    );
    let look = book.go(&world, &looking(job(Link::Channel, 2)));
    assert_eq!(look.unwrap(), "build 2 is served by 2 mirrors in 2 regions");
    assert_eq!(book.told.take(), [""; 0]);
}

#[test]
fn a_change_that_was_taken_back_moves_nothing_more_and_what_moved_goes_back() {
    let (world, book) = (World::with_two_builds(), Book::default());
    book.switch(&world, 1).unwrap();
    book.against.replace(Some("us-south"));
    let refused = book.switch(&world, 2).unwrap_err();
    let why = "dal-01 was not moved: CHG1 is revoked; led back: syd-01";
    assert_eq!(refused, Trouble::Refused(why.to_owned()));
    assert_eq!(book.agreed(&world), [Some(1), Some(1)]);
    assert!(!world.path("trail").exists());
}

#[test]
fn what_cannot_be_recorded_is_waited_for_and_leads_nothing_back() {
    let (world, book) = (World::with_two_builds(), Book::default());
    book.switch(&world, 1).unwrap();
    let not_now = || Unrecorded::NotNow("the disk is full".to_owned());
    book.answers.borrow_mut().extend([not_now(), not_now()]);
    book.told.take();
    book.switch(&world, 2).unwrap();
    assert_eq!(book.told.take(), ["ap-south 2 CHG0", "us-south 2 CHG1"]);
    assert_eq!(book.agreed(&world), [Some(2), Some(2)]);
    let text = fs::read_to_string(world.path("evidence/smith-prod-symlink-2-evidence.txt")).unwrap();
    assert_eq!(text.matches("waits for the journal: the disk is full").count(), 1, "{text}");
    assert!(!text.contains("back to build"), "{text}");
}

#[test]
fn a_region_that_named_nothing_is_empty_again_unless_it_was_recorded() {
    let (world, book) = (World::with_two_builds(), Book::default());
    book.answers.borrow_mut().push_back(full());
    let why = failed(book.switch(&world, 1));
    assert!(why.ends_with("led back: dal-01; region ap-south stays, it named nothing before"), "{why}");
    assert_eq!(book.agreed(&world), [Some(1), None]);
    book.switch(&world, 1).unwrap();
    assert_eq!(book.agreed(&world), [Some(1), Some(1)]);
}

/// Kills the switch at each of its looks and records, and lets the next server look for what became of it.
#[test]
fn a_switch_that_is_killed_is_gone_on_with_or_led_back() {
    let (world, book) = (World::with_two_builds(), Book::default());
    book.switch(&world, 1).unwrap();
    for against in [None, Some("us-south")] {
        let mut halfway = 0;
        for at in 0.. {
            book.left.set(Some(at));
            let killed = book.switch(&world, 2);
            if book.left.take().is_some() {
                assert!(killed.is_ok(), "{killed:?}");
                break;
            }
            if killed.is_ok() {
                book.switch(&world, 1).unwrap();
                continue;
            }
            assert_eq!(failed(killed), "channel was left as it was, because the server ends");
            let is_moved = channel_of(&world, "syd-01") == Some(2);
            halfway += u32::from(is_moved);
            book.against.replace(against);
            let found = book.go(&world, &looking(job(Link::Channel, 2)));
            let whole = book.agreed(&world);
            match found {
                Ok(_) => assert_eq!(whole, [Some(2), Some(2)]),
                Err(_) => assert_eq!(whole, [Some(1), Some(1)], "{found:?} after {at}"),
            }
            assert!(!world.path("trail").exists());
            book.against.replace(None);
            book.switch(&world, 1).unwrap();
        }
        assert!(halfway > 1, "some were killed between the regions");
    }
}
