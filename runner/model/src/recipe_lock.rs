//! `recipes/NAME.lock`: every input byte of a recipe by digest.

use serde::{Deserialize, Serialize};

use crate::{Digest, Name, TreePath, document::Version1};

/// What a recipe's inputs were when it was locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RecipeLock {
    /// Format version.
    pub eadem_lock: Version1,
    /// The recipe's name.
    pub recipe: Name,
    /// The meaning of the recipe when it was locked; another meaning makes the lock stale.
    pub meaning: Digest,
    /// The image.
    pub image: LockedImage,
    /// Every source in byte order of kind, name and version: the recipe's own first.
    pub sources: Vec<LockedSource>,
    /// The source layer, by the digest of its uncompressed tar.
    pub layer: Digest,
}

/// The image that a recipe was locked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedImage {
    /// The image's name.
    pub name: Name,
    /// Its config's digest.
    pub config: Digest,
    /// Its layers' uncompressed digests, lowest first.
    pub diff_ids: Vec<Digest>,
}

/// One source, pinned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LockedSource {
    /// The archive that the recipe names.
    Archive {
        /// Its address.
        url: String,
        /// Its content.
        sha256: Digest,
        /// Its length in bytes.
        size: u64,
        /// How many leading directories are dropped.
        strip: u32,
    },
    /// The published crate that the recipe names.
    Own {
        /// The crate's name.
        name: String,
        /// Its version.
        version: semver::Version,
        /// Its content.
        sha256: Digest,
        /// Its length in bytes.
        size: u64,
    },
    /// A directory of the project.
    Directory {
        /// Relative to the project's root.
        path: String,
        /// The digest of its canonical tar.
        tree: Digest,
    },
    /// The source package of a distribution that the recipe names.
    Dsc {
        /// The source package's name.
        name: String,
        /// Its version.
        version: String,
        /// How its files become a directory: `3.0 (quilt)`.
        format: String,
        /// The time at which a snapshot archive has it, `YYYYMMDDTHHMMSSZ`.
        snapshot: String,
        /// Its files in byte order of their paths.
        files: Vec<LockedFile>,
    },
    /// A crate that `Cargo.lock` names.
    Crate {
        /// The crate's name.
        name: String,
        /// Its version.
        version: semver::Version,
        /// Its content, as `Cargo.lock` says.
        sha256: Digest,
        /// Its length in bytes.
        size: u64,
    },
}

/// One file of a source, pinned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedFile {
    /// Its place below a mirror's root: `pool/main/…`.
    pub path: TreePath,
    /// Its content.
    pub sha256: Digest,
    /// Its length in bytes.
    pub size: u64,
}
