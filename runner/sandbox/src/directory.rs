//! The directory on disk that a room has while it lives.

use std::{
    ffi::OsStr,
    fs, io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::{
    fs::{
        AtFlags, CWD, FlockOperation, Gid, IFlags, Mode, OFlags, Uid, chown, flock, fstat, ioctl_getflags,
        ioctl_setflags, mkdir, open, unlinkat,
    },
    io::Errno,
    process::geteuid,
};

use crate::{group, reclaim::reclaim_elsewhere, remove};

/// A room's directory; its owner holds a lock on it, so that nobody sweeps it away.
///
/// ```text
/// ROOMS/NAME/      the one thing that the room mounts; locked by the keeper and by pid 1
/// ROOMS/NAME/u/N/  what scratch directory N holds: the upper of an overlay
/// ROOMS/NAME/w/    what the kernel needs beside an upper
/// ROOMS/NAME/g     the control groups of the room, a line each
/// ```
pub(crate) struct Directory {
    path: PathBuf,
    lock: OwnedFd,
}

impl Directory {
    /// Makes and locks a directory with a name that nobody else has.
    pub(crate) fn create(rooms_dir: &Path) -> io::Result<Self> {
        // Two keepers with one pid are possible: two pid namespaces may share a store.
        let pid = std::process::id();
        for n in 0.. {
            let path = rooms_dir.join(format!("{pid}-{n}"));
            match mkdir(&path, Mode::RWXU) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(error) => return Err(error.into()),
            }
            // A sweep may have met the directory before its lock; then another name must do.
            if let Some(lock) = lock(&path)? {
                return Ok(Self { path, lock });
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// The name below the rooms' directory.
    pub(crate) fn name(&self) -> &OsStr {
        self.path.file_name().expect("was made with a name")
    }

    /// What the room mounts.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory itself.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    /// What holds the scratch directories.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.path.join("u")
    }

    /// Notes the control groups of the room, so that a sweep finds them.
    pub(crate) fn note_groups<'a>(&self, dirs: impl Iterator<Item = &'a Path>) -> io::Result<()> {
        let lines: Vec<&[u8]> = dirs.map(|dir| dir.as_os_str().as_bytes()).collect();
        fs::write(self.path.join(GROUPS), lines.join(&b'\n'))
    }

    /// Makes `n` scratch directories that belong to the room's user.
    pub(crate) fn furnish(&self, n: usize, owner: (u32, u32)) -> io::Result<()> {
        give(&self.path, owner)?;
        let scratch = (0..n).map(scratch_name);
        for name in ["u".to_owned(), "w".to_owned()].into_iter().chain(scratch) {
            let path = self.path.join(name);
            mkdir(&path, Mode::from_raw_mode(0o755))?;
            give(&path, owner)?;
        }
        Ok(())
    }

    /// Removes the directory and all that is in it.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove::empty(self.lock.as_fd())?;
        Ok(unlinkat(CWD, &self.path, AtFlags::REMOVEDIR)?)
    }
}

const GROUPS: &str = "g";

/// Gives a file to the room's user, if that is another.
pub(crate) fn give(path: &Path, (uid, gid): (u32, u32)) -> rustix::io::Result<()> {
    if geteuid().is_root() { chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))) } else { Ok(()) }
}

/// Where scratch directory `index` lies in the directory of a room.
pub(crate) fn scratch_name(index: usize) -> String {
    format!("u/{index}")
}

/// Makes the rooms' directory if it is missing.
pub(crate) fn prepare(rooms_dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(rooms_dir)?;
    // Where there is no such flag, rooms are as they would be without it.
    let _ = spread(rooms_dir);
    Ok(())
}

