//! The directory that entries go into, and the way from entry to entry.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use eadem_model::TreePath;
use rayon::prelude::*;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid};

use super::{
    Owner,
    error::{AtEntry, UnpackError},
    names::Names,
};
use crate::{Content, Node, NodeKind};

/// So many neighbouring entries are written by one thread.
const CHUNK: usize = 64;

/// Bytes that are copied at a time.
const BUFFER: usize = 256 << 10;

/// The directory that entries go into.
pub(super) struct Place {
    root: OwnedFd,
    owner: Option<(Uid, Gid)>,
}

impl Place {
    pub(super) fn open(dir: &Path, owner: Owner) -> Result<Self, UnpackError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(dir, flags, Mode::empty())
            .map_err(|errno| UnpackError::Write { path: dir.display().to_string(), source: errno.into() })?;
        let owner = owner.map(|(uid, gid)| (Uid::from_raw(uid), Gid::from_raw(gid)));
        Ok(Self { root, owner })
    }

    pub(super) fn cursor(&self) -> Cursor<'_> {
        Cursor { place: self, parent: None }
    }

    /// Writes files and symbolic links, whose directories are there, side by side.
    pub(super) fn write_all(&self, entries: &[(&TreePath, &Node)]) -> Result<(), UnpackError> {
        entries.par_chunks(CHUNK).try_for_each(|chunk| {
            let mut cursor = self.cursor();
            chunk.iter().try_for_each(|(path, node)| cursor.write(path, node))
        })
    }

    /// Makes the hard links, then gives directories their modes and times, which filling them changes.
    pub(super) fn finish(&self, names: &Names) -> Result<(), UnpackError> {
        let mut cursor = self.cursor();
        for link in names.links() {
            let (path, target) = link?;
            self.link(&mut cursor, path, target).at_entry(path)?;
        }
        let mut newest = 0;
        for (path, mode, mtime) in names.directories() {
            self.seal(path, mode, mtime).at_entry(path)?;
            newest = newest.max(mtime);
        }
        self.seal_root(newest).map_err(|source| UnpackError::Write { path: ".".to_owned(), source })
    }

    pub(super) fn link(&self, cursor: &mut Cursor<'_>, path: &TreePath, target: &TreePath) -> io::Result<()> {
        let (target_dir, target_name) = match target.as_str().rsplit_once('/') {
            Some((parent, name)) => (Some(self.open_dir(parent)?), name),
            None => (None, target.as_str()),
        };
        let target_dir = target_dir.as_ref().unwrap_or(&self.root);
        let (dir, name) = cursor.enter(path)?;
        Ok(rustix::fs::linkat(target_dir, target_name, dir, name, AtFlags::empty())?)
    }

    fn seal(&self, path: &TreePath, mode: u32, mtime: u64) -> io::Result<()> {
        // Whoever owns the store must be able to list and remove what is in it.
        self.dress(self.open_dir(path.as_str())?, mode | 0o700, mtime)
    }

    /// A layer says nothing of its root, which a room shows as `/`: its time must not be the clock's.
    fn seal_root(&self, mtime: u64) -> io::Result<()> {
        Ok(rustix::fs::futimens(self.open_dir(".")?, &times(mtime)?)?)
    }

    /// Gives an open file or directory its owner, its mode and, last, its time.
    pub(super) fn dress(&self, file: impl AsFd, mode: u32, mtime: u64) -> io::Result<()> {
        if let Some((uid, gid)) = self.owner {
            rustix::fs::fchown(&file, Some(uid), Some(gid))?;
        }
        rustix::fs::fchmod(&file, Mode::from(mode & 0o1777))?;
        Ok(rustix::fs::futimens(&file, &times(mtime)?)?)
    }

    fn open_dir(&self, path: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        Ok(rustix::fs::openat2(&self.root, path, flags, Mode::empty(), inside)?)
    }
}

/// Both times of an entry; the kernel takes no other than signed seconds.
pub(super) fn times(mtime: u64) -> io::Result<Timestamps> {
    let seconds = i64::try_from(mtime).map_err(io::Error::other)?;
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Ok(Timestamps { last_access: time, last_modification: time })
}

/// Goes from entry to entry and keeps the last directory open, since neighbours share it.
pub(super) struct Cursor<'a> {
    place: &'a Place,
    parent: Option<(String, OwnedFd)>,
}

impl Cursor<'_> {
    /// The open directory of an entry, and the entry's name in it.
    fn enter<'p>(&mut self, path: &'p TreePath) -> io::Result<(BorrowedFd<'_>, &'p str)> {
        let Some((parent, name)) = path.as_str().rsplit_once('/') else {
            return Ok((self.place.root.as_fd(), path.as_str()));
        };
        if self.parent.as_ref().is_none_or(|(open, _)| open != parent) {
            self.parent = Some((parent.to_owned(), self.place.open_dir(parent)?));
        }
        let (_, dir) = self.parent.as_ref().expect("it was opened above");
        Ok((dir.as_fd(), name))
    }

    /// Takes the place of an entry and makes the directories that it needs, itself included.
    pub(super) fn claim(
        &mut self,
        names: &mut Names,
        path: &TreePath,
        node: &Node,
    ) -> Result<(), UnpackError> {
        for fresh in names.claim(path, node)? {
            self.make_dir(&fresh).at_entry(&fresh)?;
        }
        Ok(())
    }

    /// Makes a directory that can be filled; its own mode comes at the end.
    fn make_dir(&mut self, path: &TreePath) -> io::Result<()> {
        let (dir, name) = self.enter(path)?;
        Ok(rustix::fs::mkdirat(dir, name, Mode::RWXU)?)
    }

    /// Writes a file or a symbolic link; directories and hard links have their own time.
    pub(super) fn write(&mut self, path: &TreePath, node: &Node) -> Result<(), UnpackError> {
        match &node.kind {
            NodeKind::File(content) => self.write_file(path, node, content).at_entry(path),
            NodeKind::Symlink(target) => self.write_symlink(path, node, target).at_entry(path),
            NodeKind::Directory | NodeKind::Hardlink(_) => Ok(()),
        }
    }

    fn write_file(&mut self, path: &TreePath, node: &Node, content: &Content) -> io::Result<()> {
        let mut file = self.create(path)?;
        match content {
            Content::Bytes(bytes) => file.write_all(bytes)?,
            Content::Range { size, .. } => copy(&mut content.reader(), *size, &mut file)?,
        }
        self.dress(&file, node)
    }

    /// Makes a file that was not there.
    pub(super) fn create(&mut self, path: &TreePath) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let (dir, name) = self.enter(path)?;
        Ok(rustix::fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    pub(super) fn dress(&self, file: &File, node: &Node) -> io::Result<()> {
        // A file that its owner cannot read could be neither checked nor copied.
        self.place.dress(file, node.mode | 0o400, node.mtime)
    }

    fn write_symlink(&mut self, path: &TreePath, node: &Node, target: &str) -> io::Result<()> {
        let owner = self.place.owner;
        let (dir, name) = self.enter(path)?;
        rustix::fs::symlinkat(target, dir, name)?;
        if let Some((uid, gid)) = owner {
            rustix::fs::chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(rustix::fs::utimensat(dir, name, &times(node.mtime)?, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

/// Copies exactly `size` bytes.
pub(super) fn copy(from: &mut dyn Read, size: u64, to: &mut File) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER.min(usize::try_from(size).unwrap_or(BUFFER))];
    let mut left = size;
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(BUFFER));
        let n = from.read(&mut buffer[..most])?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to.write_all(&buffer[..n])?;
        left -= n as u64;
    }
    Ok(())
}
