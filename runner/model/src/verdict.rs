//! What `verify` says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The outcome of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All rounds left the same bytes.
    Reproducible,
    /// The rounds left different bytes where the recipe says so, and nowhere else.
    Excepted,
    /// The rounds left different bytes.
    Differs,
    /// Two equal rounds left different bytes, too.
    Flaky,
    /// They differ, and at the base they did not.
    Regressed,
    /// The build itself failed in one of the rounds.
    BuildFailed,
    /// The machine, the network or eadem failed.
    Inconclusive,
}

impl Verdict {
    /// Whether the rounds left different bytes that nobody expected.
    pub const fn is_difference(self) -> bool {
        matches!(self, Self::Differs | Self::Flaky | Self::Regressed)
    }

    /// The word that is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reproducible => "reproducible",
            Self::Excepted => "excepted",
            Self::Differs => "differs",
            Self::Flaky => "flaky",
            Self::Regressed => "regressed",
            Self::BuildFailed => "build-failed",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
