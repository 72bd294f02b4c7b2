//! Why an archive is refused.

use std::io;

use eadem_model::PathError;

/// An archive that is refused.
#[derive(Debug, thiserror::Error)]
#[error("the archive of {archive} is refused")]
pub struct ArchiveError {
    /// What the archive is: a crate and its version, an address.
    pub archive: String,
    /// Why.
    pub source: ArchiveFault,
}

impl ArchiveError {
    /// Whether the archive itself is at fault; not what this program or the recipe asks of it.
    pub fn is_integrity(&self) -> bool {
        !matches!(self.source, ArchiveFault::Zip | ArchiveFault::Shallow { .. } | ArchiveFault::Spool(_))
    }
}

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveFault {
    /// A zip, which is another floor of work.
    #[error("it is a zip, and those are not supported yet by this eadem; take the tar of the release")]
    Zip,
    /// Neither a tar nor something that tars are packed with.
    #[error("it is no tar, plain or packed with gzip, xz, zstd or bzip2")]
    Unknown,
    /// It cannot be read to its end.
    #[error("it is damaged or cut off")]
    Damaged(#[source] io::Error),
    /// Something follows the end of the archive.
    #[error("other bytes follow its end")]
    Trailing,
    /// An entry ends before its content does.
    #[error("it is cut off inside entry `{entry}`")]
    Truncated {
        /// The entry.
        entry: String,
    },
    /// A name could leave the tree.
    #[error("entry `{entry}` cannot be placed")]
    Name {
        /// The entry.
        entry: String,
        /// What is wrong with its name.
        source: PathError,
    },
    /// A name or a link's target is not UTF-8.
    #[error("entry `{entry}` has a name or a target that is not UTF-8")]
    NotText {
        /// The entry, its odd bytes replaced.
        entry: String,
    },
    /// A crate's entry is not in the crate's directory.
    #[error("entry `{entry}` is not below `{top}/`, where a crate has everything")]
    OtherTop {
        /// The entry.
        entry: String,
        /// The directory.
        top: String,
    },
    /// A file has fewer leading directories than are to be dropped.
    #[error("entry `{entry}` has fewer leading directories than `strip` drops")]
    Shallow {
        /// The entry.
        entry: String,
    },
    /// A device, a pipe or something unknown.
    #[error("entry `{entry}` is {kind}, which sources cannot hold")]
    Kind {
        /// The entry.
        entry: String,
        /// What it is.
        kind: &'static str,
    },
    /// Two entries want the same place.
    #[error("entry `{entry}` stands twice")]
    Duplicate {
        /// The place.
        entry: String,
    },
    /// Two entries would be one where case does not count.
    #[error("entries `{other}` and `{entry}` differ by case alone")]
    Case {
        /// The later one.
        entry: String,
        /// The earlier one.
        other: String,
    },
    /// An entry lies below something that is not a directory.
    #[error("entry `{entry}` goes through `{parent}`, which is not a directory")]
    Through {
        /// The entry.
        entry: String,
        /// What is in its way.
        parent: String,
    },
    /// A symbolic link leaves the tree.
    #[error("entry `{entry}` is a link to `{target}`, which leaves the archive")]
    Leaving {
        /// The entry.
        entry: String,
        /// Its target.
        target: String,
    },
    /// A hard link names something else than an earlier file of the archive.
    #[error("entry `{entry}` is a hard link to `{target}`, which is no earlier file of the archive")]
    Link {
        /// The entry.
        entry: String,
        /// What it names.
        target: String,
    },
    /// It unfolds to more bytes than sources have.
    #[error("it is {packed} bytes and unfolds to more than {most}")]
    TooLarge {
        /// Its size.
        packed: u64,
        /// The limit.
        most: u64,
    },
    /// It has more entries than sources have.
    #[error("it has more than {most} entries")]
    TooMany {
        /// The limit.
        most: u64,
    },
    /// The disk did not take its content.
    #[error("its content cannot be put aside in the store")]
    Spool(#[source] io::Error),
}
