//! What the rules of rollouts are told of how an operation ended.

use smith_agent::protocol::{Cause, Change, Done, Outcome as Told, Refusal, Work as Found};
use smith_domain::rollout::{CauseKind, Outcome, RebootNeed, Work};

use super::operation::Ending;

/// The outcome of an action that was asked to be done.
pub fn outcome_of(ending: &Ending) -> Outcome {
    match ending {
        Ending::Ended(Told::AlreadySo(done) | Told::Done(done)) => good(done),
        Ending::Ended(Told::Failed(failure)) => Outcome::Failed(cause_of(failure.cause)),
        Ending::Refused(refusal) => refused(refusal),
        Ending::Unreachable { .. } => Outcome::Failed(CauseKind::Unreachable),
        Ending::KeyRefused { .. } => Outcome::Failed(CauseKind::KeyRefused),
        Ending::NotAnAgent { .. } => Outcome::Failed(CauseKind::AgentOld),
        Ending::Running | Ending::Lost { .. } => Outcome::Lost,
    }
}

/// The outcome of an action that was only looked for. It may have been asked by a controller that has died since, so whatever does
/// not say what became of it leaves that open: a question that is refused, or not heard, proves nothing.
pub fn found_of(ending: &Ending) -> Outcome {
    match ending {
        Ending::Ended(_) => outcome_of(ending),
        Ending::Refused(Refusal::Unknown { .. }) => Outcome::NotBegun,
        // Told only of an operation that the machine does not have, and could not begin as long as it was asked.
        Ending::Refused(Refusal::CannotKeep { .. }) => Outcome::Failed(CauseKind::DiskFull),
        Ending::Refused(
            Refusal::OldTenure { .. }
            | Refusal::OtherJob { .. }
            | Refusal::Malformed { .. }
            | Refusal::OldAgent { .. }
            | Refusal::Busy { .. },
        )
        | Ending::Unreachable { .. }
        | Ending::KeyRefused { .. }
        | Ending::NotAnAgent { .. }
        | Ending::Running
        | Ending::Lost { .. } => Outcome::Lost,
    }
}

/// One line about it, for notes and people. Empty where the outcome says it all.
pub fn words_of(ending: &Ending) -> String {
    match ending {
        // What a failed patch had changed is told by the one that brings it to its end: the note of a failure is one line.
        Ending::Ended(Told::Failed(failure)) => failure.message.clone(),
        Ending::Ended(Told::AlreadySo(Done::Patched(patched)) | Told::Done(Done::Patched(patched))) => {
            if patched.changes.is_empty() {
                String::new()
            } else {
                changes_words(&patched.changes)
            }
        }
        Ending::Ended(Told::AlreadySo(_) | Told::Done(_)) => String::new(),
        Ending::Refused(refusal) => refusal_words(refusal),
        Ending::Running => "it is still going on".to_owned(),
        Ending::Unreachable { why }
        | Ending::KeyRefused { why }
        | Ending::NotAnAgent { why }
        | Ending::Lost { why } => why.clone(),
    }
}

/// As much of a list of packages as fits into a note.
const CHANGES_MAX: usize = 3_000;

/// `20 packages: openssl 3.0.17-1 -> 3.0.18-1, zlib1g new 1.3, …`: what the journal keeps of a patch.
fn changes_words(changes: &[Change]) -> String {
    let plural = if changes.len() == 1 { "" } else { "s" };
    let mut text = format!("{} package{plural}: ", changes.len());
    for (number, change) in changes.iter().enumerate() {
        let one = match (&change.from, &change.to) {
            (Some(from), Some(to)) => format!("{} {from} -> {to}", change.name),
            (None, Some(to)) => format!("{} new {to}", change.name),
            (Some(from), None) => format!("{} {from} removed", change.name),
            (None, None) => change.name.clone(),
        };
        if text.len() + one.len() > CHANGES_MAX {
            text.push_str(&format!("and {} more", changes.len() - number));
            return text;
        }
        if number > 0 {
            text.push_str(", ");
        }
        text.push_str(&one);
    }
    text
}

fn good(done: &Done) -> Outcome {
    match done {
        Done::Checked(checked) => Outcome::Found(match checked.work {
            Found::Nothing => Work::Nothing,
            Found::RebootOnly => Work::RebootOnly,
            Found::Install => Work::Install,
        }),
        Done::Patched(patched) if patched.reboot.is_empty() && patched.restarts.is_empty() => {
            Outcome::Patched(RebootNeed::NotNeeded)
        }
        // What is installed and not in effect is not done: a service that maps a replaced library needs a restart, and the
        // restart that never fails to reach all of them is the machine's.
        Done::Patched(_) => Outcome::Patched(RebootNeed::Needed),
        Done::Facts(_)
        | Done::Drained
        | Done::Undrained
        | Done::Rebooted(_)
        | Done::Healthy(_)
        | Done::Reported(_)
        | Done::Cleaned { .. } => Outcome::Done,
    }
}

fn refused(refusal: &Refusal) -> Outcome {
    match refusal {
        Refusal::Unknown { .. } => Outcome::NotBegun,
        Refusal::Busy { .. } => Outcome::Failed(CauseKind::Busy),
        Refusal::OldAgent { .. } => Outcome::Failed(CauseKind::AgentOld),
        Refusal::CannotKeep { .. } => Outcome::Failed(CauseKind::DiskFull),
        // Another controller took the machine over, or two jobs share a name: nothing was done, and asking again is no help.
        Refusal::OldTenure { .. } | Refusal::OtherJob { .. } | Refusal::Malformed { .. } => {
            Outcome::Failed(CauseKind::Mismatch)
        }
    }
}

