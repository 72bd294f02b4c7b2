//! The tar archives inside a package, read with suspicion.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map},
    io::{self, Read},
};

use eadem_model::{PathError, TreePath};
use eadem_store::{Content, Node, NodeKind};
use tar::EntryType;

use crate::usrmerge;

/// The entries of an archive by path.
pub(crate) type Entries = BTreeMap<TreePath, Node>;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("has the entry `{entry}`, which {why}")]
    Entry { entry: String, why: EntryFault },
    #[error("has more than {0} entries")]
    TooMany(usize),
    #[error("cannot be read")]
    Io(#[from] io::Error),
}

/// What is wrong with an entry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    /// Its name could leave the root.
    #[error("has a bad name: {0}")]
    Name(PathError),
    /// Its name is no text.
    #[error("has a name that is not UTF-8")]
    NotText,
    /// Its name or target is longer than any system takes.
    #[error("has a name longer than {0} bytes")]
    LongName(usize),
    /// A layer would take it for the removal of another file.
    #[error("would remove a file of another layer")]
    Whiteout,
    /// It is a device, a pipe or something newer.
    #[error("is of the kind {0:?}, which has no place in an image")]
    Kind(char),
    /// It stands twice.
    #[error("stands twice")]
    Duplicate,
    /// Something above it is no directory.
    #[error("lies below `{0}`, which is no directory")]
    Below(TreePath),
    /// It is a hard link to no earlier file of the package.
    #[error("is a hard link to `{0}`, which is no file before it")]
    Link(String),
    /// A field of its header is out of range.
    #[error("has the {0} of no sane file")]
    Field(&'static str),
}

/// What an archive may hold at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) n_entries: usize,
    pub(crate) name_length: usize,
}

/// The limits for packages: ten times what the largest have.
pub(crate) const LIMITS: Limits = Limits { n_entries: 1_000_000, name_length: 4096 };

/// Reads all entries; `keep` takes the contents of files, and gets their path and size.
pub(crate) fn read(
    tar: &mut dyn Read,
    limits: Limits,
    mut keep: impl FnMut(&TreePath, &mut dyn Read, u64) -> io::Result<Content>,
) -> Result<Entries, ArchiveError> {
    let mut archive = tar::Archive::new(tar);
    let mut entries = Entries::new();
    let mut long = Long::default();
    // Raw: long names are read here, since the library's reader has no bound for them.
    for (n_seen, entry) in archive.entries()?.raw(true).enumerate() {
        if n_seen == limits.n_entries {
            return Err(ArchiveError::TooMany(limits.n_entries));
        }
        let mut entry = entry?;
        if !long.take(&mut entry, limits)? {
            add(&mut entries, &mut entry, std::mem::take(&mut long), limits, &mut keep)?;
        }
    }
    check_parents(&entries)?;
    Ok(entries)
}

type Entry<'t, 'r> = tar::Entry<'t, &'r mut dyn Read>;

/// Adds one entry, unless it is the root itself.
fn add(
    entries: &mut Entries,
    entry: &mut Entry<'_, '_>,
    long: Long,
    limits: Limits,
    keep: &mut impl FnMut(&TreePath, &mut dyn Read, u64) -> io::Result<Content>,
) -> Result<(), ArchiveError> {
    let header = entry.header();
    let name = long.name.unwrap_or_else(|| header.path_bytes().into_owned());
    let target = long.target.or_else(|| header.link_name_bytes().map(Cow::into_owned));
    let fault = |why| ArchiveError::Entry { entry: String::from_utf8_lossy(&name).into_owned(), why };
    let Some(path) = tree_path(&name, header.entry_type(), limits).map_err(fault)? else { return Ok(()) };
    let mut node = node(header, target, entries, limits).map_err(fault)?;
    if let NodeKind::File(content) = &mut node.kind {
        let size = header.entry_size()?;
        *content = keep(&path, entry, size)?;
    }
    match entries.entry(path) {
        btree_map::Entry::Vacant(place) => {
            place.insert(node);
            Ok(())
        }
        // `/bin` and `/usr/bin` of older packages are the same directory.
        btree_map::Entry::Occupied(place) if is_directory(place.get()) && is_directory(&node) => Ok(()),
        btree_map::Entry::Occupied(_) => Err(fault(EntryFault::Duplicate)),
    }
}

