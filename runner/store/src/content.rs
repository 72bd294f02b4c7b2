//! The digest of a directory of a layer, for those who see no more than that directory.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use eadem_model::{At, Digest, DigestWriter, Entry, Tree, TreePath};

use crate::{StoreError, store::Store};

impl Store {
    /// The digest of the tree that lies in a directory of a layer, or of a file of it by itself; two layers may hold
    /// equal ones.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if a name or a link is no text.
    pub fn content_of(&self, layer: &Digest, subpath: &TreePath) -> Result<Digest, StoreError> {
        let (path, mut tree) = (self.layer_dir(layer).join(subpath.as_str()), Tree::default());
        let kind = fs::symlink_metadata(&path).at(&path)?;
        if kind.is_file() {
            tree.entries.insert("file".parse().expect("a clean path"), file(&path, &kind)?);
        } else {
            read(&path, None, &mut tree)?;
        }
        Ok(tree.digest())
    }
}

fn read(dir: &Path, at: Option<&TreePath>, tree: &mut Tree) -> Result<(), StoreError> {
    for entry in fs::read_dir(dir).at(dir)? {
        let path = entry.at(dir)?.path();
        let no_text = || StoreError::Damaged { path: path.clone(), why: "its name is no text".to_owned() };
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(no_text)?;
        let inner = at.map_or_else(|| name.parse(), |at| at.join(name)).map_err(|_| no_text())?;
        let kind = fs::symlink_metadata(&path).at(&path)?;
        if kind.is_dir() {
            read(&path, Some(&inner), tree)?;
            tree.entries.insert(inner, Entry::Directory);
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).at(&path)?;
            let target = target.to_str().ok_or_else(no_text)?.to_owned();
            tree.entries.insert(inner, Entry::Symlink { target });
        } else {
            tree.entries.insert(inner, file(&path, &kind)?);
        }
    }
    Ok(())
}

fn file(path: &Path, kind: &Metadata) -> Result<Entry, StoreError> {
    let executable = kind.permissions().mode() & 0o100 != 0;
    let mut hash = DigestWriter::new(io::sink());
    io::copy(&mut File::open(path).at(path)?, &mut hash).at(path)?;
    let (digest, size, _) = hash.finish();
    Ok(Entry::File { digest, size, executable })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layer, Node};

    fn laid_out(store: &Store, files: &[(&str, &str)]) -> Digest {
        let mut layer = Layer::new();
        for (path, content) in files {
            layer.add(path.parse().expect("clean"), Node::file(*content, 1)).expect("new");
        }
        store.lay_out(layer).expect("laid out")
    }

    #[test]
    fn a_directory_has_one_digest_whatever_lies_beside_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let content = |files: &[(&str, &str)]| {
            let subpath = "vendor/a".parse().expect("clean");
            store.content_of(&laid_out(&store, files), &subpath).expect("readable")
        };
        let one = content(&[("vendor/a/lib.rs", "1"), ("vendor/b/lib.rs", "2")]);
        assert_eq!(one, content(&[("vendor/a/lib.rs", "1"), ("vendor/b/lib.rs", "3")]));
        assert_ne!(one, content(&[("vendor/a/lib.rs", "2")]));
        assert_ne!(one, content(&[("vendor/a/main.rs", "1")]));
    }

    #[test]
    fn a_file_has_a_digest_of_its_own() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let content = |text: &str, path: &str| {
            let layer = laid_out(&store, &[("a/lib.rs", text)]);
            store.content_of(&layer, &path.parse().expect("clean")).expect("readable")
        };
        assert_ne!(content("1", "a/lib.rs"), content("2", "a/lib.rs"));
        assert_ne!(content("1", "a/lib.rs"), content("1", "a"));
    }
}
