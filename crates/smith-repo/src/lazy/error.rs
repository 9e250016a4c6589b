//! Why what was left at an upstream does not come.

use crate::fetch::ObjectError;
use crate::mirror::HeldError;
use crate::name::BuildNumber;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum LazyError {
    #[error(
        "build {number}: {} of {wanted} package files did not come; {}",
        .failed.len(), .failed.first().map_or_else(String::new, ToString::to_string)
    )]
    Objects { number: BuildNumber, wanted: u64, failed: Vec<ObjectError> },
    #[error(transparent)]
    Held(#[from] HeldError),
    #[error(transparent)]
    Store(#[from] StoreError),
}
