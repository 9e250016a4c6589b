//! Selectors: the text with which people name machines.

use serde::{Deserialize, Serialize};

/// A selector in its canonical text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Selector(String);
