//! Takes out of the store what is damaged.

use std::{fs, io, path::Path};

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
pub(crate) fn remove(path: &Path) -> Result<(), AtError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|source| AtError { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn what_cannot_be_removed_stays_damage_and_what_is_gone_is_none() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let damaged = |path: PathBuf| StoreError::Damaged { path, why: "it holds noise".to_owned() };
        store.discard(damaged(dir.path().join("gone"))).expect("nothing is to be done");
        // Nobody removes a file there, not even root.
        let stays = store.discard(damaged("/proc/self/status".into())).expect_err("stays");
        assert!(matches!(stays, StoreError::Damaged { why, .. } if why.contains("it cannot be removed")));
    }
}
