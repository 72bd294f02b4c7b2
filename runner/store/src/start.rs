//! What a room's writable directories hold at first, laid out for an engine to show.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
};

use eadem_model::{At, AtError, Digest, Entry, Tree};

use crate::{StoreError, store::Store, temporary::TemporaryDir};

/// A tree as a directory; removed on drop.
///
/// Its files are further names of blobs, so nobody may write to them: rooms show them below a layer of
/// their own.
pub struct StartDir(TemporaryDir);

impl StartDir {
    /// The directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Store {
    /// Lays a tree out, whose files are in the store.
    ///
    /// # Errors
    /// [`StoreError::Missing`] or [`StoreError::Damaged`] if one is not there as it was written.
    pub fn lay_start(&self, tree: &Tree) -> Result<StartDir, StoreError> {
        let dir = TemporaryDir::create_in(&self.tmp_dir())?;
        self.own(dir.path())?;
        for (path, entry) in &tree.entries {
            self.lay(&dir.path().join(path.as_str()), entry)?;
        }
        Ok(StartDir(dir))
    }

    fn lay(&self, path: &Path, entry: &Entry) -> Result<(), StoreError> {
        match entry {
            Entry::Directory => {
                fs::create_dir(path).at(path)?;
                self.own(path)
            }
            Entry::Symlink { target } => Ok(symlink(target, path).at(path)?),
            Entry::File { digest, size, executable } => {
                self.expect_blob(digest, Some(*size))?;
                // A blob cannot be run, and a further name of it neither.
                if *executable { Ok(self.copy_program(digest, path)?) } else { self.name_blob(digest, path) }
            }
        }
    }

    /// Directories belong to the room's user, who makes files in them.
    fn own(&self, path: &Path) -> Result<(), StoreError> {
        fs::set_permissions(path, Permissions::from_mode(0o755)).at(path)?;
        let (uid, gid) = self.layer_owner().unzip();
        Ok(chown(path, uid, gid).at(path)?)
    }

    fn copy_program(&self, digest: &Digest, path: &Path) -> Result<(), AtError> {
        let blob = self.file_path(digest);
        let mut to = File::create_new(path).at(path)?;
        io::copy(&mut File::open(&blob).at(&blob)?, &mut to).at(path)?;
        to.set_permissions(Permissions::from_mode(0o755)).at(path)
    }

    fn name_blob(&self, digest: &Digest, path: &Path) -> Result<(), StoreError> {
        match fs::hard_link(self.file_path(digest), path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::Missing(*digest)),
            other => Ok(other.at(path)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use eadem_model::OutputSink;

    use super::*;

    #[test]
    fn a_tree_is_laid_out_and_gone_when_nobody_needs_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let path = |text: &str| text.parse().expect("clean");
        let mut writer = store.tree_writer();
        writer.file(&path("0/deps/a.rlib"), false, &mut &b"abc"[..]).expect("taken");
        writer.file(&path("0/run"), true, &mut &b"abc"[..]).expect("taken");
        writer.symlink(&path("0/link"), "run").expect("taken");
        let start = store.lay_start(&writer.finish().expect("finished")).expect("laid out");
        let place = start.path().to_owned();
        let mode = |name: &str| fs::metadata(place.join(name)).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode("0/deps/a.rlib"), mode("0/link"), mode("0/deps")), (0o444, 0o755, 0o755));
        drop(start);
        assert!(!place.exists());
        assert_eq!(store.read_blob(&Digest::of(b"abc")).expect("still there"), b"abc");
    }

    #[test]
    fn what_is_not_in_the_store_cannot_be_laid_out() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let file = Entry::File { digest: Digest::of(b"x"), size: 1, executable: false };
        let tree = Tree { entries: [("a".parse().expect("clean"), file)].into() };
        assert!(matches!(store.lay_start(&tree), Err(StoreError::Missing(_))));
    }

    #[test]
    fn what_somebody_has_written_to_is_shown_to_no_room() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let mut writer = store.tree_writer();
        writer.file(&"a".parse().expect("clean"), false, &mut &b"abc"[..]).expect("taken");
        let tree = writer.finish().expect("finished");
        let blob = store.file_path(&Digest::of(b"abc"));
        fs::set_permissions(&blob, Permissions::from_mode(0o644)).expect("ours");
        fs::write(&blob, "abd").expect("written");
        assert!(matches!(store.lay_start(&tree), Err(StoreError::Damaged { .. })));
    }
}
