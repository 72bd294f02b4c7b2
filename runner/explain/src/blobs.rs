//! Where bytes come from.

/// What stands at a name of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Its permissions, as far as they are to be compared.
        mode: u32,
        /// Its length in bytes.
        size: u64,
    },
    /// A symbolic link.
    Link {
        /// Its target.
        target: String,
    },
    /// A socket, a device, a pipe.
    Other,
}

/// Gives the files' bytes of one side.
pub trait Blobs {
    /// The bytes of the file of a name, for as long as they are looked at.
    fn open(&self, name: &str) -> Result<Box<dyn AsRef<[u8]> + '_>, BlobError>;
}

/// Why a file cannot be read, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobError(pub String);
