//! Lays a layer's entries out below a directory, and refuses whatever could leave it.
//!
//! Two things keep entries inside. No name is used before it is a clean relative path whose parents
//! are directories that this module made; and every directory is opened from the root by the kernel
//! with "stay beneath, follow no link", so that a mistake in the first rule still harms nothing.
//!
//! Only what a room needs is kept: permission bits, times, bytes, links. Owners are dropped, since
//! layers belong to whoever owns the store; with them go setuid and setgid, which would hand that
//! owner's rights to any other user of the host. Whiteouts and devices are refused, not guessed at.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use eadem_model::{PathError, TreePath};
use rayon::prelude::*;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid};

use crate::{Content, Layer, Node, NodeKind};

/// Why entries cannot be laid out.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The bytes are no tar, or end too early.
    #[error("the tar cannot be read")]
    Tar(#[source] io::Error),
    /// An entry ends before its content does.
    #[error("entry `{path}` is cut off")]
    Truncated {
        /// The entry.
        path: TreePath,
    },
    /// A name could leave the layer, or name the same place in two ways.
    #[error("entry `{name}` cannot be placed")]
    Name {
        /// The name as it stands in the tar.
        name: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// A name or a link's target is not UTF-8.
    #[error("entry `{name}` has a name or a target that is not UTF-8")]
    NotText {
        /// The name with its odd bytes replaced.
        name: String,
    },
    /// An entry is a device, a pipe or something unknown.
    #[error("entry `{path}` is {kind}, which a layer cannot hold")]
    Kind {
        /// The entry.
        path: TreePath,
        /// What it is.
        kind: &'static str,
    },
    /// An entry removes something of a lower layer.
    #[error("entry `{path}` is a whiteout, and those are not supported yet by this eadem")]
    Whiteout {
        /// The entry.
        path: TreePath,
    },
    /// Two entries want the same place.
    #[error("entry `{path}` stands twice")]
    Duplicate {
        /// The place.
        path: TreePath,
    },
    /// An entry lies below something that is not a directory.
    #[error("entry `{path}` goes through `{parent}`, which is not a directory")]
    Through {
        /// The entry.
        path: TreePath,
        /// What is in its way.
        parent: TreePath,
    },
    /// A hard link names something else than a file of the layer.
    #[error("entry `{path}` is a hard link to `{target}`, which is no file of the layer")]
    Link {
        /// The entry.
        path: TreePath,
        /// What it names.
        target: TreePath,
    },
    /// The disk refused.
    #[error("entry `{path}` cannot be written")]
    Write {
        /// The entry, or the directory that everything goes into.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Whose the entries shall be: user and group; `None` leaves them to whoever runs eadem.
type Owner = Option<(u32, u32)>;

/// Files up to this size are read into memory and written by other threads.
const SMALL: u64 = 1 << 20;

/// So many bytes of small files are read while as many are being written.
const WAVE: u64 = 8 << 20;

/// What an entry costs besides its content, so that empty files fill a wave too.
const ENTRY_COST: u64 = 512;

/// So many neighbouring entries are written by one thread.
const CHUNK: usize = 64;

/// Bytes that are copied at a time.
const BUFFER: usize = 256 << 10;

/// Writes the entries of a tar below `dir`, which is empty and private.
pub(crate) fn unpack(tar: &mut dyn Read, dir: &Path, owner: Owner) -> Result<(), UnpackError> {
    let place = Place::open(dir, owner)?;
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().map_err(UnpackError::Tar)?;
    let mut reader = TarReader { entries, names: Names::default(), cursor: place.cursor() };
    let mut wave = reader.next_wave()?;
    while !wave.is_empty() {
        wave = write_while_reading(&place, &wave, &mut reader)?;
    }
    place.finish(&reader.names)
}

/// Writes the entries of a complete layer below `dir`, which is empty and private.
pub(crate) fn lay_out(layer: &Layer, dir: &Path, owner: Owner) -> Result<(), UnpackError> {
    let place = Place::open(dir, owner)?;
    let mut names = Names::default();
    let mut cursor = place.cursor();
    for (path, node) in layer.entries() {
        cursor.claim(&mut names, path, node)?;
    }
    let entries: Vec<(&TreePath, &Node)> = layer.entries().collect();
    place.write_all(&entries)?;
    place.finish(&names)
}

/// Writes one wave in other threads while this one reads the next.
fn write_while_reading(
    place: &Place,
    wave: &[(TreePath, Node)],
    reader: &mut TarReader<'_, '_, '_>,
) -> Result<Vec<(TreePath, Node)>, UnpackError> {
    let entries: Vec<(&TreePath, &Node)> = wave.iter().map(|(path, node)| (path, node)).collect();
    let mut written = Ok(());
    let next = rayon::in_place_scope(|scope| {
        scope.spawn(|_| written = place.write_all(&entries));
        reader.next_wave()
    });
    written?;
    next
}

/// Every place that is taken, and by what.
#[derive(Default)]
struct Names(BTreeMap<TreePath, Claim>);

enum Claim {
    Directory { mode: u32, mtime: u64 },
    File,
    Symlink,
    Hardlink(TreePath),
}

impl Claim {
    fn of(node: &Node) -> Self {
        match &node.kind {
            NodeKind::Directory => Self::Directory { mode: node.mode, mtime: node.mtime },
            NodeKind::File(_) => Self::File,
            NodeKind::Symlink(_) => Self::Symlink,
            NodeKind::Hardlink(target) => Self::Hardlink(target.clone()),
        }
    }
}

impl Names {
    /// Takes the place of an entry; gives the directories that must be made for it, parents first.
    fn claim(&mut self, path: &TreePath, node: &Node) -> Result<Vec<TreePath>, UnpackError> {
        refuse_whiteout(path)?;
        let mut fresh = self.missing_parents(path)?;
        for parent in &fresh {
            self.0.insert(parent.clone(), Claim::Directory { mode: 0o755, mtime: node.mtime });
        }
        let is_directory = matches!(node.kind, NodeKind::Directory);
        match self.0.insert(path.clone(), Claim::of(node)) {
            None if is_directory => fresh.push(path.clone()),
            None => {}
            Some(Claim::Directory { .. }) if is_directory => {}
            Some(_) => return Err(UnpackError::Duplicate { path: path.clone() }),
        }
        Ok(fresh)
    }

    fn missing_parents(&self, path: &TreePath) -> Result<Vec<TreePath>, UnpackError> {
        let mut missing = Vec::new();
        let mut above = path.parent();
        while let Some(parent) = above {
            match self.0.get(&parent) {
                None => {}
                Some(Claim::Directory { .. }) => break,
                Some(_) => return Err(UnpackError::Through { path: path.clone(), parent }),
            }
            above = parent.parent();
            missing.push(parent);
        }
        missing.reverse();
        Ok(missing)
    }

    /// The hard links with their files, in byte order.
    fn links(&self) -> impl Iterator<Item = Result<(&TreePath, &TreePath), UnpackError>> {
        self.0.iter().filter_map(|(path, claim)| {
            let Claim::Hardlink(target) = claim else { return None };
            Some(match self.0.get(target) {
                Some(Claim::File) => Ok((path, target)),
                _ => Err(UnpackError::Link { path: path.clone(), target: target.clone() }),
            })
        })
    }

    fn directories(&self) -> impl Iterator<Item = (&TreePath, u32, u64)> {
        self.0.iter().filter_map(|(path, claim)| match claim {
            Claim::Directory { mode, mtime } => Some((path, *mode, *mtime)),
            _ => None,
        })
    }
}

fn refuse_whiteout(path: &TreePath) -> Result<(), UnpackError> {
    if path.as_str().split('/').any(|part| part.starts_with(".wh.")) {
        return Err(UnpackError::Whiteout { path: path.clone() });
    }
    Ok(())
}

/// The directory that entries go into.
struct Place {
    root: OwnedFd,
    owner: Option<(Uid, Gid)>,
}

impl Place {
    fn open(dir: &Path, owner: Owner) -> Result<Self, UnpackError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(dir, flags, Mode::empty())
            .map_err(|errno| UnpackError::Write { path: dir.display().to_string(), source: errno.into() })?;
        let owner = owner.map(|(uid, gid)| (Uid::from_raw(uid), Gid::from_raw(gid)));
        Ok(Self { root, owner })
    }

    fn cursor(&self) -> Cursor<'_> {
        Cursor { place: self, parent: None }
    }

    /// Writes files and symbolic links, whose directories are there, side by side.
    fn write_all(&self, entries: &[(&TreePath, &Node)]) -> Result<(), UnpackError> {
        entries.par_chunks(CHUNK).try_for_each(|chunk| {
            let mut cursor = self.cursor();
            chunk.iter().try_for_each(|(path, node)| cursor.write(path, node))
        })
    }

    /// Makes the hard links, then gives directories their modes and times, which filling them changes.
    fn finish(&self, names: &Names) -> Result<(), UnpackError> {
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

    fn link(&self, cursor: &mut Cursor<'_>, path: &TreePath, target: &TreePath) -> io::Result<()> {
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
    fn dress(&self, file: impl AsFd, mode: u32, mtime: u64) -> io::Result<()> {
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
fn times(mtime: u64) -> io::Result<Timestamps> {
    let seconds = i64::try_from(mtime).map_err(io::Error::other)?;
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Ok(Timestamps { last_access: time, last_modification: time })
}

/// Goes from entry to entry and keeps the last directory open, since neighbours share it.
struct Cursor<'a> {
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
    fn claim(&mut self, names: &mut Names, path: &TreePath, node: &Node) -> Result<(), UnpackError> {
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
    fn write(&mut self, path: &TreePath, node: &Node) -> Result<(), UnpackError> {
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
    fn create(&mut self, path: &TreePath) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let (dir, name) = self.enter(path)?;
        Ok(rustix::fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    fn dress(&self, file: &File, node: &Node) -> io::Result<()> {
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
fn copy(from: &mut dyn Read, size: u64, to: &mut File) -> io::Result<()> {
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

/// Reads a tar entry by entry; makes directories at once and hands the rest on.
struct TarReader<'a, 't, 'p> {
    entries: tar::Entries<'a, &'t mut dyn Read>,
    names: Names,
    cursor: Cursor<'p>,
}

type TarEntry<'a, 't> = tar::Entry<'a, &'t mut dyn Read>;

impl<'t> TarReader<'_, 't, '_> {
    /// Reads entries until their content fills a wave; none are left when it is empty.
    fn next_wave(&mut self) -> Result<Vec<(TreePath, Node)>, UnpackError> {
        let (mut wave, mut room) = (Vec::new(), WAVE);
        while room > 0 {
            let Some(entry) = self.entries.next() else { break };
            if let Some((path, node)) = self.take(entry.map_err(UnpackError::Tar)?)? {
                // Directories and hard links stay in it as well: they cost nothing to pass over.
                let size = if let NodeKind::File(content) = &node.kind { content.size() } else { 0 };
                room = room.saturating_sub(size + ENTRY_COST);
                wave.push((path, node));
            }
        }
        Ok(wave)
    }

    /// Reads one entry, and writes it already if it is a directory or large.
    fn take(&mut self, mut entry: TarEntry<'_, 't>) -> Result<Option<(TreePath, Node)>, UnpackError> {
        if entry.header().entry_type().is_pax_global_extensions() {
            return Ok(None);
        }
        let Some(path) = entry_path(&entry)? else { return Ok(None) };
        let mut node = node(&path, &entry)?;
        self.cursor.claim(&mut self.names, &path, &node)?;
        let size = entry.size();
        match &mut node.kind {
            NodeKind::File(_) if size > SMALL => {
                self.stream(&path, &node, size, &mut entry)?;
                return Ok(None);
            }
            NodeKind::File(Content::Bytes(bytes)) => read_small(&path, size, &mut entry, bytes)?,
            _ => {}
        }
        Ok(Some((path, node)))
    }

    fn stream(
        &mut self,
        path: &TreePath,
        node: &Node,
        size: u64,
        entry: &mut TarEntry<'_, 't>,
    ) -> Result<(), UnpackError> {
        let mut file = self.cursor.create(path).at_entry(path)?;
        copy(entry, size, &mut file).at_entry(path)?;
        self.cursor.dress(&file, node).at_entry(path)
    }
}

fn read_small(
    path: &TreePath,
    size: u64,
    entry: &mut TarEntry<'_, '_>,
    bytes: &mut Vec<u8>,
) -> Result<(), UnpackError> {
    entry.read_to_end(bytes).map_err(UnpackError::Tar)?;
    if bytes.len() as u64 == size { Ok(()) } else { Err(UnpackError::Truncated { path: path.clone() }) }
}

/// The entry's place; `None` for the root itself, which tars like to name `./`.
fn entry_path(entry: &TarEntry<'_, '_>) -> Result<Option<TreePath>, UnpackError> {
    let bytes = entry.path_bytes();
    let name = text(&bytes, &bytes)?;
    let inside = name.strip_prefix("./").unwrap_or(&name);
    let inside = inside.strip_suffix('/').unwrap_or(inside);
    if matches!(name.as_str(), "." | "./") {
        return Ok(None);
    }
    inside.parse().map(Some).map_err(|source| UnpackError::Name { name: name.clone(), source })
}

fn text(bytes: &[u8], name: &[u8]) -> Result<String, UnpackError> {
    let not_text = |_| UnpackError::NotText { name: String::from_utf8_lossy(name).into_owned() };
    String::from_utf8(bytes.to_vec()).map_err(not_text)
}

/// The entry without its content.
fn node(path: &TreePath, entry: &TarEntry<'_, '_>) -> Result<Node, UnpackError> {
    let header = entry.header();
    let kind = match header.entry_type() {
        tar::EntryType::Directory => NodeKind::Directory,
        tar::EntryType::Regular | tar::EntryType::Continuous => NodeKind::File(Content::Bytes(Vec::new())),
        tar::EntryType::Symlink => NodeKind::Symlink(link_name(path, entry)?),
        tar::EntryType::Link => NodeKind::Hardlink(link_target(path, entry)?),
        other => return Err(UnpackError::Kind { path: path.clone(), kind: word(other) }),
    };
    let mode = header.mode().map_err(UnpackError::Tar)?;
    let mtime = header.mtime().map_err(UnpackError::Tar)?;
    Ok(Node { mode, uid: 0, gid: 0, mtime, kind })
}

fn link_name(path: &TreePath, entry: &TarEntry<'_, '_>) -> Result<String, UnpackError> {
    text(&entry.link_name_bytes().unwrap_or_default(), path.as_str().as_bytes())
}

fn link_target(path: &TreePath, entry: &TarEntry<'_, '_>) -> Result<TreePath, UnpackError> {
    let target = link_name(path, entry)?;
    let inside = target.strip_prefix("./").unwrap_or(&target);
    inside.parse().map_err(|source| UnpackError::Name { name: path.to_string(), source })
}

fn word(kind: tar::EntryType) -> &'static str {
    match kind {
        tar::EntryType::Block => "a block device",
        tar::EntryType::Char => "a character device",
        tar::EntryType::Fifo => "a pipe",
        tar::EntryType::GNUSparse => "a sparse file",
        _ => "of an unknown kind",
    }
}

/// Gives an I/O result the entry that it is about.
trait AtEntry<T> {
    fn at_entry(self, path: &TreePath) -> Result<T, UnpackError>;
}

impl<T> AtEntry<T> for io::Result<T> {
    fn at_entry(self, path: &TreePath) -> Result<T, UnpackError> {
        self.map_err(|source| UnpackError::Write { path: path.to_string(), source })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt, PermissionsExt},
    };

    use super::*;

    /// Writes raw entries: a hostile tar follows no rule that a tar writer would keep.
    #[derive(Default)]
    struct Tar(Vec<u8>);

    impl Tar {
        fn with(mut self, kind: tar::EntryType, name: &str, link: &str, content: &[u8]) -> Self {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_entry_type(kind);
            header.set_mode(0o4755);
            header.set_mtime(1234);
            header.set_size(content.len() as u64);
            header.set_cksum();
            self.0.extend_from_slice(header.as_bytes());
            self.0.extend_from_slice(content);
            self.0.resize(self.0.len().next_multiple_of(512), 0);
            self
        }

        fn file(self, name: &str, content: &[u8]) -> Self {
            self.with(tar::EntryType::Regular, name, "", content)
        }

        fn symlink(self, name: &str, target: &str) -> Self {
            self.with(tar::EntryType::Symlink, name, target, b"")
        }

        fn directory(self, name: &str) -> Self {
            self.with(tar::EntryType::Directory, name, "", b"")
        }

        fn unpack(&self, dir: &Path) -> Result<(), UnpackError> {
            unpack(&mut &self.0[..], dir, None)
        }

        /// Unpacks below a fresh directory and gives the refusal; nothing may lie beside it.
        fn refusal(&self) -> String {
            let outer = tempfile::tempdir().expect("a temporary directory");
            let inner = outer.path().join("inner");
            fs::create_dir(&inner).expect("made");
            let error = self.unpack(&inner).expect_err("the tar is bad");
            let names = fs::read_dir(outer.path()).expect("listed");
            assert_eq!(names.count(), 1, "something was written beside the layer");
            error.to_string()
        }
    }

    #[test]
    fn names_that_could_leave_the_layer_are_refused() {
        for name in ["../a", "/a", "a/../../b", "a//b", "a/./b", "..", "././a", "/"] {
            let refusal = Tar::default().file(name, b"x").refusal();
            assert_eq!(refusal, format!("entry `{name}` cannot be placed"));
        }
    }

    #[test]
    fn entries_through_a_symbolic_link_are_refused_in_either_order() {
        let through = Tar::default().symlink("a", "..").file("a/b", b"x").refusal();
        assert_eq!(through, "entry `a/b` goes through `a`, which is not a directory");
        let under = Tar::default().file("a/b", b"x").symlink("a", "..").refusal();
        assert_eq!(under, "entry `a` stands twice");
        let over = Tar::default().symlink("a", "../x").file("a", b"x").refusal();
        assert_eq!(over, "entry `a` stands twice");
    }

    #[test]
    fn hard_links_to_other_things_than_files_of_the_layer_are_refused() {
        let link = |target| Tar::default().with(tar::EntryType::Link, "a", target, b"");
        assert_eq!(link("../b").refusal(), "entry `a` cannot be placed");
        assert_eq!(link("/etc/passwd").refusal(), "entry `a` cannot be placed");
        assert_eq!(link("b").refusal(), "entry `a` is a hard link to `b`, which is no file of the layer");
        let symlink = link("b").symlink("b", "/etc/passwd").refusal();
        assert_eq!(symlink, "entry `a` is a hard link to `b`, which is no file of the layer");
    }

    #[test]
    fn devices_pipes_and_whiteouts_are_refused() {
        let one = |kind| Tar::default().with(kind, "a", "", b"").refusal();
        assert_eq!(one(tar::EntryType::Char), "entry `a` is a character device, which a layer cannot hold");
        assert_eq!(one(tar::EntryType::Block), "entry `a` is a block device, which a layer cannot hold");
        assert_eq!(one(tar::EntryType::Fifo), "entry `a` is a pipe, which a layer cannot hold");
        let whiteout = Tar::default().file("a/.wh.b", b"").refusal();
        assert_eq!(whiteout, "entry `a/.wh.b` is a whiteout, and those are not supported yet by this eadem");
    }

    #[test]
    fn a_second_entry_at_a_place_is_refused_unless_both_are_directories() {
        let twice = Tar::default().file("a", b"1").file("a", b"2").refusal();
        assert_eq!(twice, "entry `a` stands twice");
        let dir = tempfile::tempdir().expect("a temporary directory");
        Tar::default().directory("a/").directory("./a").directory("./").unpack(dir.path()).expect("fine");
    }

    #[test]
    fn a_tar_that_is_cut_off_is_refused() {
        for size in [100, (SMALL + 1) as usize] {
            let mut tar = Tar::default().file("a", &vec![1; size]);
            tar.0.truncate(512 + 50);
            let dir = tempfile::tempdir().expect("a temporary directory");
            assert!(tar.unpack(dir.path()).is_err());
        }
    }

    #[test]
    fn modes_and_times_are_kept_and_setuid_is_not() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let tar = Tar::default().directory("d").file("d/f", b"x").file("e/g", b"y").symlink("s", "/nowhere");
        tar.unpack(dir.path()).expect("a good tar");
        for (name, mode) in [("d", 0o40755), ("d/f", 0o100755), ("e", 0o40755), ("s", 0o120777)] {
            let found = fs::symlink_metadata(dir.path().join(name)).expect("there");
            assert_eq!((found.permissions().mode(), found.mtime()), (mode, 1234), "{name}");
        }
        assert_eq!(fs::metadata(dir.path()).expect("there").mtime(), 1234, "the root");
    }

    #[test]
    fn large_and_many_small_files_arrive_whole() {
        let large: Vec<u8> = (0..SMALL as usize + 5).map(|index| index as u8).collect();
        let mut tar = Tar::default().file("large", &large);
        for index in 0..300 {
            tar = tar.file(&format!("d{}/f{index}", index % 7), &vec![index as u8; 40_000]);
        }
        let dir = tempfile::tempdir().expect("a temporary directory");
        tar.with(tar::EntryType::Link, "again", "large", b"").unpack(dir.path()).expect("a good tar");
        assert_eq!(fs::read(dir.path().join("again")).expect("there"), large);
        assert_eq!(fs::metadata(dir.path().join("large")).expect("there").nlink(), 2);
        let one = fs::read(dir.path().join("d5/f299")).expect("there");
        assert_eq!(one, vec![299_u32 as u8; 40_000]);
    }

    #[test]
    fn a_layer_and_its_tar_give_the_same_directory() {
        let path = |text: &str| text.parse::<TreePath>().expect("clean");
        let mut layer = Layer::new();
        layer.add(path("a/file"), Node::file("x", 5)).expect("new");
        layer.add(path("a/link"), Node::symlink("file", 6)).expect("new");
        layer.add(path("b"), Node { mode: 0o555, ..Node::directory(7) }).expect("new");
        let hard = NodeKind::Hardlink(path("a/file"));
        layer.add(path("b/hard"), Node { kind: hard, ..Node::file("", 5) }).expect("new");
        layer.complete().expect("the file is there");
        let (one, two) = (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
        let mut tar = Vec::new();
        layer.write(&mut tar).expect("memory");
        unpack(&mut &tar[..], one.path(), None).expect("a good tar");
        lay_out(&layer, two.path(), None).expect("a good layer");
        for name in ["a", "a/file", "a/link", "b", "b/hard"] {
            let look = |dir: &Path| {
                let found = fs::symlink_metadata(dir.join(name)).expect("there");
                (found.mode(), found.mtime(), found.nlink(), found.len())
            };
            assert_eq!(look(one.path()), look(two.path()), "{name}");
        }
    }

    #[test]
    fn a_layer_with_a_file_below_a_file_is_refused() {
        let mut layer = Layer::new();
        layer.add("a".parse().expect("clean"), Node::file("", 1)).expect("new");
        layer.add("a/b".parse().expect("clean"), Node::file("", 1)).expect("new");
        let dir = tempfile::tempdir().expect("a temporary directory");
        let error = lay_out(&layer, dir.path(), None).expect_err("a file is no directory");
        assert!(matches!(error, UnpackError::Through { .. }));
    }
}
