//! What is to be built, as a pure value.
//!
//! A plan has no field that could turn the network on, and no engine: the same plan gives the same
//! tree wherever it runs. What may differ between rounds stands in [`crate::Setting`], and a plan
//! speaks of it only by [`Root`] placeholders.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, Limits, Supply, TreePath, Veil};

/// The processor family of an image, by its OCI name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// x86-64.
    Amd64,
    /// AArch64.
    Arm64,
}

impl Architecture {
    /// The name that OCI and Debian share.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// A directory whose place a round chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Root {
    /// The recipe's own source, read-only.
    Source,
    /// CARGO_HOME with the vendored crates, read-only.
    Cargo,
    /// Where the build writes.
    Target,
    /// The user's home, writable.
    Home,
}

/// A text with placeholders for the roots that a round chooses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(Vec<Part>);

/// One part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
enum Part {
    Root { root: Root },
    Literal(String),
}

impl Text {
    /// Starts with a root.
    pub fn root(root: Root) -> Self {
        Self(vec![Part::Root { root }])
    }

    /// Adds literal text.
    #[must_use]
    pub fn then(mut self, literal: &str) -> Self {
        self.0.push(Part::Literal(literal.to_owned()));
        self
    }

    /// Adds a root.
    #[must_use]
    pub fn then_root(mut self, root: Root) -> Self {
        self.0.push(Part::Root { root });
        self
    }

    /// Adds another text.
    #[must_use]
    pub fn then_text(mut self, text: Self) -> Self {
        self.0.extend(text.0);
        self
    }

    /// Replaces each root by what `place` says.
    pub fn resolve(&self, place: impl Fn(Root) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Root { root } => place(*root),
        };
        self.0.iter().map(part).collect()
    }
}

impl From<&str> for Text {
    fn from(literal: &str) -> Self {
        Self::default().then(literal)
    }
}

impl From<String> for Text {
    fn from(literal: String) -> Self {
        Self(vec![Part::Literal(literal)])
    }
}

/// A directory or a file of a layer that the room shows read-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The layer, by the digest of its uncompressed tar.
    pub layer: Digest,
    /// The directory inside the layer, or the file.
    pub subpath: TreePath,
    /// Where the room shows it.
    pub at: Root,
    /// Where below that, if not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<TreePath>,
    /// Whether it is a file, which only rooms with veils show by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub file: bool,
}

/// A file or directory that the build must leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its place in the tree.
    pub path: TreePath,
    /// Its place in the room.
    pub from: Text,
}

/// Which user ids a room knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Users {
    /// The build's own alone: every file is the build's, and nothing can be given away.
    #[default]
    One,
    /// 65536, so that a build may give files to other users and become root of its room.
    Range,
}

/// Everything that decides the bytes of a build; its digest is the identity of the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this format.
    pub eadem_plan: u32,
    /// The image's layers by their uncompressed digests, lowest first.
    pub rootfs: Vec<Digest>,
    /// The processor that the image is for.
    pub architecture: Architecture,
    /// Read-only directories.
    pub inputs: Vec<Input>,
    /// The program and its arguments.
    pub argv: Vec<Text>,
    /// The environment, besides what the round's setting adds.
    pub env: BTreeMap<String, Text>,
    /// Where the program starts.
    pub cwd: Text,
    /// Seconds since 1970 that stand for "now" in outputs (`SOURCE_DATE_EPOCH`).
    pub epoch: u64,
    /// Which user ids there are.
    pub users: Users,
    /// What the build may use up.
    pub limits: Limits,
    /// What the build must leave.
    pub outputs: Vec<Output>,
    /// What the writable directories hold at first, by the digest of a tree of `target` and `home`; nothing
    /// unless said. Only what a build adds to it is taken as outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Digest>,
    /// What it shows of other recipes' outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Supply>,
    /// Where the room has names of what it does not show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub veils: Vec<Veil>,
}

impl Plan {
    /// The version of the plan's format that this program writes.
    pub const FORMAT: u32 = 1;

    /// The identity of the work: the digest of the canonical JSON.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// The bytes that the plan is stored as: its canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::canonical_json(self)
    }
}
