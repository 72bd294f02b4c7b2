//! Takes out of the store what is damaged.

use std::{fs, path::Path};

use eadem_model::AtError;

use crate::{StoreError, store::Store};

impl Store {
    /// Removes what an error says is damaged, so that it counts as missing and is made again; gives what is
    /// to be said of it.
    ///
    /// Other names of the same file, in rooms that are at work, stay with them.
    ///
    /// # Errors
    /// Any other error as it came; [`StoreError::Damaged`] if it cannot be removed.
    pub fn discard(&self, error: StoreError) -> Result<String, StoreError> {
        let StoreError::Damaged { path, why } = error else { return Err(error) };
        match remove(&path) {
            Ok(()) => Ok(format!("{} is damaged: {why}; it is removed, and made again", path.display())),
            Err(error) => Err(StoreError::Damaged {
                path,
                why: format!("{why}, and it cannot be removed: {}", error.source),
            }),
        }
    }
}

/// Removes whatever is there.
fn remove(path: &Path) -> Result<(), AtError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|source| AtError { path: path.to_owned(), source })
}
