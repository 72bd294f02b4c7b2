//! Pins: what is to stay, whatever nobody uses.

use std::{collections::BTreeSet, fs, io};

use eadem_model::{At, Digest, RunId, document::Version1};
use serde::{Deserialize, Serialize};

use crate::{
    StoreError,
    census::list,
    store::{Parents, Store, make_private},
};

/// Something that is to stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Format version.
    pub eadem_pin: Version1,
    /// What the user calls it: letters, digits, `-`, `.` and `_`.
    pub name: String,
    /// Blobs, layers and units.
    pub digests: BTreeSet<Digest>,
    /// Records, each by its plan and its run.
    pub runs: Vec<(Digest, RunId)>,
}

impl Store {
    /// All pins, in byte order of their names.
    pub fn pins(&self) -> Result<Vec<Pin>, StoreError> {
        let read = |path: std::path::PathBuf| {
            let bytes = fs::read(&path).at(&path)?;
            serde_json::from_slice(&bytes)
                .map_err(|error| StoreError::Damaged { path, why: error.to_string() })
        };
        list(&self.dir().join("pins"))?.into_iter().map(read).collect()
    }

    /// Keeps a pin; one of the same name is replaced.
    pub fn put_pin(&self, pin: &Pin) -> Result<(), StoreError> {
        make_private(&self.dir().join("pins"), Parents::Expect)?;
        let json = serde_json::to_vec_pretty(pin).expect("pins have only text keys");
        Ok(self.replace(&self.dir().join("pins").join(format!("{}.json", pin.name)), &json)?)
    }

    /// Removes a pin; `false` if there is none of this name.
    pub fn remove_pin(&self, name: &str) -> Result<bool, StoreError> {
        if !self.pins()?.iter().any(|pin| pin.name == name) {
            return Ok(false);
        }
        let path = self.dir().join("pins").join(format!("{name}.json"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => Ok(removed.at(&path).map(|()| true)?),
        }
    }
}
