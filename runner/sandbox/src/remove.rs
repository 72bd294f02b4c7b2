//! Removes what builds left, however it looks.

use std::{
    ffi::CStr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, chmodat, fchmod, fstat, openat, renameat, statat, unlinkat},
    io::{Errno, Result},
};

/// Removes everything in `dir`, but not the directory itself.
///
/// A build may leave directories without permissions and trees deeper than paths can name or one may
/// have descriptors for. So what lies deeper than [`DEEPEST`] is moved up to `dir` and removed later.
pub(crate) fn empty(dir: BorrowedFd<'_>) -> Result<()> {
    let mut pit = Pit { dir, n_moved: 0 };
    loop {
        let n_before = pit.n_moved;
        pit.clear(dir, 0)?;
        if pit.n_moved == n_before {
            return Ok(());
        }
    }
}

const DEEPEST: usize = 64;

/// The directory where everything ends.
struct Pit<'a> {
    dir: BorrowedFd<'a>,
    n_moved: u64,
}

impl Pit<'_> {
    fn clear(&mut self, dir: BorrowedFd<'_>, depth: usize) -> Result<()> {
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if !is_dir(dir, &entry)? {
                unlinkat(dir, name, AtFlags::empty())?;
            } else if unlinkat(dir, name, AtFlags::REMOVEDIR).is_err() {
                self.remove_dir(dir, name, depth)?;
            }
        }
        Ok(())
    }

    fn remove_dir(&mut self, dir: BorrowedFd<'_>, name: &CStr, depth: usize) -> Result<()> {
        if depth == DEEPEST {
            return self.bury(dir, name);
        }
        let inner = open_writable(dir, name)?;
        self.clear(inner.as_fd(), depth + 1)?;
        drop(inner);
        unlinkat(dir, name, AtFlags::REMOVEDIR)
    }

    /// Moves a directory into the pit under a name that is free.
    fn bury(&mut self, dir: BorrowedFd<'_>, name: &CStr) -> Result<()> {
        // A directory's `..` changes when it moves, so it must be writable itself.
        drop(open_writable(dir, name)?);
        loop {
            self.n_moved += 1;
            match renameat(dir, name, self.dir, format!(".{}", self.n_moved)) {
                // An interrupted removal left this name behind.
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
                moved => return moved,
            }
        }
    }
}

/// Opens a directory, and lets its owner read it and remove names from it if that was forbidden.
fn open_writable(dir: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let open = || {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(dir, name, flags, Mode::empty())
    };
    let opened = match open() {
        Err(Errno::ACCESS) => {
            chmodat(dir, name, Mode::RWXU, AtFlags::empty())?;
            open()?
        }
        opened => opened?,
    };
    if fstat(&opened)?.st_mode & 0o700 != 0o700 {
        fchmod(&opened, Mode::RWXU)?;
    }
    Ok(opened)
}

fn is_dir(dir: BorrowedFd<'_>, entry: &rustix::fs::DirEntry) -> Result<bool> {
    Ok(match entry.file_type() {
        FileType::Unknown => {
            let stat = statat(dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
            FileType::from_raw_mode(stat.st_mode) == FileType::Directory
        }
        known => known == FileType::Directory,
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    use super::*;

    fn emptied(fill: impl FnOnce(&Path)) {
        let place = tempfile::tempdir().expect("a directory");
        fill(place.path());
        let dir = fs::File::open(place.path()).expect("opens");
        empty(dir.as_fd()).expect("is emptied");
        assert_eq!(fs::read_dir(place.path()).expect("readable").count(), 0);
    }

    #[test]
    fn directories_without_permissions_are_removed() {
        emptied(|path| {
            fs::create_dir_all(path.join("a/b/c")).expect("makes");
            fs::write(path.join("a/b/c/file"), "x").expect("writes");
            for name in ["a/b/c", "a/b", "a"] {
                fs::set_permissions(path.join(name), fs::Permissions::from_mode(0o0)).expect("sets");
            }
        });
    }

    #[test]
    fn links_are_removed_and_not_followed() {
        let outside = tempfile::tempdir().expect("a directory");
        fs::write(outside.path().join("kept"), "x").expect("writes");
        emptied(|path| {
            fs::create_dir_all(path.join("a/b")).expect("makes");
            std::os::unix::fs::symlink(outside.path(), path.join("a/b/link")).expect("links");
            std::os::unix::fs::symlink(outside.path(), path.join("link")).expect("links");
        });
        assert!(outside.path().join("kept").exists());
    }

    #[test]
    fn trees_deeper_than_a_path_can_name_are_removed() {
        emptied(|path| {
            let name = "n".repeat(200);
            let mut dir = fs::File::open(path).expect("opens");
            for _ in 0..2000 {
                rustix::fs::mkdirat(&dir, &name, Mode::RWXU).expect("makes");
                let flags = OFlags::RDONLY | OFlags::DIRECTORY;
                dir = openat(&dir, &name, flags, Mode::empty()).expect("opens").into();
            }
        });
    }

    #[test]
    fn what_an_interrupted_removal_left_is_removed() {
        emptied(|path| {
            for name in [".1/x/y", ".2/x", "a/b/c", "a/d/e"] {
                fs::create_dir_all(path.join(name)).expect("makes");
            }
        });
    }
}
