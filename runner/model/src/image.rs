//! `images/NAME.yaml`: a toolchain's root file system.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Architecture, Digest, Name, document::Version1};

/// The definition of an image that is assembled from a distribution's packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Format version.
    pub eadem: Version1,
    /// The image's name, also its file's.
    pub name: Name,
    /// The processor.
    pub architecture: Architecture,
    /// The packages.
    pub debian: DebianSpec,
    /// More symbolic links: place to target.
    #[serde(default, deserialize_with = "crate::document::unique_map")]
    pub links: BTreeMap<String, String>,
}

/// Packages of a Debian-like distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebianSpec {
    /// The suite's code name: `trixie`.
    pub suite: Name,
    /// Parts of the archive.
    #[serde(default = "main_component")]
    pub components: Vec<Name>,
    /// Who may sign.
    pub keyring: Keyring,
    /// Whether the packages that the distribution calls essential come along.
    #[serde(default = "yes")]
    pub essential: bool,
    /// The packages asked for; what they depend on comes along.
    pub packages: Vec<String>,
}

/// Keys in a file beside the image's definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyring {
    /// The file's name; a name, so that it lies beside the definition.
    pub file: Name,
    /// Its content.
    pub sha256: Digest,
}

fn main_component() -> Vec<Name> {
    vec!["main".parse().expect("a name")]
}

fn yes() -> bool {
    true
}

impl Image {
    /// The digest of the definition's meaning.
    pub fn meaning(&self) -> Digest {
        Digest::of(&crate::canonical_json(self))
    }
}

/// `images/NAME.lock`: every package by digest, and what they give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ImageLock {
    /// Format version.
    pub eadem_lock: Version1,
    /// The image's name.
    pub image: Name,
    /// The meaning of the definition when it was locked; another meaning makes the lock stale.
    pub meaning: Digest,
    /// The processor.
    pub architecture: Architecture,
    /// The suite's code name.
    pub suite: Name,
    /// The suite's own date, `YYYYMMDDTHHMMSSZ`: where a snapshot archive has it.
    pub snapshot: String,
    /// The version of the rules by which packages become a file system.
    pub fixups: u32,
    /// More symbolic links, from the definition.
    #[serde(default, deserialize_with = "crate::document::unique_map")]
    pub links: BTreeMap<String, String>,
    /// Every package, in byte order of its name.
    pub packages: Vec<LockedPackage>,
    /// What they give; absent only while the lock is being made.
    pub result: LockedResult,
}

/// One package, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedPackage {
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture: the image's, or `all`.
    pub architecture: String,
    /// The source package that it was built from.
    pub source: String,
    /// Its place below a mirror's root: `pool/main/…`.
    pub path: String,
    /// Its content.
    pub sha256: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Why it is there: `asked for`, `essential`, `needed by NAME`.
    pub why: String,
}

/// The digests of an assembled image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedResult {
    /// The layers' uncompressed digests, lowest first.
    pub diff_ids: Vec<Digest>,
    /// The config's digest.
    pub config: Digest,
    /// The manifest's digest in its gzip form.
    pub manifest: Digest,
    /// The compressor that the manifest's digest depends on, with its exact version.
    pub compressor: String,
}
