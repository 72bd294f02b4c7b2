//! A tar, entry by entry.

use std::io::Read;

use eadem_model::TreePath;

use super::{
    error::{AtEntry, UnpackError},
    names::Names,
    place::{Cursor, copy},
};
use crate::{Content, Node, NodeKind};

/// Files up to this size are read into memory and written by other threads.
pub(super) const SMALL: u64 = 1 << 20;

/// So many bytes of small files are read while as many are being written.
const WAVE: u64 = 8 << 20;

/// What an entry costs besides its content, so that empty files fill a wave too.
const ENTRY_COST: u64 = 512;

/// Reads a tar entry by entry; makes directories at once and hands the rest on.
pub(super) struct TarReader<'a, 't, 'p> {
    pub(super) entries: tar::Entries<'a, &'t mut dyn Read>,
    pub(super) names: Names,
    pub(super) cursor: Cursor<'p>,
}

pub(super) type TarEntry<'a, 't> = tar::Entry<'a, &'t mut dyn Read>;

impl<'t> TarReader<'_, 't, '_> {
    /// Reads entries until their content fills a wave; none are left when it is empty.
    pub(super) fn next_wave(&mut self) -> Result<Vec<(TreePath, Node)>, UnpackError> {
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

pub(super) fn text(bytes: &[u8], name: &[u8]) -> Result<String, UnpackError> {
    let not_text = |_| UnpackError::NotText { name: String::from_utf8_lossy(name).into_owned() };
    String::from_utf8(bytes.to_vec()).map_err(not_text)
}

/// The entry without its content.
pub(super) fn node(path: &TreePath, entry: &TarEntry<'_, '_>) -> Result<Node, UnpackError> {
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
