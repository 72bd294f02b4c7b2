//! Why sources cannot be locked or laid out.

use eadem_model::{Digest, FetchError, Name};
use eadem_store::StoreError;

use crate::{ArchiveError, DebianError, LockfileError, directory::DirectoryError};

/// Why [`crate::lock_sources`] or [`crate::source_layer`] stopped.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Something could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An archive is refused.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A source package is refused.
    #[error(transparent)]
    Debian(#[from] Box<DebianError>),
    /// A `Cargo.lock` is refused.
    #[error(transparent)]
    Lockfile(#[from] LockfileError),
    /// A directory of the project is refused.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The source does not say which versions of which crates it was made with.
    #[error("{of} has no `Cargo.lock`, so its dependencies are not pinned")]
    NoLockfile {
        /// The source.
        of: String,
    },
    /// A directory of the project is not what it was when the recipe was locked.
    #[error("the lock of `{recipe}` is stale: directory `{path}` has {found}, and the lock says {wanted}")]
    Stale {
        /// The recipe.
        recipe: Name,
        /// The directory, relative to the project's root.
        path: String,
        /// What the lock says.
        wanted: Digest,
        /// What the directory is.
        found: Digest,
    },
    /// The sources of a lock do not give the layer of the lock.
    #[error("the sources of `{recipe}` give the layer {found}, and the lock says {wanted}")]
    Layer {
        /// The recipe.
        recipe: Name,
        /// What the lock says.
        wanted: Digest,
        /// What the sources give.
        found: Digest,
    },
    /// A lock does not name exactly one source of the recipe's own.
    #[error("the lock of `{recipe}` names {n_own} sources of its own, and there must be one")]
    Own {
        /// The recipe.
        recipe: Name,
        /// How many it names.
        n_own: usize,
    },
    /// A lock names a crate by what could be a path.
    #[error("the lock of `{recipe}` names a crate `{name}`, which is not the name of a crate")]
    CrateName {
        /// The recipe.
        recipe: Name,
        /// What stands there.
        name: String,
    },
}

impl SourceError {
    /// Whether content is not what it must be.
    pub fn is_integrity(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_integrity(),
            Self::Store(StoreError::WrongDigest { .. } | StoreError::Damaged { .. }) | Self::Layer { .. } => {
                true
            }
            Self::Archive(error) => error.is_integrity(),
            Self::Debian(error) => error.is_integrity(),
            _ => false,
        }
    }

    /// Whether locking the recipe again would help.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Stale { .. } | Self::Own { .. } | Self::CrateName { .. })
    }

    /// What to do about it, if anything can be done.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Stale { recipe, .. } | Self::Own { recipe, .. } | Self::CrateName { recipe, .. } => {
                Some(format!("eadem lock {recipe}"))
            }
            Self::NoLockfile { .. } => Some(
                "take a release that has a Cargo.lock (an archive, or a directory where `cargo \
                 generate-lockfile` was run); finding versions in a room is not supported yet by this eadem"
                    .to_owned(),
            ),
            Self::Lockfile(error) => error.remedy().map(str::to_owned),
            _ => None,
        }
    }
}
