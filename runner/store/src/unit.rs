//! Records of units: what each gave, under its key.

use std::{fs, io, path::PathBuf};

use eadem_model::{At, Digest, UnitRecord};

use crate::{StoreError, store::Store};

impl Store {
    /// Keeps what a unit gave; the blobs that it names must be there.
    pub fn put_unit(&self, key: &Digest, record: &UnitRecord) -> Result<(), StoreError> {
        let json = serde_json::to_vec_pretty(record).expect("records have only text keys");
        Ok(self.replace(&self.unit_path(key), &json)?)
    }

    /// What the unit with a key gave, if that is known and all of it is still there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if something is there with other bytes.
    pub fn unit(&self, key: &Digest) -> Result<Option<UnitRecord>, StoreError> {
        let path = self.unit_path(key);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.at(&path)?,
        };
        let record: UnitRecord = serde_json::from_slice(&bytes)
            .map_err(|error| StoreError::Damaged { path, why: error.to_string() })?;
        let templates = record.checked.iter().flat_map(|proof| proof.templates.values());
        let is_whole = self.has_tree(&record.tree)?
            && templates.into_iter().all(|blob| self.has_blob(blob))
            && [&record.stdout, &record.stderr].iter().all(|blob| self.has_blob(blob));
        Ok(is_whole.then_some(record))
    }

    fn unit_path(&self, key: &Digest) -> PathBuf {
        self.dir().join("units").join(format!("{}.json", key.hex()))
    }
}

#[cfg(test)]
mod tests {
    use eadem_model::{OutputSink, UnitKind, Usage, document::Version1};

    use super::*;

    #[test]
    fn a_unit_answers_only_while_all_that_it_wrote_is_there_and_whole() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let mut writer = store.tree_writer();
        writer.file(&"a.rlib".parse().expect("clean"), false, &mut &b"abc"[..]).expect("taken");
        let (tree, nothing) = (writer.finish().expect("finished"), store.put_blob(b"").expect("stored"));
        let (kind, package, usage) = (UnitKind::Compile, "a 1.0.0".to_owned(), Usage::default());
        let (stdout, stderr) = (nothing, nothing);
        let record =
            UnitRecord { eadem_unit: Version1, kind, package, tree, stdout, stderr, usage, checked: None };
        let key = Digest::of(b"key");
        assert_eq!(store.unit(&key).expect("readable"), None);
        store.put_unit(&key, &record).expect("kept");
        assert_eq!(store.unit(&key).expect("readable"), Some(record));
        let blob = store.file_path(&Digest::of(b"abc"));
        fs::remove_file(&blob).expect("removed");
        assert_eq!(store.unit(&key).expect("readable"), None);
        fs::write(&blob, b"abd").expect("written");
        assert!(matches!(store.unit(&key), Err(StoreError::Damaged { .. })));
    }
}
