//! An I/O error that knows its path.

use std::{
    io,
    path::{Path, PathBuf},
};

/// An I/O error and the path that it is about.
#[derive(Debug, thiserror::Error)]
#[error("cannot read or write {}", path.display())]
pub struct AtError {
    /// The path.
    pub path: PathBuf,
    /// What went wrong there.
    pub source: io::Error,
}

/// Gives an I/O result its path.
pub trait At<T> {
    /// Names the path that the operation was about.
    fn at(self, path: impl AsRef<Path>) -> Result<T, AtError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, path: impl AsRef<Path>) -> Result<T, AtError> {
        self.map_err(|source| AtError { path: path.as_ref().to_owned(), source: source.into() })
    }
}
