//! The projects that use a store, so that what their locks name stays there.

use std::{
    fs, io,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
};

use eadem_model::{At, Digest};

use crate::{
    StoreError,
    census::list,
    store::{Parents, Store, make_private},
};

impl Store {
    /// Notes that a project uses this store: `projects/DIGEST` is a link to its root.
    pub fn note_project(&self, root: &Path) -> Result<(), StoreError> {
        let dir = self.dir().join("projects");
        make_private(&dir, Parents::Expect)?;
        let link = dir.join(Digest::of(root.as_os_str().as_bytes()).hex());
        match symlink(root, &link) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => Ok(made.at(&link)?),
        }
    }

    /// The roots of all projects that used this store, also of those that are gone.
    pub fn projects(&self) -> Result<Vec<PathBuf>, StoreError> {
        let links = list(&self.dir().join("projects"))?;
        Ok(links.iter().map(|link| fs::read_link(link).at(link)).collect::<Result<_, _>>()?)
    }

    /// Forgets a project.
    pub fn forget_project(&self, root: &Path) -> Result<(), StoreError> {
        let link = self.dir().join("projects").join(Digest::of(root.as_os_str().as_bytes()).hex());
        match fs::remove_file(&link) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => Ok(removed.at(&link)?),
        }
    }
}
