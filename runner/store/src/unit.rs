//! Records of units: what each gave, under its key.

use std::{fs, io, path::PathBuf};

use eadem_model::{At, Digest, UnitRecord};
use serde::{Deserialize, Serialize};

use crate::{
    StoreError,
    census::{digest_of, list, touch},
    store::Store,
};

/// A record as it lies on the disk. A file that was changed, or has another's name, is found by the digest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    digest: Digest,
    record: UnitRecord,
}

impl Store {
    /// Keeps what a unit gave; the blobs that it names must be there.
    pub fn put_unit(&self, key: &Digest, record: &UnitRecord) -> Result<(), StoreError> {
        let page = Page { digest: digest(key, record), record: record.clone() };
        let json = serde_json::to_vec_pretty(&page).expect("records have only text keys");
        Ok(self.replace(&self.unit_path(key), &json)?)
    }

    /// What the unit with a key gave, if that is known and all of it is still there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the record, or something that it names, is there with other bytes.
    pub fn unit(&self, key: &Digest) -> Result<Option<UnitRecord>, StoreError> {
        let Some(record) = self.unit_record(key)? else { return Ok(None) };
        match self.expect_outputs(&record) {
            Err(StoreError::Missing(_)) => Ok(None),
            outputs => outputs.map(|()| Some(record)),
        }
    }

    /// The record of a unit, whatever became of its outputs; none if it is of another eadem.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is not as it was written.
    pub fn unit_record(&self, key: &Digest) -> Result<Option<UnitRecord>, StoreError> {
        let path = self.unit_path(key);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.at(&path)?,
        };
        match serde_json::from_slice::<Page>(&bytes) {
            Ok(page) if page.digest == digest(key, &page.record) => Ok(Some(page.record)),
            Ok(_) => Err(StoreError::Damaged { path, why: "it is not as it was written".to_owned() }),
            Err(error) if error.is_data() => Ok(None),
            Err(error) => Err(StoreError::Damaged { path, why: error.to_string() }),
        }
    }

    fn expect_outputs(&self, record: &UnitRecord) -> Result<(), StoreError> {
        self.expect_tree(&record.tree)?;
        let texts = [record.stdout, record.stderr];
        let templates = record.checked.iter().flat_map(|proof| proof.templates.values());
        texts.iter().chain(templates).try_for_each(|digest| self.expect_text(digest))
    }

    /// Nearly all units say nothing, which is no blob that could be lost.
    fn expect_text(&self, digest: &Digest) -> Result<(), StoreError> {
        if *digest == Digest::of(b"") {
            return self.put_blob(b"").map(drop);
        }
        self.expect_blob(digest, None)
    }

    /// Notes that a unit's record was used just now.
    pub fn note_use(&self, key: &Digest) {
        touch(&self.unit_path(key));
    }

    /// The keys of all units that there is something of, in byte order.
    pub fn unit_keys(&self) -> Result<Vec<Digest>, StoreError> {
        let paths = list(&self.dir().join("units"))?;
        Ok(paths.iter().filter_map(|path| digest_of(&path.with_extension(""))).collect())
    }

    pub(crate) fn unit_path(&self, key: &Digest) -> PathBuf {
        self.dir().join("units").join(format!("{}.json", key.hex()))
    }
}

fn digest(key: &Digest, record: &UnitRecord) -> Digest {
    Digest::of(&serde_json::to_vec(&(key, record)).expect("records have only text keys"))
}

#[cfg(test)]
mod tests {
    use eadem_model::{OutputSink, UnitKind, Usage, document::Version1};

    use super::*;

    /// A store with a unit that wrote "abc".
    fn store() -> (tempfile::TempDir, Store, Digest, UnitRecord) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let mut writer = store.tree_writer();
        writer.file(&"a.rlib".parse().expect("clean"), false, &mut &b"abc"[..]).expect("taken");
        let tree = writer.finish().expect("finished");
        let stdout = store.put_blob(b"said").expect("stored");
        let stderr = store.put_blob(b"").expect("stored");
        let (kind, package, usage) = (UnitKind::Compile, "a 1.0.0".to_owned(), Usage::default());
        let record = UnitRecord {
            eadem_unit: Version1,
            kind,
            package,
            tree,
            stdout,
            stderr,
            usage,
            checked: None,
            unseen: None,
        };
        let key = Digest::of(b"key");
        assert_eq!(store.unit(&key).expect("readable"), None);
        store.put_unit(&key, &record).expect("kept");
        (dir, store, key, record)
    }

    fn tamper(path: &std::path::Path, bytes: &[u8]) {
        fs::remove_file(path).expect("removed");
        fs::write(path, bytes).expect("written");
    }

    #[test]
    fn a_unit_answers_only_while_all_that_it_wrote_is_there_and_whole() {
        let (_dir, store, key, record) = store();
        assert_eq!(store.unit(&key).expect("readable"), Some(record));
        for (bytes, other) in [(&b"abc"[..], &b"abd"[..]), (b"said", b"sayd")] {
            let blob = store.file_path(&Digest::of(bytes));
            fs::remove_file(&blob).expect("removed");
            assert_eq!(store.unit(&key).expect("readable"), None);
            fs::write(&blob, other).expect("written");
            assert!(matches!(store.unit(&key), Err(StoreError::Damaged { .. })));
            store.put_blob(bytes).expect("stored again");
            assert!(store.unit(&key).expect("readable").is_some());
        }
    }

    #[test]
    fn a_record_that_was_changed_is_found_and_one_of_another_eadem_is_none() {
        let (_dir, store, key, _) = store();
        let path = store.unit_path(&key);
        let text = fs::read_to_string(&path).expect("there");
        let blob = Digest::of(b"said").hex();
        tamper(&path, text.replace(&Digest::of(b"abc").hex(), &blob).as_bytes());
        assert!(matches!(store.unit(&key), Err(StoreError::Damaged { .. })));
        tamper(&path, &text.as_bytes()[..100]);
        assert!(matches!(store.unit(&key), Err(StoreError::Damaged { .. })));
        tamper(&path, text.replace("\"eadem_unit\": 1", "\"eadem_unit\": 99").as_bytes());
        assert_eq!(store.unit(&key).expect("readable"), None);
        let another = Digest::of(b"another");
        fs::write(store.unit_path(&another), &text).expect("written");
        assert!(matches!(store.unit(&another), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn what_is_damaged_is_removed_and_counts_as_missing() {
        let (_dir, store, key, record) = store();
        tamper(&store.file_path(&Digest::of(b"abc")), b"abd");
        let said = store.discard(store.unit(&key).expect_err("is damaged")).expect("removed");
        assert!(said.contains(&Digest::of(b"abc").hex()) && said.contains("is damaged"), "{said}");
        assert_eq!(store.unit(&key).expect("readable"), None);
        store.put_blob(b"abc").expect("stored again");
        assert_eq!(store.unit(&key).expect("readable"), Some(record));
        assert!(matches!(store.discard(StoreError::Missing(key)), Err(StoreError::Missing(_))));
    }

    #[test]
    fn the_silence_of_a_unit_cannot_be_lost() {
        let (_dir, store, key, record) = store();
        tamper(&store.file_path(&Digest::of(b"")), b"noise");
        assert_eq!(store.unit(&key).expect("readable"), Some(record));
    }
}
