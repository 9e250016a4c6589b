//! What people and the change desk may do with changes.

use crate::access::Access;
use crate::actor::Actor;
use crate::change::event::{ChangeEvent, Closing, Evidence, Subject};
use crate::change::state::{Change, ChangeState, Changes};
use crate::change::train::{REGION_MAX, TrainForm};
use crate::id::ChangeId;
use crate::pipeline::ChangeRule;
use crate::plain;
use crate::reason::{self, BadReason};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeCommand {
    Approve { number: String, reason: Option<String> },
    Reject { number: String, reason: String },
    Revoke { number: String, reason: String },
    RaiseTrain { form: Box<TrainForm>, rule: ChangeRule, channel: Option<String>, reason: Option<String> },
    StartTrain { numbers: Vec<String>, reason: Option<String> },
    CompleteTrain { numbers: Vec<String>, evidence: Evidence },
    Cancel { number: String, reason: String },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRejection {
    #[error("no change has the number {number}, expected one of the open changes{}", near(.nearest))]
    Unknown { number: String, nearest: Option<String> },
    #[error("{number} is {found}, expected {expected}")]
    WrongState { number: String, expected: &'static str, found: &'static str },
    #[error("{told}, expected somebody else of {who}")]
    OwnRequest { told: String, who: String },
    #[error("{by} may not decide about {number}, expected one of {who}")]
    NotEntitled { number: String, by: String, who: String },
    #[error("{by} has approved {number} already, expected another of {who}")]
    ApprovedTwice { number: String, by: String, who: String },
    #[error("{number} needs no approval: its rule is to record only")]
    NeedsNoApproval { number: String },
    #[error("{number} is for a step of a rollout, expected a change of a train")]
    NotATrain { number: String },
    #[error("the train's field {field} is empty, expected a value")]
    FieldMissing { field: &'static str },
    #[error("the region {region} stands twice in the train, expected each once")]
    RegionTwice { region: String },
    #[error("{what} has {found} bytes, expected at most {max}")]
    TooLong { what: &'static str, found: usize, max: usize },
    #[error("{what} has the character {}, expected none but letters, blanks and ends of lines", plain::name(*.found))]
    Hidden { what: &'static str, found: char },
    #[error("the train has {found} regions, expected at most {max}")]
    TooManyRegions { found: usize, max: usize },
    #[error(transparent)]
    Reason(#[from] BadReason),
    #[error("no change was named, expected at least one number")]
    NoneNamed,
    #[error("{number} was named twice, expected each once")]
    NamedTwice { number: String },
    #[error("the evidence for {number} is incomplete, expected testURL and testPassed")]
    EvidenceMissing { number: String },
}

fn near(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!(" (did you mean {name}?)"))
}

pub fn decide(
    (changes, access): (&Changes, &Access),
    actor: &Actor,
    command: &ChangeCommand,
) -> Result<Vec<ChangeEvent>, ChangeRejection> {
    match command {
        ChangeCommand::Approve { number, reason } => approve(find(changes, number)?, access, actor, reason),
        ChangeCommand::Reject { number, reason } => reject(find(changes, number)?, actor, reason),
        ChangeCommand::Revoke { number, reason } => revoke(find(changes, number)?, actor, reason),
        ChangeCommand::RaiseTrain { form, rule, channel, reason } => {
            raise_train(changes, actor, (form, rule, channel), reason)
        }
        ChangeCommand::StartTrain { numbers, reason } => {
            reason::check_given(reason.as_deref())?;
            each_of(changes, numbers, |change| start_train(change, reason))
        }
        ChangeCommand::CompleteTrain { numbers, evidence } => {
            check_evidence(evidence)?;
            each_of(changes, numbers, |change| complete_train(change, evidence))
        }
        ChangeCommand::Cancel { number, reason } => cancel(find(changes, number)?, reason),
    }
}

fn find<'a>(changes: &'a Changes, number: &str) -> Result<&'a Change, ChangeRejection> {
    changes.find(number).ok_or_else(|| ChangeRejection::Unknown {
        number: number.to_owned(),
        nearest: nearest(changes, number),
    })
}

/// The open change whose number differs in the fewest places.
fn nearest(changes: &Changes, number: &str) -> Option<String> {
    let differing = |other: &str| {
        let places = number.chars().zip(other.chars()).filter(|(a, b)| a != b).count();
        places + number.chars().count().abs_diff(other.chars().count())
    };
    let open = changes.iter().filter(|change| !change.state.has_ended()).filter_map(|c| c.number.as_ref());
    open.map(|other| (differing(other), other))
        .filter(|(by, _)| *by <= 2)
        .min()
        .map(|(_, other)| other.clone())
}

fn wrong_state(change: &Change, expected: &'static str) -> ChangeRejection {
    ChangeRejection::WrongState { number: change.name(), expected, found: change.state.word() }
}

fn approve(
    change: &Change,
    access: &Access,
    actor: &Actor,
    reason: &Option<String>,
) -> Result<Vec<ChangeEvent>, ChangeRejection> {
    let ChangeRule::Approve { who, .. } = &change.rule else {
        return Err(ChangeRejection::NeedsNoApproval { number: change.name() });
    };
    match change.state {
        ChangeState::Raised | ChangeState::Revoked { .. } => {}
        ChangeState::Drafted
        | ChangeState::Approved
        | ChangeState::Begun
        | ChangeState::Refused { .. }
        | ChangeState::Closed { .. }
        | ChangeState::Cancelled { .. } => return Err(wrong_state(change, "one that waits for approval")),
    }
    let (number, by, who_text) = (change.name(), actor.name.clone(), who.to_string());
    // Separation of duties comes before entitlement: an approver's own request is still their own.
    if let Some(tie) = access.tie(&change.by, &by) {
        let told = tie.cannot_approve(&format!("asked for {number}"));
        return Err(ChangeRejection::OwnRequest { told, who: who_text });
    }
    if !who.includes(&actor.name, &actor.roles) {
        return Err(ChangeRejection::NotEntitled { number, by, who: who_text });
    }
    if let Some(tie) = change.approvals.iter().find_map(|approval| access.tie(&approval.by, &by)) {
        return Err(ChangeRejection::ApprovedTwice { number, by: tie.subject(), who: who_text });
    }
    reason::check_given(reason.as_deref())?;
    Ok(vec![ChangeEvent::Approved { change: change.id, by, reason: reason.clone() }])
}

fn entitled(change: &Change, actor: &Actor) -> Result<(), ChangeRejection> {
    let ChangeRule::Approve { who, .. } = &change.rule else {
        return Err(ChangeRejection::NeedsNoApproval { number: change.name() });
    };
    if who.includes(&actor.name, &actor.roles) {
        return Ok(());
    }
    Err(ChangeRejection::NotEntitled { number: change.name(), by: actor.name.clone(), who: who.to_string() })
}

fn reject(change: &Change, actor: &Actor, reason: &str) -> Result<Vec<ChangeEvent>, ChangeRejection> {
    if change.state != ChangeState::Raised {
        return Err(wrong_state(change, "one that waits for approval"));
    }
    entitled(change, actor)?;
    reason::check(reason)?;
    Ok(vec![ChangeEvent::Rejected { change: change.id, by: actor.name.clone(), reason: reason.to_owned() }])
}

fn revoke(change: &Change, actor: &Actor, reason: &str) -> Result<Vec<ChangeEvent>, ChangeRejection> {
    if !change.state.permits() {
        return Err(wrong_state(change, "an approved one"));
    }
    entitled(change, actor)?;
    reason::check(reason)?;
    Ok(vec![ChangeEvent::Revoked { change: change.id, by: actor.name.clone(), reason: reason.to_owned() }])
}

fn cancel(change: &Change, reason: &str) -> Result<Vec<ChangeEvent>, ChangeRejection> {
    reason::check(reason)?;
    if !matches!(change.subject, Subject::Train { .. }) {
        return Err(ChangeRejection::NotATrain { number: change.name() });
    }
    if change.state.has_ended() || change.state == ChangeState::Begun {
        return Err(wrong_state(change, "one that has not begun"));
    }
    Ok(vec![ChangeEvent::Cancelled { change: change.id, reason: reason.to_owned() }])
}

fn raise_train(
    changes: &Changes,
    actor: &Actor,
    (form, rule, channel): (&TrainForm, &ChangeRule, &Option<String>),
    reason: &Option<String>,
) -> Result<Vec<ChangeEvent>, ChangeRejection> {
    form.check()?;
    if let Some(channel) = channel.as_ref().filter(|channel| channel.len() > REGION_MAX) {
        return Err(ChangeRejection::TooLong { what: "Channel", found: channel.len(), max: REGION_MAX });
    }
    let hidden = channel.as_deref().and_then(plain::hidden_in_line);
    if let Some(found) = hidden {
        return Err(ChangeRejection::Hidden { what: "Channel", found });
    }
    reason::check_given(reason.as_deref())?;
    let train = changes.next_train();
    let (by, channel, reason) = (actor.name.clone(), channel.clone(), reason.clone());
    let raised = ChangeEvent::TrainRaised { train, form: Box::new(form.clone()), by, channel, reason };
    let mut events = vec![raised];
    let mut next = changes.next_id();
    for (at, region) in form.environment.iter().enumerate() {
        if form.environment[..at].contains(region) {
            return Err(ChangeRejection::RegionTwice { region: region.clone() });
        }
        events.push(ChangeEvent::Drafted {
            change: next,
            subject: Subject::Train { train, region: region.clone() },
            title: format!("{} ({region})", form.title),
            by: actor.name.clone(),
            rule: rule.clone(),
            tasks: Vec::new(),
        });
        next = ChangeId(next.0 + 1);
    }
    Ok(events)
}

/// All named changes or none of them.
fn each_of(
    changes: &Changes,
    numbers: &[String],
    one: impl Fn(&Change) -> Result<ChangeEvent, ChangeRejection>,
) -> Result<Vec<ChangeEvent>, ChangeRejection> {
    if numbers.is_empty() {
        return Err(ChangeRejection::NoneNamed);
    }
    let mut events = Vec::with_capacity(numbers.len());
    for (at, number) in numbers.iter().enumerate() {
        if numbers[..at].contains(number) {
            return Err(ChangeRejection::NamedTwice { number: number.clone() });
        }
        let change = find(changes, number)?;
        if !matches!(change.subject, Subject::Train { .. }) {
            return Err(ChangeRejection::NotATrain { number: number.clone() });
        }
        events.push(one(change)?);
    }
    Ok(events)
}

fn start_train(change: &Change, reason: &Option<String>) -> Result<ChangeEvent, ChangeRejection> {
    if change.state != ChangeState::Approved {
        return Err(wrong_state(change, "an approved one"));
    }
    Ok(ChangeEvent::Begun { change: change.id, reason: reason.clone() })
}

/// Where tests can be looked at is an address; what they showed is a page at the most.
const ADDRESS_MAX: usize = 2048;
const SUMMARY_MAX: usize = 16 * 1024;

fn check_evidence(evidence: &Evidence) -> Result<(), ChangeRejection> {
    let address = evidence.test_url.as_deref().unwrap_or_default();
    for (what, text, max) in
        [("the summary", evidence.summary.as_str(), SUMMARY_MAX), ("testURL", address, ADDRESS_MAX)]
    {
        if text.len() > max {
            return Err(ChangeRejection::TooLong { what, found: text.len(), max });
        }
    }
    Ok(())
}

fn complete_train(change: &Change, evidence: &Evidence) -> Result<ChangeEvent, ChangeRejection> {
    if change.state != ChangeState::Begun {
        return Err(wrong_state(change, "one in progress"));
    }
    let (Some(_), Some(passed)) = (&evidence.test_url, evidence.test_passed) else {
        return Err(ChangeRejection::EvidenceMissing { number: change.name() });
    };
    let how = if passed { Closing::Successful } else { Closing::Unsuccessful };
    Ok(ChangeEvent::Closed { change: change.id, how, evidence: evidence.clone() })
}
