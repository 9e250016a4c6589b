//! Pipelines, which people also call configs.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pipeline {
    pub pipeline: String,
    pub title: String,
    pub owner: String,
    pub steps: Vec<PipelineStep>,
    /// All of it in words, as `showconfig` shows it.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PipelineStep {
    pub step: String,
    pub title: String,
}
