//! Counts what lies in directories, exactly, while a build goes on writing there.

use std::{
    collections::BTreeSet,
    ffi::CStr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, openat, statat},
    io::{Errno, Result},
};

use crate::volume::Amount;

/// Directories within each other; each takes a descriptor.
const DEEPEST: usize = 128;

/// Bytes of the unit in which the kernel counts a file's blocks.
const BLOCK: u64 = 512;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// What could be counted.
    pub(crate) found: Amount,
    /// Whether something could not: a directory that forbids reading, or lies too deep.
    pub(crate) blind: bool,
    /// Files with several names, which take their bytes once.
    linked: BTreeSet<(u64, u64)>,
}

/// Counts everything below `dir`, but not the directory itself.
pub(crate) fn survey(dir: BorrowedFd<'_>) -> Survey {
    let mut survey = Survey::default();
    survey.directory(dir, 0);
    survey
}

/// Bytes that a file takes on its file system.
#[allow(clippy::unnecessary_cast, reason = "the types differ between architectures")]
pub(crate) fn bytes(stat: &Stat) -> u64 {
    (stat.st_blocks as u64).saturating_mul(BLOCK)
}

impl Survey {
    fn directory(&mut self, dir: BorrowedFd<'_>, depth: usize) {
        match Dir::read_from(dir) {
            Ok(entries) => entries.for_each(|entry| match entry {
                Ok(entry) => self.entry(dir, entry.file_name(), depth),
                Err(_) => self.blind = true,
            }),
            Err(_) => self.blind = true,
        }
    }

    fn entry(&mut self, dir: BorrowedFd<'_>, name: &CStr, depth: usize) {
        if matches!(name.to_bytes(), b"." | b"..") {
            return;
        }
        match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => self.count(dir, name, &stat, depth),
            // The build removed it in between.
            Err(Errno::NOENT) => {}
            Err(_) => self.blind = true,
        }
    }

    fn count(&mut self, dir: BorrowedFd<'_>, name: &CStr, stat: &Stat, depth: usize) {
        self.found.files += 1;
        if is_dir(stat) {
            self.found.bytes += bytes(stat);
            self.inner(dir, name, depth);
        } else if stat.st_nlink < 2 || self.linked.insert((stat.st_dev, stat.st_ino)) {
            self.found.bytes += bytes(stat);
        }
    }

    fn inner(&mut self, dir: BorrowedFd<'_>, name: &CStr, depth: usize) {
        match open_dir(dir, name) {
            Ok(inner) if depth < DEEPEST => self.directory(inner.as_fd(), depth + 1),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            _ => self.blind = true,
        }
    }
}

fn is_dir(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

fn open_dir(dir: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    openat(dir, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn surveyed(fill: impl FnOnce(&Path)) -> Survey {
        let place = tempfile::tempdir().expect("a directory");
        fill(place.path());
        survey(fs::File::open(place.path()).expect("opens").as_fd())
    }

    #[test]
    fn entries_and_bytes_are_counted() {
        let seen = surveyed(|dir| {
            fs::create_dir_all(dir.join("a/b")).expect("makes");
            fs::write(dir.join("a/b/file"), vec![b'x'; 100_000]).expect("writes");
            std::os::unix::fs::symlink("/etc", dir.join("link")).expect("links");
        });
        assert_eq!((seen.found.files, seen.blind), (4, false));
        assert!((100_000..150_000).contains(&seen.found.bytes), "{seen:?}");
    }

    #[test]
    fn a_file_with_several_names_takes_its_bytes_once() {
        let seen = surveyed(|dir| {
            fs::write(dir.join("one"), vec![b'x'; 1_000_000]).expect("writes");
            (0..5).for_each(|n| fs::hard_link(dir.join("one"), dir.join(format!("{n}"))).expect("links"));
        });
        assert_eq!(seen.found.files, 6);
        assert!(seen.found.bytes < 1_100_000, "{seen:?}");
    }

    #[test]
    fn what_lies_too_deep_is_said() {
        let seen = surveyed(|dir| {
            fs::create_dir_all(dir.join("d/".repeat(DEEPEST + 5))).expect("makes");
        });
        assert!(seen.blind, "{seen:?}");
    }
}
