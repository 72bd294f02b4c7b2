//! Records: what plans gave.

use std::{fs, io, path::PathBuf};

use eadem_model::{At, Digest, Record};

use crate::{StoreError, store::Store};

impl Store {
    /// Keeps a record; the blobs that it names must be there.
    pub fn put_record(&self, record: &Record) -> Result<(), StoreError> {
        let dir = self.records_dir(&record.plan);
        fs::create_dir_all(&dir).at(&dir)?;
        let json = serde_json::to_vec_pretty(record).expect("records have only text keys");
        Ok(self.replace(&dir.join(format!("{}.json", record.run)), &json)?)
    }

    /// All records of a plan, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if one cannot be read.
    pub fn records(&self, plan: &Digest) -> Result<Vec<Record>, StoreError> {
        let dir = self.records_dir(plan);
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.at(&dir)?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.at(&dir)?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        paths.into_iter().rev().map(read).collect()
    }

    fn records_dir(&self, plan: &Digest) -> PathBuf {
        self.dir().join("records").join(plan.hex())
    }
}

fn read(path: PathBuf) -> Result<Record, StoreError> {
    let bytes = fs::read(&path).at(&path)?;
    serde_json::from_slice(&bytes).map_err(|error| StoreError::Damaged { path, why: error.to_string() })
}
