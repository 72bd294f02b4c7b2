//! What a plan gave, kept so that the same work is not done twice.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Digest, Outcome, Setting, Tree, Verdict, document::Version1};

/// The name of one invocation of eadem; names sort by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// Makes a name from a time and something that no other run has.
    pub fn new(seconds: u64, nonce: u32) -> Self {
        Self(format!("{seconds:010}-{nonce:08x}"))
    }

    /// The name as text, fit for a file name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a plan gave in one run of eadem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Format version.
    pub eadem_record: Version1,
    /// The run.
    pub run: RunId,
    /// The plan's digest.
    pub plan: Digest,
    /// The rounds, the baseline first.
    pub rounds: Vec<RoundRecord>,
    /// What a verification said; a single build says nothing.
    pub verdict: Option<Verdict>,
}

/// What one round gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRecord {
    /// The engine's name.
    pub engine: String,
    /// The values of the round's variations.
    pub setting: Setting,
    /// When it started, in seconds since 1970.
    pub started: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What it left, if it ended well.
    pub tree: Option<Tree>,
    /// The log's name below the store's `logs/`.
    pub log: String,
}
