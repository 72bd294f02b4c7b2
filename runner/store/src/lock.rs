//! Work that only one process does at a time.

use std::fs::File;

use eadem_model::At;

use crate::{StoreError, store::Store};

/// Held while work is done; given up on drop, or by the kernel if the holder dies.
#[derive(Debug)]
pub struct WorkLock {
    _file: File,
}

impl Store {
    /// Waits until nobody else does the work `what`, then holds it.
    ///
    /// Whoever waited looks again whether the work is still to be done.
    pub fn exclusive(&self, what: &str) -> Result<WorkLock, StoreError> {
        let name: String = what
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
            .collect();
        let path = self.dir().join("locks").join(name);
        let file = File::options().create(true).append(true).open(&path).at(&path)?;
        file.lock().at(&path)?;
        Ok(WorkLock { _file: file })
    }
}
