//! Bytes that somebody published, beside those that a build gave.

use serde::{Deserialize, Serialize};

use crate::{Digest, Explanation, TreePath};

/// An output of which there is a published digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The output.
    pub path: TreePath,
    /// What was published under its name.
    pub published: Digest,
    /// What the first round gave.
    pub built: Digest,
    /// How the two differ, if the published bytes were at hand. The first side is what was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

impl Published {
    /// Whether the build gave what was published.
    pub fn is_same(&self) -> bool {
        self.published == self.built
    }
}
