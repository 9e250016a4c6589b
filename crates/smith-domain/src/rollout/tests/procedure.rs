//! The procedure of one machine, exhaustively: every way in which its actions can be answered.

use std::collections::{BTreeMap, BTreeSet};

use crate::pipeline::{Actions, Drain, Health, Patch, Reboot, RetryRule, Timeouts};
use crate::rollout::machine::{Course, Ending, FIRST, Mark, Next, Progress, next};
use crate::rollout::{Action, CauseKind, Outcome, RebootNeed, Work};
use crate::time::Span;

const DRAIN: [Drain; 2] = [Drain::Yes, Drain::No];
const PATCH: [Patch; 2] = [Patch::Yes, Patch::No];
const REBOOT: [Reboot; 3] = [Reboot::Never, Reboot::IfNeeded, Reboot::Always];
const HEALTH: [Health; 2] = [Health::Yes, Health::No];

fn all_actions() -> Vec<Actions> {
    let mut all = Vec::new();
    for drain in DRAIN {
        for patch in PATCH {
            for reboot in REBOOT {
                for health in HEALTH {
                    all.push(Actions { drain, patch, reboot, health });
                }
            }
        }
    }
    all
}

fn retry(attempts: u32) -> RetryRule {
    RetryRule { attempts, first: Span::mins(1), longest: Span::mins(4), causes: BTreeMap::new() }
}

/// Every answer that an executor could give, fitting or not; one cause of each sort is enough.
fn outcomes() -> Vec<Outcome> {
    let mut outcomes = vec![
        Outcome::Found(Work::Nothing),
        Outcome::Found(Work::RebootOnly),
        Outcome::Found(Work::Install),
        Outcome::Patched(RebootNeed::Needed),
        Outcome::Patched(RebootNeed::NotNeeded),
        Outcome::Done,
        Outcome::NotBegun,
        Outcome::Lost,
    ];
    let causes = [
        CauseKind::Unreachable,
        CauseKind::Busy,
        CauseKind::HeldPackage,
        CauseKind::DrainRefused,
        CauseKind::PackageFailed,
        CauseKind::Mismatch,
    ];
    outcomes.extend(causes.map(Outcome::Failed));
    outcomes
}

/// What a walker knows of the machine itself, from what was done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Truth {
    drained: bool,
    /// Something was changed, and nobody has proven since that the machine is healthy.
    unproven: bool,
    /// A failure may have left it half way.
    broken: bool,
    changed: bool,
}

/// One place in the graph of all procedures.
#[derive(Debug, Clone, Copy)]
struct Place {
    course: Course,
    action: Action,
    progress: Progress,
    truth: Truth,
}

struct Walk {
    actions: Actions,
    retry: RetryRule,
    seen: BTreeSet<String>,
    /// Places on the way from the start, to notice circles.
    path: Vec<String>,
    ends: BTreeSet<String>,
}

impl Walk {
    fn from(actions: Actions, attempts: u32, was_disturbed: Mark) -> Self {
        let mut walk = Walk {
            actions,
            retry: retry(attempts),
            seen: BTreeSet::new(),
            path: Vec::new(),
            ends: BTreeSet::new(),
        };
        let truth = Truth {
            drained: was_disturbed.is_set() && actions.drain == Drain::Yes,
            unproven: was_disturbed.is_set(),
            broken: false,
            changed: false,
        };
        let progress = Progress { was_disturbed, drained: Mark::of(truth.drained), ..Progress::default() };
        walk.visit(Place { course: Course::Whole, action: FIRST, progress, truth });
        walk
    }

    fn visit(&mut self, place: Place) {
        let key = format!("{place:?}");
        assert!(!self.path.contains(&key), "a circle through {key}");
        if !self.seen.insert(key.clone()) {
            return;
        }
        self.allowed(&place);
        self.path.push(key);
        for outcome in outcomes() {
            self.answer(&place, outcome, place.course);
            // An abort may come while the action runs.
            self.answer(&place, outcome, Course::MakeSafe);
        }
        self.path.pop();
    }

