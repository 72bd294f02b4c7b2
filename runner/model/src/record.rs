//! What a plan gave, kept so that the same work is not done twice.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Ending, Exception, Explanation, Name, Outcome, Published, Setting, Supplied, Tree, Trial,
    UnitsRecord, Variation, Verdict, document::Version1,
};

/// The name of one invocation of eadem; names sort by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// Makes a name from a time and something that no other run has.
    pub fn new(seconds: u64, nonce: u32) -> Self {
        Self(format!("{seconds:010}-{nonce:08x}"))
    }

    /// When the run started, in seconds since 1970.
    pub fn seconds(&self) -> u64 {
        self.0.split('-').next().and_then(|seconds| seconds.parse().ok()).unwrap_or_default()
    }

    /// The name as text, fit for a file name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that cannot name a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the name of a run")]
pub struct RunIdError {
    text: String,
}

impl FromStr for RunId {
    type Err = RunIdError;

    /// Reads what [`RunId::new`] writes.
    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let good = text.split_once('-').is_some_and(|(seconds, nonce)| {
            seconds.len() >= 10
                && seconds.bytes().all(|byte| byte.is_ascii_digit())
                && nonce.len() == 8
                && nonce.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        });
        if good { Ok(Self(text.to_owned())) } else { Err(RunIdError { text: text.to_owned() }) }
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
    /// The recipe.
    pub recipe: Name,
    /// The plan's digest.
    pub plan: Digest,
    /// The rounds, the baseline first.
    pub rounds: Vec<RoundRecord>,
    /// What a verification said; a single build says nothing.
    pub verdict: Option<Verdict>,
    /// What it had of other recipes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Supplied>,
    /// Why the rounds differ, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// The further rounds that were made to find that out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<Trial>,
    /// What the outputs were compared with that somebody published; other bytes make the verdict worse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<Published>,
    /// The recipe's exceptions, and what came of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Excepted>,
    /// What it was compared with to see whether it has regressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
}

/// An earlier verification of the same recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Its run.
    pub run: RunId,
    /// What that said.
    pub verdict: Verdict,
    /// What it varied.
    pub varied: BTreeSet<Variation>,
    /// The commit of the project whose recipe and locks it had, if it was found by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl Base {
    /// A verification as a base; none without a verdict.
    pub fn of(record: &Record, commit: Option<String>) -> Option<Self> {
        Some(Self { run: record.run.clone(), verdict: record.verdict?, varied: record.varied(), commit })
    }
}

/// What came of an exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excepted {
    /// The exception.
    #[serde(flatten)]
    pub exception: Exception,
    /// Whether it happened; one that did not is stale.
    pub happened: bool,
}

impl Record {
    /// Whether all rounds left the same.
    pub fn is_equal(&self) -> bool {
        self.rounds.iter().all(|round| Some(&round.tree) == self.rounds.first().map(|first| &first.tree))
    }

    /// What differed on purpose between the first two rounds, and was applied.
    pub fn varied(&self) -> BTreeSet<Variation> {
        let [first, second, ..] = &self.rounds[..] else { return BTreeSet::new() };
        second.varied(first)
    }

    /// What rounds gave, without a verdict.
    pub fn new(run: RunId, recipe: Name, plan: Digest, rounds: Vec<RoundRecord>) -> Self {
        Self {
            eadem_record: Version1,
            run,
            recipe,
            plan,
            rounds,
            needs: Vec::new(),
            verdict: None,
            explanation: None,
            trials: Vec::new(),
            published: Vec::new(),
            exceptions: Vec::new(),
            base: None,
        }
    }
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
    /// How it was cut into units, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<UnitsRecord>,
}

impl RoundRecord {
    /// What differs on purpose from another round, and was applied.
    pub fn varied(&self, first: &Self) -> BTreeSet<Variation> {
        let is_skipped =
            |one: &Variation| self.outcome.skipped.iter().any(|skipped| skipped.variation == one.as_str());
        let all = first.setting.variations(&self.setting);
        all.into_iter().filter(|one| !is_skipped(one)).collect()
    }
}

/// What is known of the state that a failed build left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Format version.
    pub eadem_kept: Version1,
    /// The run.
    pub run: RunId,
    /// Which of its rounds, from 1.
    pub n_round: usize,
    /// The plan's digest.
    pub plan: Digest,
    /// The engine's name; another cannot show the state.
    pub engine: String,
    /// The values of the round's variations: the state holds their paths.
    pub setting: Setting,
    /// How the round ended.
    pub ending: Ending,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_run_is_read_as_it_was_written() {
        let run = RunId::new(1_790_000_000, 0xab);
        assert_eq!(run.seconds(), 1_790_000_000);
        assert_eq!(run.as_str().parse(), Ok(run));
        for text in
            ["", "hexyl", "1790000000", "1790000000-00000AB0", "179-000000ab", "1790000000-000000ab-x"]
        {
            assert!(text.parse::<RunId>().is_err(), "{text:?}");
        }
    }
}
