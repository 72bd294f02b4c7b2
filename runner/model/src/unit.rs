//! Units: the plans inside a cargo build, and what they gave.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{Digest, Explanation, Tree, TreePath, Usage, document::Version1};

/// Whether, and how, a recipe's crates and build scripts are built each in a room of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Units {
    /// Not: the whole build in one room.
    Off,
    /// From the highest rung that bears: [`Rung::PerPackage`], [`Rung::Whole`], then [`Rung::OneRoom`].
    #[default]
    Auto,
    /// On [`Rung::PerPackage`] or not at all.
    PerPackage,
    /// On [`Rung::Whole`] or not at all.
    Whole,
}

impl Units {
    /// The rungs to be tried, one after the other.
    pub const fn rungs(self) -> &'static [Rung] {
        match self {
            Self::Off => &[Rung::OneRoom],
            Self::Auto => &[Rung::PerPackage, Rung::Whole, Rung::OneRoom],
            Self::PerPackage => &[Rung::PerPackage],
            Self::Whole => &[Rung::Whole],
        }
    }
}

/// How far a build was cut; the highest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// Units that see their own package, or the whole workspace if they are of it.
    PerPackage,
    /// Units that see all sources.
    Whole,
    /// No units.
    OneRoom,
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PerPackage => "in units with the sources of their packages",
            Self::Whole => "in units with all sources",
            Self::OneRoom => "in one room",
        })
    }
}

/// What came of cutting a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitsRecord {
    /// The rung that bore.
    pub rung: Rung,
    /// How many units there were, questions to the compiler left out.
    pub total: u64,
    /// How many of them came from the store.
    pub hits: u64,
    /// Processor time of those that ran, in milliseconds.
    pub cpu_ms: u64,
    /// Why each higher rung did not bear, in words.
    pub fell: Vec<String>,
    /// What units looked for that is not of their packages, in words, and were shown alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The keys of all units that it took from the store or put there, questions too.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<Digest>,
    /// What came of checking the units of a verification one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<UnitsCheck>,
}

/// What a verification found out about the units of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitsCheck {
    /// How many units proofs of earlier verifications answered for.
    pub proofs: u64,
    /// How many units ran in the second round's setting, with what the first round gave.
    pub ran: u64,
    /// The units that differ by themselves: the same inputs, other outputs.
    pub guilty: Vec<Blame>,
    /// The units that differ because their inputs do.
    pub followers: Vec<Blame>,
}

/// A unit whose outputs differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blame {
    /// The package and its version.
    pub package: String,
    /// What the unit does.
    pub duty: Duty,
    /// What differs, by its place in the unit's output directory; `stdout` is what a build script printed.
    pub outputs: Vec<String>,
    /// The crates of the proc macros that the compiler could run: they may be at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub macros: Vec<String>,
    /// How they differ, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

impl Blame {
    /// The unit in words.
    pub fn name(&self) -> String {
        format!("the {} of {}", self.duty, self.package)
    }
}

/// What a unit does, told as finely as blame needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duty {
    /// Compiles a library or a program.
    Compile,
    /// Compiles a proc macro.
    CompileMacro,
    /// Compiles a build script.
    CompileScript,
    /// Runs a build script.
    RunScript,
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compile => "compilation",
            Self::CompileMacro => "compilation of the proc macro",
            Self::CompileScript => "compilation of the build script",
            Self::RunScript => "build script",
        })
    }
}

/// What a unit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitKind {
    /// Asks the compiler about itself.
    Query,
    /// Compiles a crate.
    Compile,
    /// Compiles a build script.
    CompileScript,
    /// Runs a build script.
    RunScript,
}

impl fmt::Display for UnitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query => "question to the compiler",
            Self::Compile => "compilation",
            Self::CompileScript => "compilation of the build script",
            Self::RunScript => "build script",
        })
    }
}

/// Something that happened to a unit while a build went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitNews {
    /// What the unit does.
    pub kind: UnitKind,
    /// The package and its version.
    pub package: String,
    /// The crate, if it compiles one.
    #[serde(rename = "crate")]
    pub crate_name: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub step: UnitStep,
}

/// What may happen to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum UnitStep {
    /// Another build makes it just now.
    Waits,
    /// Its room is being made.
    Began,
    /// It ran, and took this time.
    Ran {
        /// Wall time in milliseconds.
        wall_ms: u64,
    },
    /// What it gave was in the store.
    Taken {
        /// Wall time in milliseconds when it ran.
        wall_ms: u64,
    },
    /// It did not end well.
    Failed,
}

impl UnitNews {
    /// The unit in words; the same from one build of a recipe to the next.
    pub fn name(&self) -> String {
        let Self { kind, package, crate_name, .. } = self;
        format!("{kind} of {package} {}", crate_name.as_deref().unwrap_or_default()).trim_end().to_owned()
    }
}

/// What the last build of a recipe in units tells of the next one; decides no byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// How many units there were.
    pub total: u64,
    /// How many hundredths of a unit ran at one time; 0 if unknown.
    pub at_once_percent: u64,
    /// Wall time in milliseconds by the unit's name.
    pub took_ms: BTreeMap<String, u64>,
}

/// What a unit gave; kept under its key, and only if it ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitRecord {
    /// Format version.
    pub eadem_unit: Version1,
    /// What was done.
    pub kind: UnitKind,
    /// The package and its version.
    pub package: String,
    /// What was written to the unit's output directory.
    pub tree: Tree,
    /// The blob of its standard output.
    pub stdout: Digest,
    /// The blob of its standard error.
    pub stderr: Digest,
    /// What it took when it ran.
    pub usage: Usage,
    /// A proof: it gave the same in another setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<UnitProof>,
    /// Why this is no answer: it looked for what its room does not show. What it gave with that in its room has
    /// another key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<Unseen>,
}

/// What a unit looked for that its room does not show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unseen {
    /// The same in words.
    pub why: String,
    /// What it is to be shown.
    pub view: View,
}

/// What a unit is shown of the sources besides those of its package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// These directories and files, by their places in the room where cargo runs, which has the baseline's places.
    These(BTreeSet<String>),
    /// All sources.
    All,
}

/// How a unit was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitProof {
    /// What differed between the two rooms; see [`Setting::variations`](crate::Setting::variations).
    pub variations: Vec<String>,
    /// The outputs of a build script that name roots: the blob of each, with marks for the roots.
    pub templates: BTreeMap<TreePath, Digest>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_auto_goes_down_and_it_ends_in_one_room() {
        assert_eq!(Units::Auto.rungs().last(), Some(&Rung::OneRoom));
        assert_eq!(Units::PerPackage.rungs(), [Rung::PerPackage]);
        assert_eq!(Units::Whole.rungs(), [Rung::Whole]);
        assert_eq!(Units::Off.rungs(), [Rung::OneRoom]);
    }
}
