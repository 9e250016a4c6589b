//! Why a store cannot be looked at as a whole.

use crate::retention::RetentionError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum FsckError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Retention(#[from] RetentionError),
}
