//! Why entries cannot be laid out.

use std::io;

use eadem_model::{PathError, TreePath};

/// Why entries cannot be laid out.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The bytes are no tar, or end too early.
    #[error("the tar cannot be read")]
    Tar(#[source] io::Error),
    /// An entry ends before its content does.
    #[error("entry `{path}` is cut off")]
    Truncated {
        /// The entry.
        path: TreePath,
    },
    /// A name could leave the layer, or name the same place in two ways.
    #[error("entry `{name}` cannot be placed")]
    Name {
        /// The name as it stands in the tar.
        name: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// A name or a link's target is not UTF-8.
    #[error("entry `{name}` has a name or a target that is not UTF-8")]
    NotText {
        /// The name with its odd bytes replaced.
        name: String,
    },
    /// An entry is a device, a pipe or something unknown.
    #[error("entry `{path}` is {kind}, which a layer cannot hold")]
    Kind {
        /// The entry.
        path: TreePath,
        /// What it is.
        kind: &'static str,
    },
    /// An entry removes something of a lower layer.
    #[error("entry `{path}` is a whiteout, and those are not supported yet by this eadem")]
    Whiteout {
        /// The entry.
        path: TreePath,
    },
    /// Two entries want the same place.
    #[error("entry `{path}` stands twice")]
    Duplicate {
        /// The place.
        path: TreePath,
    },
    /// An entry lies below something that is not a directory.
    #[error("entry `{path}` goes through `{parent}`, which is not a directory")]
    Through {
        /// The entry.
        path: TreePath,
        /// What is in its way.
        parent: TreePath,
    },
    /// A hard link names something else than a file of the layer.
    #[error("entry `{path}` is a hard link to `{target}`, which is no file of the layer")]
    Link {
        /// The entry.
        path: TreePath,
        /// What it names.
        target: TreePath,
    },
    /// The disk refused.
    #[error("entry `{path}` cannot be written")]
    Write {
        /// The entry, or the directory that everything goes into.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Gives an I/O result the entry that it is about.
pub(super) trait AtEntry<T> {
    fn at_entry(self, path: &TreePath) -> Result<T, UnpackError>;
}

impl<T> AtEntry<T> for io::Result<T> {
    fn at_entry(self, path: &TreePath) -> Result<T, UnpackError> {
        self.map_err(|source| UnpackError::Write { path: path.to_string(), source })
    }
}
