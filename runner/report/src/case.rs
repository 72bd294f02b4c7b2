//! What reports are made of.

use eadem_model::{Name, OutputDifference, Record, Verdict};

use crate::Standing;

/// What one invocation of `verify` found.
#[derive(Debug, Clone)]
pub struct Report {
    /// eadem's version.
    pub version: String,
    /// A case for each recipe, in the order in which they were verified.
    pub cases: Vec<Case>,
}

/// What was found out about one recipe.
#[derive(Debug, Clone)]
pub struct Case {
    /// The recipe.
    pub recipe: Name,
    /// Its file, relative to the project's root.
    pub file: String,
    /// The verdict; none if something else than the build stood in the way, such as a stale lock.
    pub verdict: Option<Verdict>,
    /// Why there is no better verdict.
    pub fault: Option<Fault>,
    /// The rounds and why they differ; none if there was no round.
    pub record: Option<Record>,
    /// Whether an earlier run's proof answered, and nothing was built.
    pub is_proof: bool,
    /// Every output that differs.
    pub differences: Vec<OutputDifference>,
    /// The crates of the build, by name; none if it was not cut into units.
    pub crates: Vec<Crate>,
    /// The ends of the rounds' logs.
    pub logs: Vec<Log>,
}

/// What went wrong, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// What failed.
    pub message: String,
    /// What is known about it, a line each; of a build the last lines of its log.
    pub facts: Vec<String>,
    /// Why, from the outside in.
    pub causes: Vec<String>,
    /// What to type.
    pub hints: Vec<String>,
}

/// A package of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crate {
    /// Its name and version.
    pub name: String,
    /// What it depends on, likewise.
    pub needs: Vec<String>,
    /// What is known of its units.
    pub state: State,
}

/// How the units of a package stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// One of them differs by itself.
    Guilty,
    /// One of them differs because of what it was given.
    Follower,
    /// All gave the same in both rounds.
    Same,
    /// They ran, and were not compared.
    Unchecked,
    /// No unit is of it.
    Absent,
}

impl State {
    /// The word that is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guilty => "guilty",
            Self::Follower => "follows",
            Self::Same => "same",
            Self::Unchecked => "unchecked",
            Self::Absent => "not built",
        }
    }

    /// A sign beside the word, since nothing is said by colour alone.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Guilty => "✗",
            Self::Follower => "↳",
            Self::Same => "✓",
            Self::Unchecked => "?",
            Self::Absent => "–",
        }
    }

    /// What it means.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Guilty => "differs by itself",
            Self::Follower => "differs because of what it was given",
            Self::Same => "gave the same bytes in both rounds",
            Self::Unchecked => "was not compared",
            Self::Absent => "is not part of this build",
        }
    }
}

/// The end of a round's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Which round, from 1.
    pub n_round: usize,
    /// The command that prints all of it.
    pub command: String,
    /// How many lines came before.
    pub n_before: usize,
    /// The last lines.
    pub lines: Vec<String>,
}

impl Report {
    /// How many cases stand in each way, the gravest first; those that there are none of are left out.
    pub(crate) fn counts(&self) -> Vec<(Standing, usize)> {
        let count = |standing: Standing| {
            (standing, self.cases.iter().filter(|case| case.standing() == standing).count())
        };
        let counts = Standing::ALL.into_iter().map(count);
        counts.filter(|(_, n)| *n > 0).collect()
    }
}

impl Case {
    /// What is said of it in a word.
    pub(crate) fn standing(&self) -> Standing {
        Standing::of(self.verdict)
    }

    /// What is said of it in a sentence.
    pub(crate) fn sentence(&self) -> String {
        let proof = self.record.as_ref().filter(|_| self.is_proof);
        let proof = proof.map(|record| format!(" Run {} has proved this.", record.run)).unwrap_or_default();
        let published = self.record.iter().flat_map(|record| &record.published);
        let meaning = match self.verdict {
            Some(Verdict::Differs) if self.differences.is_empty() && published.count() > 0 => {
                "The rounds left the same bytes, and others than were published."
            }
            _ => self.standing().meaning(),
        };
        format!("{meaning}{proof}")
    }

    /// How long its rounds took, in milliseconds.
    pub(crate) fn wall_ms(&self) -> u64 {
        let rounds = self.record.iter().filter(|_| !self.is_proof).flat_map(|record| &record.rounds);
        rounds.map(|round| round.outcome.usage.wall_ms).sum()
    }
}
