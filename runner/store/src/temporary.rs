//! Temporary files and directories that do not outlive their maker.
//!
//! A file has no name until it is whole. A directory has one, and is held by a lock on itself that
//! the kernel gives up when its maker dies: what can be locked is a leftover.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use eadem_model::{At, AtError};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};

/// A file without a name, to be named once it is whole.
pub(crate) enum Unnamed {
    /// A file that the kernel frees by itself.
    Anonymous(File),
    /// Where the file system knows no anonymous files: one with a name, removed on drop.
    Named(tempfile::NamedTempFile),
}

impl Unnamed {
    /// Makes an empty file on the file system of `dir`.
    pub(crate) fn create_in(dir: &Path) -> Result<Self, AtError> {
        match rustix::fs::open(dir, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::from(0o600)) {
            Ok(file) => Ok(Self::Anonymous(file.into())),
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR) => {
                tempfile::NamedTempFile::new_in(dir).map(Self::Named).at(dir)
            }
            Err(errno) => Err(errno).at(dir),
        }
    }

    /// The open file.
    pub(crate) fn file(&self) -> &File {
        match self {
            Self::Anonymous(file) => file,
            Self::Named(file) => file.as_file(),
        }
    }

    /// Makes the content durable, then names it, unless the name is taken.
    pub(crate) fn name(self, path: &Path) -> Result<Named, AtError> {
        self.file().sync_data().at(path)?;
        rustix::fs::fchmod(self.file(), Mode::from(0o444)).at(path)?;
        let (named, file) = match self {
            Self::Anonymous(file) => (link(&file, path), Self::Anonymous(file)),
            Self::Named(file) => match file.persist_noclobber(path) {
                Ok(_) => return Ok(Named::Done),
                Err(error) => (Err(error.error), Self::Named(error.file)),
            },
        };
        match named {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Named::Taken(file)),
            other => other.map(|()| Named::Done).at(path),
        }
    }

    /// Puts the file, whose content is durable, in the place of another one.
    pub(crate) fn replace(self, path: &Path, tmp: &Path) -> Result<(), AtError> {
        let file = match self {
            Self::Anonymous(file) => file,
            Self::Named(file) => return file.persist(path).map(drop).map_err(|error| error.error).at(path),
        };
        let dir = TemporaryDir::create_in(tmp)?;
        let new = dir.path().join("new");
        link(&file, &new).at(&new)?;
        fs::rename(&new, path).at(path)
    }
}

/// What came of naming a file.
pub(crate) enum Named {
    /// It has its name.
    Done,
    /// Something else has it.
    Taken(Unnamed),
}

/// Gives an anonymous file its name; through /proc, since the direct way wants a capability.
fn link(file: &File, path: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let own = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    Ok(rustix::fs::linkat(CWD, own, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// A directory that is removed on drop, or by the next start if its maker was killed.
pub(crate) struct TemporaryDir {
    path: PathBuf,
    _held: File,
}

impl TemporaryDir {
    /// Makes an empty directory in `tmp`.
    pub(crate) fn create_in(tmp: &Path) -> Result<Self, AtError> {
        // Between making and holding the directory nobody may sweep.
        let gate = gate(tmp)?;
        gate.lock_shared().at(tmp)?;
        let path = tempfile::Builder::new().prefix("dir-").tempdir_in(tmp).at(tmp)?.keep();
        let held = File::open(&path).at(&path)?;
        held.lock().at(&path)?;
        Ok(Self { path, _held: held })
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the directory to its final place; an equal one may be there already.
    pub(crate) fn name(self, path: &Path) -> Result<(), AtError> {
        match fs::rename(&self.path, path) {
            Err(_) if path.is_dir() => Ok(()),
            other => other.at(path),
        }
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        // After a move there is nothing left; what cannot be removed now is swept at the next start.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes what killed makers left in `tmp`.
pub(crate) fn sweep(tmp: &Path) -> Result<(), AtError> {
    let gate = gate(tmp)?;
    match gate.try_lock() {
        Ok(()) => {}
        // Somebody is making a directory right now and will not have left one.
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error).at(tmp),
    }
    for entry in fs::read_dir(tmp).at(tmp)? {
        let path = entry.at(tmp)?.path();
        if path.is_dir() {
            sweep_dir(&path)?;
        }
    }
    Ok(())
}

fn sweep_dir(path: &Path) -> Result<(), AtError> {
    let held = match File::open(path) {
        // Its maker has just moved or removed it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.at(path)?,
    };
    match held.try_lock() {
        Ok(()) => fs::remove_dir_all(path).at(path),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error).at(path),
    }
}

fn gate(tmp: &Path) -> Result<File, AtError> {
    let path = tmp.join(".gate");
    File::options().create(true).append(true).open(&path).at(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_removes_leftovers_and_nothing_that_is_held() {
        let tmp = tempfile::tempdir().expect("a temporary directory");
        let held = TemporaryDir::create_in(tmp.path()).expect("made");
        let leftover = tmp.path().join("dir-left");
        fs::create_dir_all(leftover.join("deep")).expect("made");
        sweep(tmp.path()).expect("swept");
        assert!(held.path().is_dir());
        assert!(!leftover.exists());
    }

    #[test]
    fn a_file_that_is_dropped_early_leaves_no_name() {
        let tmp = tempfile::tempdir().expect("a temporary directory");
        drop(Unnamed::create_in(tmp.path()).expect("made"));
        assert_eq!(fs::read_dir(tmp.path()).expect("listed").count(), 0);
    }
}