fn refusal_words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Malformed { message } | Refusal::OldAgent { message } | Refusal::CannotKeep { message } => {
            message.clone()
        }
        Refusal::OldTenure { seen, found } => {
            format!(
                "expected a controller of tenure {seen} or later, found {found}: another one drives this machine"
            )
        }
        Refusal::Busy { running } => format!("operation {running} is running on the machine"),
        Refusal::OtherJob { id } => {
            format!("expected the job that is known as {id}, found another one under its name")
        }
        Refusal::Unknown { id } => format!(
            "the machine knows no operation {id}: it was never asked for it, or has forgotten it (`clean`, or after a month)"
        ),
    }
}

fn cause_of(cause: Cause) -> CauseKind {
    match cause {
        Cause::Busy => CauseKind::Busy,
        Cause::MirrorUnreachable => CauseKind::MirrorUnreachable,
        Cause::BadSignature => CauseKind::BadSignature,
        Cause::HeldPackage => CauseKind::HeldPackage,
        Cause::RemovalRefused => CauseKind::RemovalRefused,
        Cause::DiskFull => CauseKind::DiskFull,
        Cause::DpkgBroken => CauseKind::DpkgBroken,
        Cause::PackageFailed => CauseKind::PackageFailed,
        Cause::Mismatch => CauseKind::Mismatch,
        Cause::DrainRefused => CauseKind::DrainRefused,
        Cause::RebootTimeout => CauseKind::RebootTimeout,
        Cause::OldKernel => CauseKind::OldKernel,
        Cause::Unhealthy => CauseKind::Unhealthy,
        // The agent ended it in an orderly way in the middle; so did the kill.
        Cause::Interrupted | Cause::TimedOut => CauseKind::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use smith_agent::protocol::{Failure, Patched, Restart};

    use super::*;

    #[test]
    fn a_note_says_what_was_changed_as_far_as_it_fits() {
        let change = |name: &str, from: Option<&str>, to: Option<&str>| Change {
            name: name.to_owned(),
            architecture: "amd64".to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        let some =
            [change("a", Some("1"), Some("2")), change("b", None, Some("3")), change("c", Some("4"), None)];
        let patched = Patched { changes: some.to_vec(), ..Patched::default() };
        let ending = Ending::Ended(Told::Done(Done::Patched(Box::new(patched))));
        assert_eq!(words_of(&ending), "3 packages: a 1 -> 2, b new 3, c 4 removed");
        let many: Vec<Change> =
            (0..2_000).map(|n| change(&format!("package-{n}"), Some("1"), Some("2"))).collect();
        let words = changes_words(&many);
        assert!(words.len() < CHANGES_MAX + 40 && words.ends_with(" more"), "{}", words.len());
        let failure = Failure { changes: some.into(), ..Failure::new(Cause::PackageFailed, "it broke") };
        assert_eq!(words_of(&Ending::Ended(Told::Failed(failure))), "it broke");
    }

    #[test]
    fn words_of_agents_and_rules_are_the_same() {
        for cause in Cause::ALL {
            let expected = if cause == Cause::TimedOut { "interrupted" } else { cause.word() };
            assert_eq!(cause_of(cause).word(), expected);
        }
    }

    #[test]
    fn a_library_that_is_still_mapped_needs_a_reboot() {
        let patched = |restarts: Vec<Restart>| {
            let patched = Patched { restarts, ..Patched::default() };
            outcome_of(&Ending::Ended(Told::Done(Done::Patched(Box::new(patched)))))
        };
        assert_eq!(patched(vec![]), Outcome::Patched(RebootNeed::NotNeeded));
        assert_eq!(patched(vec![Restart::default()]), Outcome::Patched(RebootNeed::Needed));
    }

    #[test]
    fn a_refused_question_proves_nothing() {
        let (id, message) = (|| "a-1".parse().unwrap(), || "m".to_owned());
        let told = [
            (Refusal::Unknown { id: id() }, Outcome::NotBegun, Outcome::NotBegun),
            (
                Refusal::CannotKeep { message: message() },
                Outcome::Failed(CauseKind::DiskFull),
                Outcome::Failed(CauseKind::DiskFull),
            ),
            (Refusal::OldAgent { message: message() }, Outcome::Failed(CauseKind::AgentOld), Outcome::Lost),
            (Refusal::Malformed { message: message() }, Outcome::Failed(CauseKind::Mismatch), Outcome::Lost),
            (Refusal::OldTenure { seen: 2, found: 1 }, Outcome::Failed(CauseKind::Mismatch), Outcome::Lost),
            (Refusal::OtherJob { id: id() }, Outcome::Failed(CauseKind::Mismatch), Outcome::Lost),
            (Refusal::Busy { running: id() }, Outcome::Failed(CauseKind::Busy), Outcome::Lost),
        ];
        for (refusal, asked, sought) in told {
            let ending = Ending::Refused(refusal);
            assert_eq!((outcome_of(&ending), found_of(&ending)), (asked, sought), "{ending:?}");
        }
        let failed = Ending::Ended(Told::Failed(Failure::new(Cause::Interrupted, "m")));
        assert_eq!(found_of(&failed), Outcome::Failed(CauseKind::Interrupted));
        assert_eq!(found_of(&Ending::NotAnAgent { why: message() }), Outcome::Lost);
    }

    #[test]
    fn a_failure_says_its_cause_in_words() {
        let failure = Failure::new(Cause::HeldPackage, "expected libc6 2, found it held at 1");
        let ending = Ending::Ended(Told::Failed(failure));
        assert_eq!(outcome_of(&ending), Outcome::Failed(CauseKind::HeldPackage));
        assert_eq!(words_of(&ending), "expected libc6 2, found it held at 1");
    }
}
