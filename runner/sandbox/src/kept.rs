//! The state of a failed build: its writable directories as it left them.
//!
//! ```text
//! KEPT/N    what scratch directory N held
//! KEPT/wN   what the kernel needs beside it while a room shows it; made anew for each room
//! ```

use std::{
    fs, io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    path::Path,
};

use rustix::{
    fs::{Mode, OFlags, mkdir},
    io::Errno,
};

use crate::{directory::give, remove};

/// Moves what a room's `n` scratch directories hold to `kept`, in the place of what was kept before.
pub(crate) fn take(
    scratch_dir: impl Fn(usize) -> std::path::PathBuf,
    n: usize,
    kept: &Path,
) -> io::Result<()> {
    discard(kept)?;
    mkdir(kept, Mode::RWXU)?;
    (0..n).try_for_each(|index| move_dir(&scratch_dir(index), &kept.join(index.to_string())))
}

/// A directory can only get another parent if its owner may write to it, and a build may forbid that.
fn move_dir(from: &Path, to: &Path) -> io::Result<()> {
    let left = fs::symlink_metadata(from)?.permissions();
    fs::set_permissions(from, fs::Permissions::from_mode(0o700))?;
    fs::rename(from, to)?;
    fs::set_permissions(to, left)
}

/// Removes what is kept, if anything is.
pub(crate) fn discard(kept: &Path) -> io::Result<()> {
    let Some(dir) = open(kept)? else { return Ok(()) };
    remove::empty(dir.as_fd())?;
    fs::remove_dir(kept)
}

/// Makes what the kernel needs beside `n` directories, and lets the room's user reach all of it.
pub(crate) fn furnish(kept: &Path, n: usize, owner: (u32, u32)) -> io::Result<()> {
    give(kept, owner)?;
    for index in 0..n {
        let work = kept.join(format!("w{index}"));
        discard(&work)?;
        mkdir(&work, Mode::RWXU)?;
        give(&work, owner)?;
    }
    Ok(())
}

/// Opens a directory; `None` if there is none.
pub(crate) fn open(path: &Path) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Err(Errno::NOENT) => Ok(None),
        dir => Ok(Some(dir?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_replaces_what_was_and_can_be_removed() {
        let place = tempfile::tempdir().expect("a directory");
        let (room, kept) = (place.path().join("room"), place.path().join("kept"));
        for text in ["first", "second"] {
            fs::create_dir_all(room.join("0/deep")).expect("makes");
            fs::write(room.join("0/deep/file"), text).expect("writes");
            fs::set_permissions(room.join("0/deep"), fs::Permissions::from_mode(0o0)).expect("sets");
            fs::set_permissions(room.join("0"), fs::Permissions::from_mode(0o500)).expect("sets");
            take(|index| room.join(index.to_string()), 1, &kept).expect("is kept");
            let mode = fs::metadata(kept.join("0")).expect("is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o500);
        }
        furnish(&kept, 1, (0, 0)).expect("is furnished");
        furnish(&kept, 1, (0, 0)).expect("again");
        discard(&kept).expect("is removed");
        discard(&kept).expect("nothing to do");
        assert!(!kept.exists());
    }
}
