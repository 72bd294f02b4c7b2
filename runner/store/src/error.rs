//! What can go wrong on the disk.

use std::{io, path::PathBuf};

use eadem_model::{AtError, Digest, TreePath};

use crate::{layer::LayerError, unpack::UnpackError};

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] AtError),
    /// The store is somebody else's.
    #[error("the store {} belongs to uid {owner}, and this is uid {me}", dir.display())]
    Owner {
        /// The store.
        dir: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        me: u32,
    },
    /// The directory holds something, and it is no store.
    #[error("{} is no store of eadem, and it is not empty", dir.display())]
    NotAStore {
        /// The directory.
        dir: PathBuf,
    },
    /// A blob is not there.
    #[error("blob {0} is not in the store")]
    Missing(Digest),
    /// Other bytes came than must.
    #[error("the bytes have {found}, not {wanted}")]
    WrongDigest {
        /// What must come.
        wanted: Digest,
        /// What came.
        found: Digest,
    },
    /// A file of the store is not what eadem writes there.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A directory of a laid-out layer does not hold what it held.
    #[error("`{part}` in {} is not what was laid out there", layer.display())]
    Changed {
        /// The laid-out layer.
        layer: PathBuf,
        /// The directory in it.
        part: TreePath,
    },
    /// A layer's entries cannot be laid out.
    #[error("layer {layer} cannot be unpacked")]
    Unpack {
        /// Its diff_id.
        layer: Digest,
        /// Why.
        source: UnpackError,
    },
    /// A layer's entries contradict each other.
    #[error(transparent)]
    Entries(#[from] LayerError),
    /// A layer's content could not be read while it was written.
    #[error("a layer's content cannot be read or compressed")]
    Layer(#[source] io::Error),
}