    fn allowed(&self, place: &Place) {
        let Actions { drain, patch, reboot, health } = self.actions;
        let asked_for = match place.action {
            Action::Check => true,
            Action::Drain | Action::Undrain => drain == Drain::Yes,
            Action::Patch => patch == Patch::Yes,
            Action::Reboot => reboot != Reboot::Never,
            Action::Health => health == Health::Yes,
        };
        assert!(asked_for, "{place:?} of {:?}", self.actions);
        if drain == Drain::Yes && matches!(place.action, Action::Patch | Action::Reboot) {
            assert!(place.truth.drained, "in service while it is worked on: {place:?}");
        }
        if place.course == Course::MakeSafe {
            assert!(matches!(place.action, Action::Health | Action::Undrain), "disturbs: {place:?}");
        }
        if place.action == Action::Undrain && health == Health::Yes {
            assert!(!place.truth.unproven, "put into service unproven: {place:?}");
        }
    }

    fn answer(&mut self, place: &Place, outcome: Outcome, course: Course) {
        let truth = after(place, outcome);
        match next(&self.actions, &self.retry, course, place.progress, place.action, outcome) {
            Next::Do(action, progress) => self.visit(Place { course, action, progress, truth }),
            Next::Again(action, progress, wait) => {
                assert_eq!(action, place.action, "only the same action is tried again");
                assert!(wait >= Span::mins(1) && wait <= Span::mins(4), "{wait}");
                let disturbs = !matches!(action, Action::Health | Action::Undrain);
                assert!(course == Course::Whole || !disturbs, "{place:?} {outcome:?}");
                self.visit(Place { course, action, progress, truth });
                // An abort may come during the wait.
                match next(&self.actions, &self.retry, Course::MakeSafe, progress, action, Outcome::NotBegun)
                {
                    Next::Do(action, progress) => {
                        self.visit(Place { course: Course::MakeSafe, action, progress, truth });
                    }
                    Next::Again(..) => panic!("nothing failed, yet it waits"),
                    Next::End(ending) => self.ended(place, truth, ending),
                }
            }
            Next::End(ending) => self.ended(place, truth, ending),
        }
    }

    fn ended(&mut self, place: &Place, truth: Truth, ending: Ending) {
        self.ends.insert(format!("{ending:?}").split('(').next().unwrap().to_owned());
        let proven = !truth.unproven || self.actions.health == Health::No;
        let context = || format!("{ending:?} after {place:?}, {truth:?}, {:?}", self.actions);
        match ending {
            Ending::AlreadySo | Ending::Done => {
                assert!(!truth.drained && proven, "{}", context());
                assert_eq!(ending == Ending::Done, truth.changed, "{}", context());
            }
            Ending::Stopped(_) | Ending::FailedUntouched(..) => {
                let was = place.progress.was_disturbed.is_set();
                assert!(was || (!truth.drained && proven), "{}", context());
                assert!(!truth.broken, "{}", context());
            }
            Ending::FailedDisturbed(..) | Ending::Lost => {}
        }
    }
}

/// What an answer does to the machine.
fn after(place: &Place, outcome: Outcome) -> Truth {
    let truth = place.truth;
    let hurts = matches!(place.action, Action::Patch | Action::Reboot);
    match outcome {
        Outcome::Found(_) | Outcome::Patched(_) | Outcome::Done => match place.action {
            Action::Check => truth,
            Action::Drain => Truth { drained: true, ..truth },
            Action::Patch | Action::Reboot => Truth { unproven: true, broken: false, changed: true, ..truth },
            Action::Health => Truth { unproven: false, broken: false, ..truth },
            Action::Undrain => Truth { drained: false, ..truth },
        },
        Outcome::Failed(cause) => {
            let harmless = match place.action {
                Action::Check => true,
                Action::Drain => cause == CauseKind::DrainRefused,
                Action::Patch => matches!(cause, CauseKind::Busy | CauseKind::HeldPackage),
                Action::Reboot | Action::Health | Action::Undrain => false,
            };
            Truth {
                drained: truth.drained || (place.action == Action::Drain && !harmless),
                unproven: truth.unproven || (hurts && !harmless),
                broken: truth.broken || (hurts && !harmless),
                // A package whose script failed is changed all the same.
                changed: truth.changed || (hurts && !harmless),
            }
        }
        Outcome::NotBegun | Outcome::Lost => truth,
    }
}

