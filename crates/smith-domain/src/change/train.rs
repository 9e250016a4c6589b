//! Trains: one template, one change for each region, so that a production switch is approved region by region.

use serde::{Deserialize, Serialize};

use crate::id::{ChangeId, TrainId};

/// The fields of a train, as its template names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainForm {
    pub squad: String,
    pub service: String,
    pub title: String,
    /// The regions; each gets a change of its own.
    pub environment: Vec<String>,
    pub details: String,
    pub risk: String,
    pub deployment_impact: String,
    pub deployment_method: String,
    pub planned_start: String,
    pub planned_end: String,
    pub stage_deploy_date: String,
    pub vendored_or_non_built: bool,
    pub security_only: bool,
    pub backout_plan: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Train {
    pub id: TrainId,
    pub form: TrainForm,
    pub by: String,
    pub changes: Vec<ChangeId>,
}

/// The first field that a train cannot do without and that is empty.
pub(super) fn missing_field(form: &TrainForm) -> Option<&'static str> {
    let fields = [
        ("Squad", &form.squad),
        ("Service", &form.service),
        ("Title", &form.title),
        ("Details", &form.details),
        ("Risk", &form.risk),
        ("PlannedStartTime", &form.planned_start),
        ("PlannedEndTime", &form.planned_end),
        ("StageDeployDate", &form.stage_deploy_date),
        ("BackoutPlan", &form.backout_plan),
    ];
    if form.environment.is_empty() {
        return Some("Environment");
    }
    fields.iter().find(|(_, value)| value.trim().is_empty()).map(|(name, _)| *name)
}
