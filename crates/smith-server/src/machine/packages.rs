//! What a patch changed on a machine, in full, as it is kept beside the journal: the note of an event has its beginning only.

use serde::Serialize;
use smith_agent::protocol::{Done, Failure, Outcome as Told, Patched};

use super::job::Asked;
use super::operation::Ending;

/// These shapes are read for years; fields are only added.
#[derive(Debug, Serialize)]
struct PatchRecord<'a> {
    machine: &'a str,
    project: u32,
    build: u32,
    /// Of the action, among those that the project asked of the machine.
    serial: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    patched: Option<&'a Patched>,
    /// A patch that failed had changed something by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<&'a Failure>,
}

/// Nothing where no package was changed.
pub(super) fn patch_record(machine: &str, asked: &Asked, ending: &Ending) -> Option<Vec<u8>> {
    let (patched, failed) = match ending {
        Ending::Ended(Told::AlreadySo(Done::Patched(patched)) | Told::Done(Done::Patched(patched)))
            if !patched.changes.is_empty() =>
        {
            (Some(patched.as_ref()), None)
        }
        Ending::Ended(Told::Failed(failure)) if !failure.changes.is_empty() => (None, Some(failure)),
        Ending::Ended(_)
        | Ending::Refused(_)
        | Ending::Running
        | Ending::Unreachable { .. }
        | Ending::KeyRefused { .. }
        | Ending::NotAnAgent { .. }
        | Ending::Lost { .. } => return None,
    };
    let Asked { rollout, build, serial, .. } = *asked;
    let record = PatchRecord { machine, project: rollout.0, build: build.0, serial, patched, failed };
    // It was read from JSON and can be written as such.
    serde_json::to_vec_pretty(&record).ok()
}

#[cfg(test)]
mod tests {
    use smith_agent::protocol::{Cause, Change};
    use smith_domain::id::{BuildNumber, MachineId, RolloutId};
    use smith_domain::rollout::Action;
    use smith_domain::time::Timestamp;

    use super::*;

    #[test]
    fn every_change_is_in_the_record_however_many_there_are() {
        let asked = Asked {
            rollout: RolloutId(7),
            of: Timestamp(0),
            machine: MachineId(3),
            serial: 2,
            action: Action::Patch,
            build: BuildNumber(725),
            tenure: 1,
        };
        let change = |number: u32| Change {
            name: format!("package-{number}"),
            architecture: "amd64".to_owned(),
            from: Some("1".to_owned()),
            to: Some("2".to_owned()),
        };
        let patched = Patched { build: 725, changes: (0..2_000).map(change).collect(), ..Patched::default() };
        let ending = |patched| Ending::Ended(Told::Done(Done::Patched(Box::new(patched))));
        let record = patch_record("m-3", &asked, &ending(patched)).expect("a record");
        let record: serde_json::Value = serde_json::from_slice(&record).expect("JSON");
        assert_eq!(record["machine"], "m-3");
        assert_eq!(record["patched"]["changes"][1_999]["name"], "package-1999");
        assert!(patch_record("m-3", &asked, &ending(Patched::default())).is_none());
        let failure =
            Failure { changes: vec![change(1)].into(), ..Failure::new(Cause::PackageFailed, "it broke") };
        let record = patch_record("m-3", &asked, &Ending::Ended(Told::Failed(failure))).expect("a record");
        let record: serde_json::Value = serde_json::from_slice(&record).expect("JSON");
        assert_eq!(record["failed"]["changes"][0]["to"], "2");
    }
}