#[test]
fn whatever_is_answered_the_procedure_ends_and_leaves_nothing_drained_or_unproven_that_it_calls_good() {
    let mut ends = BTreeSet::new();
    for actions in all_actions() {
        for attempts in [1, 2] {
            for was_disturbed in [Mark::No, Mark::Yes] {
                ends.extend(Walk::from(actions, attempts, was_disturbed).ends);
            }
        }
    }
    let all = ["AlreadySo", "Done", "FailedDisturbed", "FailedUntouched", "Lost", "Stopped"];
    assert_eq!(ends, all.map(str::to_owned).into(), "every ending is reached");
}

/// Walks a procedure whose machine answers as a good machine does, and writes its actions and its end.
fn story(actions: Actions, work: Work, need: RebootNeed) -> String {
    let (mut action, mut progress) = (FIRST, Progress::default());
    let mut words = Vec::new();
    loop {
        words.push(action.word().to_owned());
        assert!(words.len() < 20, "it goes round in circles: {words:?}");
        let outcome = match action {
            Action::Check => Outcome::Found(work),
            Action::Patch => Outcome::Patched(need),
            Action::Drain | Action::Reboot | Action::Health | Action::Undrain => Outcome::Done,
        };
        match next(&actions, &retry(1), Course::Whole, progress, action, outcome) {
            Next::Do(to, then) => (action, progress) = (to, then),
            Next::Again(..) => panic!("nothing failed"),
            Next::End(ending) => {
                words.push(format!("{ending:?}"));
                return words.join(" ");
            }
        }
    }
}

#[test]
fn machines_that_answer_well_go_through_exactly_these_actions() {
    use {RebootNeed as N, Work as W};
    let actions = |drain, patch, reboot, health| Actions { drain, patch, reboot, health };
    let full = actions(Drain::Yes, Patch::Yes, Reboot::IfNeeded, Health::Yes);
    let cases = [
        (full, W::Install, N::Needed, "check drain patch reboot health undrain Done"),
        (full, W::Install, N::NotNeeded, "check drain patch health undrain Done"),
        (full, W::RebootOnly, N::NotNeeded, "check drain reboot health undrain Done"),
        (full, W::Nothing, N::NotNeeded, "check health AlreadySo"),
        (Actions::PATCH, W::Install, N::Needed, "check patch reboot health Done"),
        (Actions::PATCH, W::RebootOnly, N::NotNeeded, "check reboot health Done"),
        (
            actions(Drain::No, Patch::Yes, Reboot::Never, Health::No),
            W::Install,
            N::Needed,
            "check patch Done",
        ),
        (
            actions(Drain::No, Patch::Yes, Reboot::Never, Health::No),
            W::RebootOnly,
            N::Needed,
            "check AlreadySo",
        ),
        (
            actions(Drain::Yes, Patch::Yes, Reboot::Never, Health::No),
            W::Install,
            N::Needed,
            "check drain patch undrain Done",
        ),
        (
            actions(Drain::Yes, Patch::No, Reboot::Always, Health::Yes),
            W::Nothing,
            N::NotNeeded,
            "check drain reboot health undrain Done",
        ),
        (
            actions(Drain::No, Patch::No, Reboot::Always, Health::No),
            W::Install,
            N::NotNeeded,
            "check reboot Done",
        ),
        (
            actions(Drain::Yes, Patch::Yes, Reboot::Always, Health::No),
            W::Install,
            N::NotNeeded,
            "check drain patch reboot undrain Done",
        ),
        (
            actions(Drain::No, Patch::No, Reboot::IfNeeded, Health::No),
            W::Install,
            N::Needed,
            "check AlreadySo",
        ),
        (
            actions(Drain::Yes, Patch::No, Reboot::Never, Health::Yes),
            W::Install,
            N::Needed,
            "check health AlreadySo",
        ),
    ];
    for (actions, work, need, expected) in cases {
        assert_eq!(story(actions, work, need), expected, "{actions:?} {work:?}");
    }
}

