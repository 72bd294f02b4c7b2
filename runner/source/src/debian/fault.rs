//! Why a source package is refused.

use eadem_model::PathError;

use crate::ArchiveError;

/// A source package that cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[error("source package {package} cannot be unpacked")]
pub struct DebianError {
    /// Its name and version.
    pub package: String,
    /// Why.
    pub source: DebianFault,
}

impl DebianError {
    /// Whether the package itself is at fault.
    pub fn is_integrity(&self) -> bool {
        match &self.source {
            DebianFault::Format { .. } => false,
            DebianFault::Archive(error) => error.is_integrity(),
            _ => true,
        }
    }
}

/// Why a source package is refused.
#[derive(Debug, thiserror::Error)]
pub enum DebianFault {
    /// Its format is unknown here.
    #[error("its format is `{format}`, and this eadem knows 1.0, 3.0 (native) and 3.0 (quilt)")]
    Format {
        /// What the index says.
        format: String,
    },
    /// A file that its format wants is not among its files, or several are.
    #[error("it has {n_found} files of the kind `{kind}`, and format {format} wants one")]
    File {
        /// Its format.
        format: &'static str,
        /// The kind: `.orig.tar`.
        kind: &'static str,
        /// How many there are.
        n_found: usize,
    },
    /// One of its archives is refused.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The series of patches names one that is not there.
    #[error("`debian/patches/series` names `{patch}`, which is no file of the package")]
    NoPatch {
        /// The patch.
        patch: String,
    },
    /// The series of patches cannot be followed.
    #[error("`debian/patches/series` cannot be followed at `{line}`")]
    Series {
        /// The line.
        line: String,
    },
    /// A patch cannot be applied.
    #[error("patch `{patch}` does not apply")]
    Patch {
        /// The patch.
        patch: String,
        /// Why.
        source: PatchFault,
    },
}

/// Why a patch does not apply.
#[derive(Debug, thiserror::Error)]
pub enum PatchFault {
    /// A name could leave the source, or is of no file.
    #[error("line {line} names `{name}`, which is no file that a patch may change")]
    Name {
        /// The patch's line.
        line: usize,
        /// The name.
        name: String,
        /// What is wrong with it, if it is its form.
        source: Option<PathError>,
    },
    /// A hunk's form is broken.
    #[error("line {line} is no part of a hunk")]
    Form {
        /// The patch's line.
        line: usize,
    },
    /// It wants what only version control can do.
    #[error("line {line} renames or copies a file, which this eadem does not do")]
    Rename {
        /// The patch's line.
        line: usize,
    },
    /// The file is not what the hunk was made for.
    #[error("hunk {number} at line {line} does not fit `{file}`")]
    Hunk {
        /// The file.
        file: String,
        /// Which hunk of the file, from 1.
        number: usize,
        /// The patch's line.
        line: usize,
    },
    /// It is to be removed, and something is left of it.
    #[error("something is left of `{file}`, which it removes")]
    Left {
        /// The file.
        file: String,
    },
    /// It or a file that it changes cannot be read.
    #[error("`{file}` cannot be read")]
    Io {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
}
