//! Trees: the one way for a build's outputs into the store.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use eadem_model::{At, AtError, Digest, Entry, OutputSink, Tree, TreePath};

use crate::{StoreError, store::Store};

/// Makes a tree from what a round leaves.
pub struct TreeWriter<'a> {
    store: &'a Store,
    tree: Tree,
}

impl Store {
    /// Starts a tree.
    pub fn tree_writer(&self) -> TreeWriter<'_> {
        TreeWriter { store: self, tree: Tree::default() }
    }

    /// Whether every file of a tree is there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if one is there with other bytes: nothing may be said of such a tree.
    pub fn has_tree(&self, tree: &Tree) -> Result<bool, StoreError> {
        for entry in tree.entries.values() {
            let Entry::File { digest, .. } = entry else { continue };
            match self.expect_blob(digest, None).and_then(|()| self.check_blob(digest)) {
                Err(StoreError::Missing(_)) => return Ok(false),
                checked => checked?,
            }
        }
        Ok(true)
    }

    /// Makes sure that every file of a tree is as it was written; reads those alone that were written to since.
    ///
    /// # Errors
    /// [`StoreError::Missing`] or [`StoreError::Damaged`] for the first that is not.
    pub fn expect_tree(&self, tree: &Tree) -> Result<(), StoreError> {
        tree.entries.values().try_for_each(|entry| match entry {
            Entry::File { digest, size, .. } => self.expect_blob(digest, Some(*size)),
            _ => Ok(()),
        })
    }

    /// Where the content of a tree's file lies in the store.
    pub fn file_path(&self, digest: &Digest) -> std::path::PathBuf {
        self.blobs_dir().join(digest.hex())
    }

    /// Writes a tree's entries below `dir`; a file that is there is replaced whole.
    pub fn export_tree(&self, tree: &Tree, dir: &Path) -> Result<(), StoreError> {
        for (path, entry) in &tree.entries {
            self.export(&dir.join(path.as_str()), entry)?;
        }
        Ok(())
    }

    fn export(&self, path: &Path, entry: &Entry) -> Result<(), StoreError> {
        let dir = path.parent().expect("an entry lies below the export's directory");
        fs::create_dir_all(dir).at(dir)?;
        match entry {
            Entry::Directory => fs::create_dir_all(path).at(path)?,
            Entry::Symlink { target } => export_symlink(path, target)?,
            Entry::File { digest, executable, .. } => {
                // On the way out, too, nothing passes under another's name.
                self.expect_blob(digest, None)?;
                self.check_blob(digest)?;
                export_file(path, &mut self.open_blob(digest)?, *executable)?;
            }
        }
        Ok(())
    }
}

fn export_file(path: &Path, content: &mut File, executable: bool) -> Result<(), AtError> {
    let dir = path.parent().expect("an entry lies below the export's directory");
    let mut file = tempfile::NamedTempFile::new_in(dir).at(dir)?;
    io::copy(content, &mut file).at(path)?;
    let mode = if executable { 0o755 } else { 0o644 };
    file.as_file().set_permissions(Permissions::from_mode(mode)).at(path)?;
    file.persist(path).map_err(|error| error.error).at(path)?;
    Ok(())
}

fn export_symlink(path: &Path, target: &str) -> Result<(), AtError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at(path),
        _ => symlink(target, path).at(path),
    }
}

impl TreeWriter<'_> {
    /// Ends the tree and keeps it as a blob.
    pub fn finish(self) -> Result<Tree, StoreError> {
        self.store.put_blob(&self.tree.to_bytes())?;
        Ok(self.tree)
    }

    fn add(&mut self, path: &TreePath, entry: Entry) -> io::Result<()> {
        let mut parent = path.parent();
        while let Some(path) = parent {
            self.tree.entries.entry(path.clone()).or_insert(Entry::Directory);
            parent = path.parent();
        }
        match self.tree.entries.insert(path.clone(), entry) {
            None | Some(Entry::Directory) => Ok(()),
            Some(_) => Err(io::Error::other(format!("`{path}` stands twice among the outputs"))),
        }
    }
}

impl OutputSink for TreeWriter<'_> {
    fn directory(&mut self, path: &TreePath) -> io::Result<()> {
        self.add(path, Entry::Directory)
    }

    fn file(&mut self, path: &TreePath, executable: bool, content: &mut dyn Read) -> io::Result<()> {
        let mut blob = self.store.blob_writer().map_err(io::Error::other)?;
        io::copy(content, &mut blob)?;
        blob.flush()?;
        let (digest, size) = blob.finish().map_err(io::Error::other)?;
        self.add(path, Entry::File { digest, size, executable })
    }

    fn symlink(&mut self, path: &TreePath, target: &str) -> io::Result<()> {
        self.add(path, Entry::Symlink { target: target.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        text.parse().expect("clean")
    }

    #[test]
    fn a_tree_comes_out_as_it_went_in() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(&dir.path().join("store")).expect("a store");
        let mut writer = store.tree_writer();
        writer.file(&path("bin/a"), true, &mut &b"abc"[..]).expect("taken");
        writer.symlink(&path("bin/b"), "a").expect("taken");
        let tree = writer.finish().expect("finished");
        assert!(store.has_tree(&tree).expect("readable"));

        let out = dir.path().join("out");
        for _ in 0..2 {
            store.export_tree(&tree, &out).expect("exported");
        }
        assert_eq!(fs::read(out.join("bin/a")).expect("there"), b"abc");
        assert_eq!(fs::metadata(out.join("bin/a")).expect("there").permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read_link(out.join("bin/b")).expect("there"), Path::new("a"));
    }

    #[test]
    fn an_output_that_stands_twice_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let mut writer = store.tree_writer();
        writer.symlink(&path("a"), "b").expect("taken");
        assert!(writer.symlink(&path("a"), "c").is_err());
    }
}