#[test]
fn a_patch_that_does_not_say_whether_a_reboot_is_needed_is_followed_by_one() {
    let progress = Progress { install: Mark::Yes, ..Progress::default() };
    let found = next(&Actions::PATCH, &retry(1), Course::Whole, progress, Action::Patch, Outcome::Done);
    assert!(matches!(found, Next::Do(Action::Reboot, _)), "{found:?}");
}

#[test]
fn waits_double_from_the_first_to_the_longest() {
    let rule =
        RetryRule { attempts: 99, first: Span::secs(10), longest: Span::secs(60), causes: BTreeMap::new() };
    let mut progress = Progress::default();
    let mut waits = Vec::new();
    for _ in 0..5 {
        let busy = Outcome::Failed(CauseKind::Busy);
        match next(&Actions::PATCH, &rule, Course::Whole, progress, Action::Check, busy) {
            Next::Again(Action::Check, then, wait) => {
                waits.push(wait);
                progress = then;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, [10, 20, 40, 60, 60].map(Span::secs));
}

#[test]
fn a_wait_after_very_many_tries_is_still_the_longest() {
    let rule =
        RetryRule { attempts: u32::MAX, first: Span(u64::MAX / 2), longest: Span::hours(1), ..retry(1) };
    let progress = Progress { failed_tries: u8::MAX, ..Progress::default() };
    let busy = Outcome::Failed(CauseKind::Busy);
    let found = next(&Actions::PATCH, &rule, Course::Whole, progress, Action::Check, busy);
    assert!(
        matches!(found, Next::Again(_, Progress { failed_tries: u8::MAX, .. }, wait) if wait == Span::hours(1))
    );
}

#[test]
fn only_these_failures_prove_that_the_machine_was_left_alone() {
    use CauseKind as C;
    let untouched = |action: Action| -> Vec<CauseKind> {
        let ends_untouched = |cause: &C| {
            let found = next(
                &Actions::PATCH,
                &retry(1),
                Course::Whole,
                Progress::default(),
                action,
                Outcome::Failed(*cause),
            );
            match found {
                Next::End(Ending::FailedUntouched(at, why)) => {
                    assert_eq!((at, why), (action, *cause));
                    true
                }
                Next::End(Ending::FailedDisturbed(at, why)) => {
                    assert_eq!((at, why), (action, *cause));
                    false
                }
                other => panic!("{other:?}"),
            }
        };
        C::ALL.into_iter().filter(ends_untouched).collect()
    };
    let not_checked = [C::Unreachable, C::KeyRefused, C::Interrupted, C::Lost];
    let checked: Vec<C> = C::ALL.into_iter().filter(|cause| !not_checked.contains(cause)).collect();
    assert_eq!(untouched(Action::Check), checked);
    assert_eq!(untouched(Action::Drain), [C::DrainRefused]);
    assert_eq!(
        untouched(Action::Patch),
        [
            C::AgentOld,
            C::Busy,
            C::MirrorUnreachable,
            C::BadSignature,
            C::HeldPackage,
            C::RemovalRefused,
            C::DiskFull
        ]
    );
    for action in [Action::Reboot, Action::Health, Action::Undrain] {
        assert_eq!(untouched(action), []);
    }
}

#[test]
fn actions_have_their_words_and_their_own_timeouts() {
    let timeouts = Timeouts {
        check: Span(1),
        drain: Span(2),
        patch: Span(3),
        reboot: Span(4),
        health: Span(5),
        undrain: Span(6),
    };
    let found = Action::ALL.map(|action| (format!("{action:>8}"), action.timeout(&timeouts).0));
    let expected = [
        ("   check", 1),
        ("   drain", 2),
        ("   patch", 3),
        ("  reboot", 4),
        ("  health", 5),
        (" undrain", 6),
    ];
    assert_eq!(found, expected.map(|(word, length)| (word.to_owned(), length)));
}

/// Answers one action after the other and tells what came of each.
fn told(actions: Actions, attempts: u32, answers: &[(Course, Outcome)]) -> Vec<String> {
    let (mut action, mut progress) = (FIRST, Progress::default());
    let mut told = Vec::new();
    for (course, outcome) in answers {
        match next(&actions, &retry(attempts), *course, progress, action, *outcome) {
            Next::Do(to, then) => {
                (action, progress) = (to, then);
                told.push(action.word().to_owned());
            }
            Next::Again(to, then, _) => {
                (action, progress) = (to, then);
                told.push(format!("{action} again"));
            }
            Next::End(ending) => told.push(format!("{ending:?}")),
        }
    }
    told
}

#[test]
fn an_action_that_is_not_begun_eight_times_in_a_row_is_asked_and_the_ninth_time_is_a_failed_try() {
    let not_begun = |times| vec![(Course::Whole, Outcome::NotBegun); times];
    let asked = |times: usize| vec!["check".to_owned(); times];
    assert_eq!(told(Actions::PATCH, 1, &not_begun(8)), asked(8));
    let failed = "FailedDisturbed(Check, Interrupted)".to_owned();
    assert_eq!(told(Actions::PATCH, 1, &not_begun(9)), [asked(8), vec![failed.clone()]].concat());
    // The second try may be begun as late as the first.
    let again = "check again".to_owned();
    assert_eq!(
        told(Actions::PATCH, 2, &not_begun(18)),
        [asked(8), vec![again], asked(8), vec![failed]].concat()
    );
    let answers = [not_begun(8), vec![(Course::Whole, Outcome::Found(Work::Install))], not_begun(8)].concat();
    let patches = vec!["patch".to_owned(); 9];
    assert_eq!(told(Actions::PATCH, 1, &answers), [asked(8), patches].concat(), "a success counts anew");
}

#[test]
fn a_try_that_succeeds_mends_what_the_one_before_it_broke() {
    let install = (Course::Whole, Outcome::Found(Work::Install));
    let broke = (Course::Whole, Outcome::Failed(CauseKind::PackageFailed));
    let abort = |outcome| (Course::MakeSafe, outcome);
    let patch = Actions { drain: Drain::No, patch: Patch::Yes, reboot: Reboot::Never, health: Health::No };
    assert_eq!(
        told(patch, 2, &[install, broke, abort(Outcome::Patched(RebootNeed::NotNeeded))]),
        ["patch", "patch again", "Stopped(Yes)"]
    );
    assert_eq!(
        told(patch, 2, &[install, broke, abort(Outcome::NotBegun)]),
        ["patch", "patch again", "FailedDisturbed(Patch, PackageFailed)"]
    );
    let reboot = Actions { reboot: Reboot::Always, patch: Patch::No, ..patch };
    let late = (Course::Whole, Outcome::Failed(CauseKind::RebootTimeout));
    assert_eq!(
        told(reboot, 2, &[install, late, abort(Outcome::Done)]),
        ["reboot", "reboot again", "Stopped(Yes)"]
    );
    assert_eq!(
        told(reboot, 2, &[install, late, abort(Outcome::NotBegun)]),
        ["reboot", "reboot again", "FailedDisturbed(Reboot, RebootTimeout)"]
    );
}

#[test]
fn putting_a_machine_back_into_service_has_tries_of_its_own() {
    let whole = |outcome| (Course::Whole, outcome);
    let actions = Actions { drain: Drain::Yes, ..Actions::PATCH };
    let answers = [
        Outcome::Found(Work::Install),
        Outcome::Done,
        Outcome::Failed(CauseKind::Busy),
        Outcome::Failed(CauseKind::HeldPackage),
        Outcome::Failed(CauseKind::Unreachable),
        Outcome::Done,
    ];
    assert_eq!(
        told(actions, 2, &answers.map(whole)),
        ["drain", "patch", "patch again", "undrain", "undrain again", "FailedUntouched(Patch, HeldPackage)"]
    );
}
