//! Builds that somebody wants kept, whatever their age.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::BuildNumber;
use crate::retention::RetentionError;
use crate::store::{Store, StoreError, write_atomically};

/// Who keeps a build, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    pub by: String,
    pub at: Timestamp,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pins(pub BTreeMap<u32, Pin>);

impl Pins {
    pub fn read(store: &Store) -> Result<Self, RetentionError> {
        let path = store.pins();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| RetentionError::Pins { path, found: error.to_string() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(StoreError::io("reading", &path)(error).into()),
        }
    }

    /// Sets or ends the pin of a build, beside others who do the same.
    pub fn change(store: &Store, number: BuildNumber, pin: Option<Pin>) -> Result<(), RetentionError> {
        let _locked = store.lock_now()?;
        let mut pins = Self::read(store)?;
        match pin {
            Some(pin) => pins.0.insert(number.0, pin),
            None => pins.0.remove(&number.0),
        };
        let bytes = serde_json::to_vec_pretty(&pins)
            .map_err(|error| RetentionError::Pins { path: store.pins(), found: error.to_string() })?;
        Ok(write_atomically(&store.pins(), &bytes)?)
    }
}
