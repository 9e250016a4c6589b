//! Trains: one template, one change for each region, so that a production switch is approved region by region.

use serde::{Deserialize, Serialize};

use crate::change::decide::ChangeRejection;
use crate::id::{ChangeId, TrainId};
use crate::plain;

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
    /// The channel that may be switched under its changes.
    pub channel: String,
    pub changes: Vec<ChangeId>,
}

/// The channel of trains that name none: trains are what production is switched under.
pub(super) const CHANNEL: &str = "prod";

/// A field of a form holds a page at the most.
const FIELD_MAX: usize = 16 * 1024;
/// Regions of a train: several times those of the largest cloud.
const REGIONS_MAX: usize = 256;
/// A region or a channel is named in a word.
pub(super) const REGION_MAX: usize = 100;

impl TrainForm {
    /// Whether a train can be raised from it.
    pub(crate) fn check(&self) -> Result<(), ChangeRejection> {
        if let Some(field) = missing_field(self) {
            return Err(ChangeRejection::FieldMissing { field });
        }
        self.check_sizes()
    }

    fn check_sizes(&self) -> Result<(), ChangeRejection> {
        let found = self.environment.len();
        if found > REGIONS_MAX {
            return Err(ChangeRejection::TooManyRegions { found, max: REGIONS_MAX });
        }
        let regions = self.environment.iter().map(|region| ("Environment", region, REGION_MAX));
        let fields = [
            ("Squad", &self.squad),
            ("Service", &self.service),
            ("Title", &self.title),
            ("Details", &self.details),
            ("Risk", &self.risk),
            ("DeploymentImpact", &self.deployment_impact),
            ("DeploymentMethod", &self.deployment_method),
            ("PlannedStartTime", &self.planned_start),
            ("PlannedEndTime", &self.planned_end),
            ("StageDeployDate", &self.stage_deploy_date),
            ("BackoutPlan", &self.backout_plan),
        ];
        let fields = fields.into_iter().map(|(what, text)| (what, text, FIELD_MAX));
        for (what, text, max) in fields.chain(regions) {
            if text.len() > max {
                return Err(ChangeRejection::TooLong { what, found: text.len(), max });
            }
            if let Some(found) = plain::hidden_in_lines(text) {
                return Err(ChangeRejection::Hidden { what, found });
            }
        }
        Ok(())
    }
}

/// The first field that a train cannot do without and that is empty.
fn missing_field(form: &TrainForm) -> Option<&'static str> {
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
