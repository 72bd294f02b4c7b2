//! A further round of a verification, which tells why the first two differ.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Variation;

/// A round in a setting between the first round's and the second's, and what differed from the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The variations that had the second round's values; none: the first round, once more.
    pub varied: BTreeSet<Variation>,
    /// What differed, in words: outputs by their paths, units by what they do.
    pub differed: Vec<String>,
    /// The log's name below the store's `logs/`.
    pub log: String,
}
