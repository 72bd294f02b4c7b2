//! What parts of laid-out layers hold, so that not everything is read in every build; may be deleted at any time.

use std::{collections::BTreeMap, fs, path::PathBuf};

use eadem_model::{Digest, TreePath, document::Version1};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{StoreError, census::digest_of, store::Store};

/// The digests of directories of a layer, as [`Store::content_of`] gave them.
pub type Contents = BTreeMap<TreePath, Digest>;

/// The note's form in the store.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    eadem_contents: Version1,
    parts: Contents,
}

impl Store {
    /// What is noted of a layer's directories; whoever builds from one compares it with what is there.
    pub fn contents(&self, layer: &Digest) -> Contents {
        // Whatever is wrong with it: without a note the layer is read.
        let note = fs::read(self.contents_path(layer)).ok();
        let note = note.and_then(|json| serde_json::from_slice::<Note>(&json).ok());
        note.map(|note| note.parts).unwrap_or_default()
    }

    /// Keeps what was found in a layer's directories, beside what is noted already.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be written.
    pub fn note_contents(&self, layer: &Digest, found: Contents) -> Result<(), StoreError> {
        let mut parts = self.contents(layer);
        parts.extend(found);
        let json = serde_json::to_vec(&Note { eadem_contents: Version1, parts }).expect("paths are text");
        Ok(self.replace(&self.contents_path(layer), &json)?)
    }

    /// Finds out whether a directory of a layer holds what is noted of it.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if it does not.
    pub fn expect_content(
        &self,
        layer: &Digest,
        subpath: &TreePath,
        noted: &Digest,
    ) -> Result<(), StoreError> {
        if self.content_of(layer, subpath)? == *noted {
            return Ok(());
        }
        Err(StoreError::Changed { layer: self.layer_dir(layer), part: subpath.clone() })
    }

    /// Compares all noted parts of a layer with what is there.
    pub(crate) fn check_contents(&self, layer: &Digest) -> Result<(), StoreError> {
        let noted = self.contents(layer);
        let checked = noted.par_iter().map(|(part, digest)| self.expect_content(layer, part, digest));
        checked.collect::<Result<Vec<_>, _>>().map(drop)
    }

    /// Where it is noted what a layer holds.
    pub(crate) fn contents_path(&self, layer: &Digest) -> PathBuf {
        self.layer_dir(layer).with_extension("contents")
    }
}

/// Whether a note is one of a layer's.
pub(crate) fn is_note(path: &std::path::Path) -> bool {
    let is_named = path.extension().is_some_and(|extension| extension == "contents");
    is_named && digest_of(&path.with_extension("")).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layer, Node};

    fn store_with(files: &[(&str, &str)]) -> (tempfile::TempDir, Store, Digest) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let mut layer = Layer::new();
        for (path, content) in files {
            layer.add(path.parse().expect("clean"), Node::file(*content, 1)).expect("new");
        }
        let layer = store.lay_out(layer).expect("laid out");
        (dir, store, layer)
    }

    #[test]
    fn a_changed_file_of_a_laid_out_layer_is_found_by_what_was_noted_of_it() {
        let (_dir, store, layer) = store_with(&[("vendor/a/lib.rs", "1"), ("vendor/b/lib.rs", "2")]);
        let parts: Vec<TreePath> = ["vendor/a", "vendor/b"].map(|part| part.parse().expect("clean")).into();
        for part in &parts {
            let found = store.content_of(&layer, part).expect("readable");
            store.note_contents(&layer, [(part.clone(), found)].into()).expect("noted");
        }
        let noted = store.contents(&layer);
        assert_eq!(noted.keys().cloned().collect::<Vec<_>>(), parts);
        assert!(store.check().expect("readable").faults.is_empty());
        fs::write(store.layer_dir(&layer).join("vendor/b/lib.rs"), "3").expect("the store is ours");
        store.expect_content(&layer, &parts[0], &noted[&parts[0]]).expect("as it was");
        let changed = store.expect_content(&layer, &parts[1], &noted[&parts[1]]).expect_err("another file");
        assert!(matches!(changed, StoreError::Changed { part, .. } if part == parts[1]));
        let faults = store.check().expect("readable").faults;
        assert!(
            matches!(&faults[..], [StoreError::Damaged { path, .. }] if *path == store.layer_dir(&layer))
        );
    }

    #[test]
    fn a_note_that_is_no_note_is_none() {
        let (_dir, store, layer) = store_with(&[("a/lib.rs", "1")]);
        fs::write(store.contents_path(&layer), "{").expect("the store is ours");
        assert_eq!(store.contents(&layer), Contents::new());
        store.note_contents(&layer, Contents::new()).expect("replaced");
        assert!(store.check().expect("readable").faults.is_empty());
    }
}
