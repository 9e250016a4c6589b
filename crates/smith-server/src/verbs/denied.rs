//! Why something was not done, with the code under which it is explained.

use smith_domain::access::AccessRejection;
use smith_domain::change::ChangeRejection;
use smith_domain::cycle::CycleRejection;
use smith_domain::decide::{BuildRejection, Rejection};
use smith_domain::fleet::{FleetRejection, LookupRejection};
use smith_domain::rollout::RolloutRejection;

use crate::core::Refused;

/// What sort of no it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be understood or makes no sense.
    Invalid,
    /// Nobody said who asks.
    Unknown,
    /// Who asks may not.
    Forbidden,
    /// What it names does not exist.
    NotFound,
    /// It does not fit how things are now.
    Conflict,
    /// Nothing can be recorded at the moment.
    Unavailable,
    /// Something here is broken.
    Broken,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Denied {
    pub kind: Kind,
    /// It has a page in `docs/errors`.
    pub code: &'static str,
    pub text: String,
    pub hint: Option<String>,
}

impl Denied {
    pub fn new(kind: Kind, code: &'static str, text: impl Into<String>) -> Self {
        Self { kind, code, text: text.into(), hint: None }
    }

    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub fn maybe_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    /// Whether it belongs into the record: somebody wanted what they may not.
    pub fn is_for_the_record(&self) -> bool {
        matches!(self.kind, Kind::Forbidden) || matches!(self.code, "S0415")
    }
}

impl From<Refused> for Denied {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Rejected(rejection) => rejection.into(),
            Refused::NotRecording { .. } => Self::new(Kind::Unavailable, "S0416", refused.to_string())
                .with_hint(
                    "machines that are at work go on; smith opens its journal again until it can record",
                ),
            Refused::Ending => Self::new(Kind::Unavailable, "S0416", refused.to_string()),
        }
    }
}

impl From<Rejection> for Denied {
    fn from(rejection: Rejection) -> Self {
        let (kind, code) = match &rejection {
            Rejection::Fleet(fleet) => return fleet.into(),
            Rejection::Build(build) => of_build(build),
            Rejection::Rollout(rollout) => of_rollout(rollout),
            Rejection::Change(change) => of_change(change),
            Rejection::Access(access) => of_access(access),
            Rejection::Cycle(cycle) => of_cycle(cycle),
            Rejection::Repeated { .. } | Rejection::KeyReused { .. } => (Kind::Conflict, "S0415"),
            Rejection::ClockMoved { .. } => (Kind::Conflict, "S0106"),
            Rejection::TooLarge { .. } => (Kind::Invalid, "S0445"),
            Rejection::KeyInKey | Rejection::Actor { .. } | Rejection::Reason(_) => (Kind::Invalid, "S0417"),
        };
        Self::new(kind, code, rejection.to_string())
    }
}

impl From<&FleetRejection> for Denied {
    fn from(rejection: &FleetRejection) -> Self {
        let kind = match rejection {
            FleetRejection::NoSuchExemption { .. } => Kind::NotFound,
            FleetRejection::SourcesShrank { .. }
            | FleetRejection::NotHeldBack { .. }
            | FleetRejection::LostOthers { .. } => Kind::Conflict,
            FleetRejection::TooManyMachines { .. }
            | FleetRejection::TooManyAttributes { .. }
            | FleetRejection::Missing { .. }
            | FleetRejection::TooLong { .. }
            | FleetRejection::Hidden { .. }
            | FleetRejection::EndsInThePast { .. }
            | FleetRejection::SelectsNothing { .. }
            | FleetRejection::TooManyExemptions { .. } => Kind::Invalid,
        };
        Self::new(kind, rejection.code(), rejection.to_string()).maybe_hint(rejection.hint())
    }
}

impl From<LookupRejection> for Denied {
    fn from(rejection: LookupRejection) -> Self {
        let kind = match rejection {
            LookupRejection::Missing { .. } | LookupRejection::Nothing { .. } => Kind::NotFound,
            LookupRejection::CrossesRegions { .. } => Kind::Invalid,
        };
        Self::new(kind, rejection.code(), rejection.to_string()).maybe_hint(rejection.hint())
    }
}

fn of_build(rejection: &BuildRejection) -> (Kind, &'static str) {
    match rejection {
        BuildRejection::Unknown { .. } => (Kind::NotFound, "S0406"),
        BuildRejection::Known { .. } | BuildRejection::Withdrawn { .. } => (Kind::Conflict, "S0406"),
        BuildRejection::UnknownChange { .. } => (Kind::NotFound, "S0407"),
        BuildRejection::ChangeNotBegun { .. } | BuildRejection::ChangeOfAnother { .. } => {
            (Kind::Conflict, "S0408")
        }
        BuildRejection::NoChange { .. } => (Kind::Forbidden, "S0413"),
        BuildRejection::Reason(_) | BuildRejection::Text { .. } => (Kind::Invalid, "S0417"),
    }
}