/// A long name and a long link target, which stand before the entry that they are for.
#[derive(Default)]
struct Long {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Long {
    /// Takes an entry that is only a long name; gives whether it was one.
    fn take(&mut self, entry: &mut Entry<'_, '_>, limits: Limits) -> Result<bool, ArchiveError> {
        let place = match entry.header().entry_type() {
            EntryType::GNULongName => &mut self.name,
            EntryType::GNULongLink => &mut self.target,
            _ => return Ok(false),
        };
        let mut text = Vec::new();
        entry.take(limits.name_length as u64 + 2).read_to_end(&mut text)?;
        if text.last() == Some(&0) {
            text.pop();
        }
        if place.replace(text).is_some() {
            return Err(ArchiveError::Entry {
                entry: "././@LongLink".to_owned(),
                why: EntryFault::Duplicate,
            });
        }
        Ok(true)
    }
}

/// The path that an entry names; `None` for the root itself.
fn tree_path(name: &[u8], kind: EntryType, limits: Limits) -> Result<Option<TreePath>, EntryFault> {
    let text = std::str::from_utf8(name).map_err(|_| EntryFault::NotText)?;
    if text.len() > limits.name_length {
        return Err(EntryFault::LongName(limits.name_length));
    }
    let text = text.strip_prefix("./").unwrap_or(text);
    let text = if kind.is_dir() { text.strip_suffix('/').unwrap_or(text) } else { text };
    if kind.is_dir() && matches!(text, "" | ".") {
        return Ok(None);
    }
    let path: TreePath = text.parse().map_err(EntryFault::Name)?;
    if text.split('/').any(|part| part.starts_with(".wh.")) {
        return Err(EntryFault::Whiteout);
    }
    Ok(Some(usrmerge::place(&path, kind.is_dir())))
}

/// What a header says of an entry; the content of a file is still to be read.
fn node(
    header: &tar::Header,
    target: Option<Vec<u8>>,
    entries: &Entries,
    limits: Limits,
) -> Result<Node, EntryFault> {
    let id = |id: io::Result<u64>, field| {
        id.ok()
            .and_then(|id| u32::try_from(id).ok())
            .filter(|id| *id != u32::MAX)
            .ok_or(EntryFault::Field(field))
    };
    Ok(Node {
        mode: header.mode().map_err(|_| EntryFault::Field("mode"))? & 0o7777,
        uid: id(header.uid(), "owner")?,
        gid: id(header.gid(), "group")?,
        mtime: header.mtime().map_err(|_| EntryFault::Field("time"))?,
        kind: kind(header, target, entries, limits)?,
    })
}

fn kind(
    header: &tar::Header,
    target: Option<Vec<u8>>,
    entries: &Entries,
    limits: Limits,
) -> Result<NodeKind, EntryFault> {
    let kind = header.entry_type();
    if matches!(kind, EntryType::Regular | EntryType::Continuous) {
        return Ok(NodeKind::File(Content::Bytes(Vec::new())));
    }
    if header.entry_size().map_err(|_| EntryFault::Field("size"))? != 0 {
        return Err(EntryFault::Field("size"));
    }
    match kind {
        EntryType::Directory => Ok(NodeKind::Directory),
        EntryType::Symlink => Ok(NodeKind::Symlink(symlink_target(target, limits)?)),
        EntryType::Link => Ok(NodeKind::Hardlink(hardlink_target(target, entries, limits)?)),
        other => Err(EntryFault::Kind(char::from(other.as_byte()))),
    }
}

fn is_directory(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Directory)
}

fn symlink_target(target: Option<Vec<u8>>, limits: Limits) -> Result<String, EntryFault> {
    let target = String::from_utf8(target.unwrap_or_default()).map_err(|_| EntryFault::NotText)?;
    if target.len() > limits.name_length {
        return Err(EntryFault::LongName(limits.name_length));
    }
    if target.is_empty() || target.contains('\0') { Err(EntryFault::Field("target")) } else { Ok(target) }
}

fn hardlink_target(
    target: Option<Vec<u8>>,
    entries: &Entries,
    limits: Limits,
) -> Result<TreePath, EntryFault> {
    let target = target.unwrap_or_default();
    let bad = || EntryFault::Link(String::from_utf8_lossy(&target).into_owned());
    let mut path = tree_path(&target, EntryType::Link, limits)?.ok_or_else(bad)?;
    // A link to a link is a link to the file behind both.
    if let Some(NodeKind::Hardlink(file)) = entries.get(&path).map(|node| &node.kind) {
        path = file.clone();
    }
    let is_file = matches!(entries.get(&path).map(|node| &node.kind), Some(NodeKind::File(_)));
    if is_file { Ok(path) } else { Err(bad()) }
}

/// Refuses entries whose way leads through something that is no directory.
fn check_parents(entries: &Entries) -> Result<(), ArchiveError> {
    for path in entries.keys() {
        let mut parent = path.parent();
        while let Some(above) = parent {
            if entries.get(&above).is_some_and(|node| !is_directory(node)) {
                return Err(ArchiveError::Entry { entry: path.to_string(), why: EntryFault::Below(above) });
            }
            parent = above.parent();
        }
    }
    Ok(())
}
