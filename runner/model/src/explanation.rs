//! Where two outputs differ, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Normalised;

/// All that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The places that differ, in the order of the files. None: both sides are equal.
    pub findings: Vec<Finding>,
    /// What was not looked into, and why.
    pub bounded: Vec<String>,
    /// Files that could not be read, and why: whether they differ is not known.
    pub unread: Vec<String>,
    /// Outputs that differ in nothing but what their normalisations take out: a second tier, never a proof.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub normalised: Vec<Normalised>,
}

impl Explanation {
    /// Each reason once, with what is surest of it, in the order in which they were found.
    pub fn causes(&self) -> Vec<&Cause> {
        let mut causes: Vec<&Cause> = Vec::new();
        for cause in self.findings.iter().filter(|one| one.follows.is_empty()).flat_map(|one| &one.causes) {
            match causes.iter_mut().find(|known| known.cause == cause.cause) {
                Some(known) if cause.confidence < known.confidence => *known = cause,
                Some(_) => {}
                None => causes.push(cause),
            }
        }
        causes
    }
}

/// One place at which two outputs differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Where: from the file inwards. Empty if two files were given and they differ as a whole.
    pub place: Vec<Spot>,
    /// How the two sides differ there.
    #[serde(flatten)]
    pub change: Change,
    /// Why, the surest first; empty if it follows from something else.
    pub causes: Vec<Cause>,
    /// Places in the same file that this difference is a consequence of.
    pub follows: Vec<String>,
}

/// One step inwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", content = "name", rename_all = "lowercase")]
pub enum Spot {
    /// An entry of a tree.
    File(String),
    /// What a packing holds: `gzip`, `xz`, `zstd`, `bzip2`.
    Packed(String),
    /// A member of an archive.
    Member(String),
    /// A section of an ELF file.
    Section(String),
    /// A function or object, with its source line if that is known.
    Symbol(String),
}

/// How two sides differ at a place. Pairs are always the first side, then the second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// It is on one side alone.
    Only {
        /// 1 or 2.
        side: u8,
    },
    /// It has another kind: a directory and a file.
    Kind {
        /// The kinds.
        values: [String; 2],
    },
    /// Something beside the content differs: `mode`, `owner`, `mtime`, `link`.
    Attribute {
        /// Which.
        name: String,
        /// Its values.
        values: [String; 2],
        /// How many members of the same archive differ likewise, this one included.
        members: usize,
    },
    /// The same parts in another order.
    Order {
        /// What the parts are.
        parts: Parts,
        /// The first parts that are not at the same place.
        values: [String; 2],
    },
    /// Lines of a text differ.
    Lines {
        /// The first differing stretches.
        hunks: Vec<Hunk>,
        /// How many there are.
        total: usize,
    },
    /// Bytes differ.
    Bytes {
        /// The lengths in bytes.
        sizes: [u64; 2],
        /// How many bytes differ or are there on one side alone; at least that many if `bounded` says so.
        differing: u64,
        /// In how many stretches.
        total: usize,
        /// The first of them.
        windows: Vec<Window>,
    },
    /// Nothing but addresses of what moved.
    Moved {
        /// How many.
        addresses: u64,
    },
    /// Equal content that was packed otherwise.
    Packing,
}

/// What is in another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parts {
    /// The lines of a text.
    Lines,
    /// The members of an archive.
    Members,
    /// The texts of a file.
    Strings,
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lines => "lines",
            Self::Members => "members",
            Self::Strings => "strings",
        })
    }
}

/// Lines that stand on one side and not on the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hunk {
    /// The first line's number, from 1, on each side.
    pub lines: [usize; 2],
    /// What the first side has there.
    pub first: Vec<String>,
    /// What the second side has there.
    pub second: Vec<String>,
}

/// Bytes that differ, with some around them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The offset of the first byte shown, on each side.
    pub offsets: [u64; 2],
    /// The bytes shown, as hexadecimal digits.
    pub hex: [String; 2],
    /// The text that they are part of, if both sides have one.
    pub texts: Option<[String; 2]>,
}

/// Why bytes differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What it is.
    pub cause: Reason,
    /// What was seen.
    pub evidence: String,
    /// What to change.
    pub remedy: String,
    /// How sure this is.
    pub confidence: Confidence,
}

/// What a cause is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The value of a variation that has no rule of its own: its name.
    Known(String),
    /// Where the build took place.
    BuildPath,
    /// When the build took place.
    Timestamp,
    /// The name of the machine.
    Hostname,
    /// Who built.
    User,
    /// The builder's home.
    Home,
    /// The name of a temporary file.
    TemporaryName,
    /// The order of equal parts.
    Order,
    /// Who owns what is packed.
    Owner,
    /// The permissions of what is packed.
    Mode,
    /// How the content was packed.
    Packing,
    /// An identifier that is a function of the rest of the file.
    BuildId,
    /// A hash in the names that a compiler gives.
    NameHash,
    /// Bytes without any likeness, or an identifier.
    Random,
    /// Where something lay in memory.
    Address,
    /// Bytes between the fields of a record, which nobody has set.
    Padding,
    /// The code is another one.
    Code,
    /// No rule knows it.
    Unknown,
}

/// How sure a cause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// With the known value of one side in the place of the other's, the bytes are equal.
    Proven,
    /// It has the shape.
    Likely,
    /// Nothing more is known.
    Unknown,
}
