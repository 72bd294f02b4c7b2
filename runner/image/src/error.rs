//! What can go wrong between a definition and an image.

use eadem_model::{Digest, FetchError, Name};
use eadem_store::StoreError;

use crate::{DebError, FixupError, IndexError, ReleaseError, ResolveError, RootError, SignatureError};

/// Why an image cannot be locked, built or read.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The keyring beside the definition is another than the definition says.
    #[error("keyring `{file}` has {found}, not {wanted}")]
    WrongKeyring {
        /// The keyring's file.
        file: String,
        /// What the definition says.
        wanted: Digest,
        /// What the file has.
        found: Digest,
    },
    /// The keyring cannot be read.
    #[error(transparent)]
    Keyring(#[from] SignatureError),
    /// The suite's release is not accepted.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// A package index cannot be unpacked.
    #[error("the package index `{path}` cannot be unpacked")]
    Unreadable {
        /// Its place below the mirror's root.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A package index cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// No set of packages can be chosen.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The suite has no such source package.
    #[error("suite `{suite}` has no source package {name} {version}{}", offered(.versions))]
    NoSource {
        /// The source package.
        name: String,
        /// The version that was asked for.
        version: String,
        /// The suite.
        suite: Name,
        /// The versions that it has.
        versions: Vec<String>,
    },
    /// The lock was made by another version of the rules: it must be made anew.
    #[error("the lock of image `{image}` follows fix-ups {wanted}, and this eadem knows {known}")]
    Fixups {
        /// The image.
        image: String,
        /// What the lock says.
        wanted: u32,
        /// What this program does.
        known: u32,
    },
    /// The lock contradicts itself.
    #[error("the lock of image `{image}` is broken: {why}")]
    Lock {
        /// The image.
        image: String,
        /// What is wrong with it.
        why: String,
    },
    /// A package file is refused.
    #[error(transparent)]
    Package(#[from] DebError),
    /// Packages cannot stand in one root.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The root cannot be finished.
    #[error(transparent)]
    Fixup(#[from] FixupError),
    /// The packages gave another image than the lock says.
    #[error("image `{image}` has the {what} {found}, not {wanted}")]
    Different {
        /// The image.
        image: String,
        /// Which of its digests differs.
        what: String,
        /// What the lock says.
        wanted: Digest,
        /// What was made.
        found: Digest,
    },
    /// An image of the store cannot be read.
    #[error("the image with the manifest {digest} is broken: {why}")]
    Broken {
        /// The manifest's digest.
        digest: Digest,
        /// What is wrong with it.
        why: String,
    },
    /// Bytes cannot be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ImageError {
    /// Whether a digest, signature or archive is not what it must be.
    pub fn is_integrity(&self) -> bool {
        match self {
            Self::WrongKeyring { .. }
            | Self::Release(_)
            | Self::Unreadable { .. }
            | Self::Index(_)
            | Self::Root(_)
            | Self::Different { .. }
            | Self::Broken { .. } => true,
            Self::Package(error) => error.is_integrity(),
            Self::Fetch(error) => error.is_integrity(),
            Self::Store(error) => matches!(
                error,
                StoreError::WrongDigest { .. } | StoreError::Damaged { .. } | StoreError::Unpack { .. }
            ),
            _ => false,
        }
    }

    /// Whether the definition is at fault, or the lock.
    pub fn blame(&self) -> Option<Blame> {
        match self {
            Self::Keyring(_) | Self::Resolve(_) | Self::Fixup(_) => Some(Blame::Definition),
            Self::Fixups { .. } | Self::Lock { .. } => Some(Blame::Lock),
            _ => None,
        }
    }
}

fn offered(versions: &[String]) -> String {
    if versions.is_empty() { String::new() } else { format!("; it has {}", versions.join(", ")) }
}

/// Which file the user must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// `images/NAME.yaml`, or the keyring beside it.
    Definition,
    /// `images/NAME.lock`, which must be made anew.
    Lock,
}