/// Asks the file system to lay the directories in this one far from each other.
///
/// For minutes ext4 does not give a removed file's number away again, and steps over each such number of the
/// neighbourhood for every new file. Many rooms in one neighbourhood so become slower and slower.
fn spread(dir: &Path) -> rustix::io::Result<()> {
    let dir = open(dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = ioctl_getflags(&dir)?;
    if flags.contains(IFlags::TOPDIR) { Ok(()) } else { ioctl_setflags(&dir, flags | IFlags::TOPDIR) }
}

/// Removes the directories of rooms whose eadem and keeper are dead, and counts them.
///
/// Rooms that are alive are left alone, whoever runs them. What is in the way may need a process with one
/// thread, so the program must call [`crate::launcher_main`] as one with an engine must.
///
/// # Errors
/// The first directory that could not be removed; the others are tried all the same.
pub fn sweep(rooms_dir: &Path) -> io::Result<usize> {
    let entries = match fs::read_dir(rooms_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let (mut n_swept, mut first_error) = (0, None);
    for entry in entries {
        match sweep_one(entry?.path()) {
            Ok(true) => n_swept += 1,
            Ok(false) => {}
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    first_error.map_or(Ok(n_swept), Err)
}

/// Removes one room's directory unless it is alive.
pub(crate) fn sweep_one(path: PathBuf) -> io::Result<bool> {
    let Some(lock) = lock(&path)? else { return Ok(false) };
    remove_noted_groups(&path)?;
    let directory = Directory { path, lock };
    match directory.remove() {
        // Files of a room's other users are in the way.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !geteuid().is_root() => {
            reclaim_elsewhere(directory.path())?;
            directory.remove()?;
        }
        removed => removed?,
    }
    Ok(true)
}

fn remove_noted_groups(room: &Path) -> io::Result<()> {
    let noted = fs::read(room.join(GROUPS)).unwrap_or_default();
    let dirs = noted.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    group::remove_noted(dirs.map(|line| PathBuf::from(OsStr::from_bytes(line))))
}

/// Removes a room's directory in place of its keeper, which is dead.
///
/// Pid 1 holds the lock as long as it lives, which is not long.
pub(crate) fn remove_orphan(path: &Path) -> io::Result<()> {
    const TRIES: u32 = 200;
    for _ in 0..TRIES {
        if sweep_one(path.to_owned()).unwrap_or(false) || !path.exists() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

/// Locks a directory; `None` if another holds it or it is gone.
fn lock(path: &Path) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = match open(path, flags, Mode::empty()) {
        // Gone, or something that is no room: whoever put it there may keep it.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        dir => dir?,
    };
    match flock(&dir, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => return Ok(None),
        locked => locked?,
    }
    Ok((fstat(&dir)?.st_nlink > 0).then_some(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_takes_the_dead_and_leaves_the_living() {
        let rooms = tempfile::tempdir().expect("a directory");
        let alive = Directory::create(rooms.path()).expect("is made");
        let dead = Directory::create(rooms.path()).expect("is made");
        dead.furnish(2, (0, 0)).expect("is furnished");
        let dead_path = dead.path.clone();
        drop(dead);
        assert_eq!(sweep(rooms.path()).expect("sweeps"), 1);
        assert!(alive.path.exists() && !dead_path.exists());
    }

    #[test]
    fn a_directory_is_removed_with_all_that_is_in_it() {
        let rooms = tempfile::tempdir().expect("a directory");
        let room = Directory::create(rooms.path()).expect("is made");
        room.furnish(2, (0, 0)).expect("is furnished");
        fs::write(room.path().join("u/1/file"), "x").expect("writes");
        room.remove().expect("is removed");
        assert_eq!(fs::read_dir(rooms.path()).expect("readable").count(), 0);
    }

    #[test]
    fn rooms_of_a_directory_are_laid_far_from_each_other_where_that_can_be_asked_for() {
        let place = tempfile::tempdir().expect("a directory");
        let [rooms, other] = ["rooms", "other"].map(|name| place.path().join(name));
        prepare(&rooms).expect("is made");
        fs::create_dir(&other).expect("makes");
        let flags = |path: &Path| ioctl_getflags(fs::File::open(path).expect("opens"));
        if spread(&other).is_ok() {
            assert!(flags(&rooms).expect("has flags").contains(IFlags::TOPDIR));
        }
        prepare(&rooms).expect("is there");
    }

    #[test]
    fn sweeping_where_no_room_ever_was_is_fine() {
        assert_eq!(sweep(Path::new("/nonexistent/rooms")).expect("nothing to do"), 0);
    }
}
