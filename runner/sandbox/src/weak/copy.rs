//! Lays layers upon each other in one directory, where no overlay can be mounted.
//!
//! Files become further names of the layer's own: the payload's user owns none of them, so nobody in
//! the room can change one. What others could change, or not read, is copied.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, linkat, mkdirat, open, statat, unlinkat},
    io::Errno,
};

use crate::{
    remove,
    shuffle::{Buffer, copy_link, finish, open_dir, sorted_names},
};

/// Lays what is in `from` upon what is in `to`.
pub(crate) fn lay_upon(from: &OwnedFd, to: &OwnedFd, buffer: &mut Buffer) -> io::Result<()> {
    for name in sorted_names(from)? {
        let stat = statat(from, &name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                make_dir(to, &name)?;
                lay_upon(&open_dir(from, &name)?, &open_dir(to, &name)?, buffer)?;
            }
            FileType::RegularFile => place_file(from, to, &name, stat, buffer)?,
            FileType::Symlink => {
                clear(to, &name)?;
                copy_link(from, to, &name, &stat)?;
            }
            _ => return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
        }
    }
    finish(to, &readable(fstat(from)?))
}

/// Makes a directory; something else of that name in a lower layer goes.
pub(crate) fn make_dir(at: &OwnedFd, name: &CStr) -> io::Result<()> {
    match mkdirat(at, name, Mode::RWXU) {
        Err(Errno::EXIST) if is_dir(at, name)? => Ok(()),
        Err(Errno::EXIST) => {
            clear(at, name)?;
            Ok(mkdirat(at, name, Mode::RWXU)?)
        }
        made => Ok(made?),
    }
}

fn is_dir(at: &OwnedFd, name: &CStr) -> rustix::io::Result<bool> {
    let stat = statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Removes what has a name in a lower layer, if something has.
pub(crate) fn clear(at: &OwnedFd, name: &CStr) -> io::Result<()> {
    match unlinkat(at, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::ISDIR) => {
            remove::empty(open_dir(at, name)?.as_fd())?;
            Ok(unlinkat(at, name, AtFlags::REMOVEDIR)?)
        }
        Err(error) => Err(error.into()),
    }
}

fn place_file(from: &OwnedFd, to: &OwnedFd, name: &CStr, stat: Stat, buffer: &mut Buffer) -> io::Result<()> {
    clear(to, name)?;
    let wanted = readable(stat);
    if wanted.st_mode == stat.st_mode {
        match linkat(from, name, to, name, AtFlags::empty()) {
            // Another file system, one without further names, or too many names of one file.
            Err(Errno::XDEV | Errno::PERM | Errno::MLINK | Errno::OPNOTSUPP) => {}
            linked => return Ok(linked?),
        }
    }
    buffer.copy_file(from, to, name, &wanted)
}

/// A mode that lets the room's user read and nobody write: elsewhere every file is that user's own.
fn readable(mut stat: Stat) -> Stat {
    let executable = stat.st_mode & 0o111 != 0;
    stat.st_mode = (stat.st_mode | 0o444 | if executable { 0o111 } else { 0 }) & !0o7022;
    stat
}

/// Opens a directory of the host.
pub(crate) fn open_host_dir(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    open(path, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    };

    use super::*;

    fn laid(layers: &[&Path], to: &Path) {
        let to = open_host_dir(to).expect("opens");
        let mut buffer = Buffer::new();
        for layer in layers {
            lay_upon(&open_host_dir(layer).expect("opens"), &to, &mut buffer).expect("is laid");
        }
    }

    fn layer(fill: impl FnOnce(&Path)) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        fill(dir.path());
        dir
    }

    #[test]
    fn a_higher_layer_hides_what_a_lower_one_has() {
        let outside = layer(|_| {});
        let lower = layer(|at| {
            fs::create_dir_all(at.join("dir/inner")).expect("made");
            fs::write(at.join("dir/inner/file"), "low").expect("written");
            fs::write(at.join("both"), "low").expect("written");
            symlink(outside.path(), at.join("link")).expect("made");
        });
        let higher = layer(|at| {
            fs::write(at.join("both"), "high").expect("written");
            fs::write(at.join("dir"), "a file now").expect("written");
            fs::create_dir(at.join("link")).expect("made");
            fs::write(at.join("link/inside"), "x").expect("written");
        });
        let to = layer(|_| {});
        laid(&[lower.path(), higher.path()], to.path());
        assert_eq!(fs::read(to.path().join("both")).expect("there"), b"high");
        assert_eq!(fs::read(to.path().join("dir")).expect("there"), b"a file now");
        assert!(to.path().join("link/inside").exists() && !outside.path().join("inside").exists());
        assert_eq!(fs::read(lower.path().join("both")).expect("there"), b"low");
    }

    #[test]
    fn files_are_shared_unless_somebody_else_could_change_or_not_read_them() {
        let mode = |at: &Path, mode| fs::set_permissions(at, Permissions::from_mode(mode)).expect("set");
        let from = layer(|at| {
            for (name, bits) in [("shared", 0o644), ("open", 0o666), ("closed", 0o600), ("tool", 0o4700)] {
                fs::write(at.join(name), name).expect("written");
                mode(&at.join(name), bits);
            }
        });
        let to = layer(|_| {});
        laid(&[from.path()], to.path());
        let stat = |dir: &tempfile::TempDir, name| fs::metadata(dir.path().join(name)).expect("there");
        assert_eq!(stat(&from, "shared").ino(), stat(&to, "shared").ino());
        for (name, bits) in [("open", 0o644), ("closed", 0o644), ("tool", 0o755)] {
            assert_ne!(stat(&from, name).ino(), stat(&to, name).ino(), "{name}");
            assert_eq!(stat(&to, name).mode() & 0o7777, bits, "{name}");
        }
        assert_eq!(stat(&from, "tool").mode() & 0o7777, 0o4700);
    }
}