fn of_rollout(rejection: &RolloutRejection) -> (Kind, &'static str) {
    match rejection {
        RolloutRejection::Build(build) => of_build(build),
        RolloutRejection::Unknown { .. } => (Kind::NotFound, "S0401"),
        RolloutRejection::AlreadyRunning { .. } => (Kind::Conflict, "S0411"),
        RolloutRejection::UnknownStep { .. } | RolloutRejection::UnknownGate { .. } => {
            (Kind::NotFound, "S0403")
        }
        RolloutRejection::WrongMode { .. }
        | RolloutRejection::WrongStep { .. }
        | RolloutRejection::StillHalted { .. }
        | RolloutRejection::NothingToRetry { .. }
        | RolloutRejection::NothingToSkip { .. }
        | RolloutRejection::NothingToSignOff => (Kind::Conflict, "S0402"),
        RolloutRejection::OwnRollout { .. }
        | RolloutRejection::NotEntitled { .. }
        | RolloutRejection::ApprovedTwice { .. } => (Kind::Forbidden, "S0409"),
        RolloutRejection::Reason(_) => (Kind::Invalid, "S0417"),
    }
}

fn of_change(rejection: &ChangeRejection) -> (Kind, &'static str) {
    match rejection {
        ChangeRejection::Unknown { .. } => (Kind::NotFound, "S0407"),
        ChangeRejection::WrongState { .. }
        | ChangeRejection::NeedsNoApproval { .. }
        | ChangeRejection::NotATrain { .. } => (Kind::Conflict, "S0408"),
        ChangeRejection::OwnRequest { .. }
        | ChangeRejection::NotEntitled { .. }
        | ChangeRejection::ApprovedTwice { .. } => (Kind::Forbidden, "S0409"),
        ChangeRejection::FieldMissing { .. }
        | ChangeRejection::RegionTwice { .. }
        | ChangeRejection::NoneNamed
        | ChangeRejection::NamedTwice { .. }
        | ChangeRejection::EvidenceMissing { .. } => (Kind::Invalid, "S0410"),
        ChangeRejection::Reason(_)
        | ChangeRejection::TooLong { .. }
        | ChangeRejection::Hidden { .. }
        | ChangeRejection::TooManyRegions { .. } => (Kind::Invalid, "S0417"),
    }
}

fn of_cycle(rejection: &CycleRejection) -> (Kind, &'static str) {
    match rejection {
        CycleRejection::Build(build) => of_build(build),
        CycleRejection::Change(change) => of_change(change),
        CycleRejection::Unknown { .. }
        | CycleRejection::NoSuchLink { .. }
        | CycleRejection::UnknownGate { .. } => (Kind::NotFound, "S0440"),
        CycleRejection::Ended { .. }
        | CycleRejection::AlreadyRunning { .. }
        | CycleRejection::DueKnown { .. }
        | CycleRejection::WrongLink { .. }
        | CycleRejection::CannotSkip { .. } => (Kind::Conflict, "S0440"),
        CycleRejection::OwnCycle { .. }
        | CycleRejection::NotEntitled { .. }
        | CycleRejection::ApprovedTwice { .. } => (Kind::Forbidden, "S0409"),
        CycleRejection::Reason(_)
        | CycleRejection::Text { .. }
        | CycleRejection::Count { .. }
        | CycleRejection::Twice { .. }
        | CycleRejection::NoTrain
        | CycleRejection::SoakOfNothing { .. } => (Kind::Invalid, "S0440"),
    }
}

fn of_access(rejection: &AccessRejection) -> (Kind, &'static str) {
    match rejection {
        AccessRejection::UnknownToken { .. } => (Kind::NotFound, "S0418"),
        AccessRejection::Revoked { .. } | AccessRejection::KnownSecret { .. } => (Kind::Conflict, "S0418"),
        AccessRejection::NameTaken { .. } => (Kind::Conflict, "S0418"),
        AccessRejection::OwnerChosen { .. } => (Kind::Forbidden, "S0413"),
        AccessRejection::Missing { .. }
        | AccessRejection::Reserved { .. }
        | AccessRejection::TooLong { .. }
        | AccessRejection::Character { .. }
        | AccessRejection::TooMany { .. }
        | AccessRejection::EndsInThePast { .. }
        | AccessRejection::Reason(_) => (Kind::Invalid, "S0417"),
    }
}
