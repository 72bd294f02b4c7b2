//! Canonical layers: the same entries give the same tar, on every machine.
//!
//! Entries stand in byte order of their paths, parents first, with numeric owners and no names; a
//! group of hard links has its file at the first path. Headers are ustar; a PAX header stands only
//! before a path or link target that is long or not ASCII.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    sync::Arc,
};

use eadem_model::{Digest, DigestWriter, TreePath};

/// The entries of a layer, sorted.
#[derive(Debug, Default)]
pub struct Layer {
    entries: BTreeMap<TreePath, Node>,
}

/// One entry of a layer.
#[derive(Debug, Clone)]
pub struct Node {
    /// Permission bits, setuid and friends included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u64,
    /// What it is.
    pub kind: NodeKind,
}

/// What an entry is; devices have no place in a layer.
#[derive(Debug, Clone)]
pub enum NodeKind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link and its target.
    Symlink(String),
    /// Another name of the file at this path of the same layer.
    Hardlink(TreePath),
}

/// Where a file's bytes are.
#[derive(Debug, Clone)]
pub enum Content {
    /// In memory.
    Bytes(Vec<u8>),
    /// In a part of an open file.
    Range {
        /// The file.
        file: Arc<File>,
        /// Where the content starts.
        offset: u64,
        /// Its length.
        size: u64,
    },
}

/// Why an entry cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerError {
    /// The path is taken by something else.
    #[error("`{path}` stands twice")]
    Duplicate {
        /// The path.
        path: TreePath,
    },
    /// A hard link names a path that is no file of the layer.
    #[error("`{path}` is a hard link to `{target}`, which is no file of the layer")]
    DanglingLink {
        /// The link.
        path: TreePath,
        /// What it names.
        target: TreePath,
    },
}

impl Content {
    /// The length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Range { size, .. } => *size,
        }
    }

    /// Reads the bytes from the start; several readers do not disturb each other.
    pub fn reader(&self) -> ContentReader<'_> {
        ContentReader { content: self, position: 0 }
    }
}

/// Reads a [`Content`].
pub struct ContentReader<'a> {
    content: &'a Content,
    position: u64,
}

impl Read for ContentReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.content.size() - self.position).unwrap_or(usize::MAX);
        let n = buffer.len().min(left);
        let n = match self.content {
            Content::Bytes(bytes) => {
                let start = usize::try_from(self.position).map_err(io::Error::other)?;
                (&bytes[start..]).read(&mut buffer[..n])?
            }
            Content::Range { file, offset, .. } => file.read_at(&mut buffer[..n], offset + self.position)?,
        };
        if n == 0 && left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position += n as u64;
        Ok(n)
    }
}

impl Node {
    /// A directory of root, mode 0755.
    pub fn directory(mtime: u64) -> Self {
        Self { mode: 0o755, uid: 0, gid: 0, mtime, kind: NodeKind::Directory }
    }

    /// A file of root with these bytes, mode 0644.
    pub fn file(bytes: impl Into<Vec<u8>>, mtime: u64) -> Self {
        Self { mode: 0o644, uid: 0, gid: 0, mtime, kind: NodeKind::File(Content::Bytes(bytes.into())) }
    }

    /// A symbolic link of root.
    pub fn symlink(target: &str, mtime: u64) -> Self {
        Self { mode: 0o777, uid: 0, gid: 0, mtime, kind: NodeKind::Symlink(target.to_owned()) }
    }

    fn is_same_directory(&self, other: &Self) -> bool {
        let directory = |node: &Self| matches!(node.kind, NodeKind::Directory);
        directory(self)
            && directory(other)
            && (self.mode, self.uid, self.gid) == (other.mode, other.uid, other.gid)
    }
}

impl Layer {
    /// A layer without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry; the same directory may be added again.
    pub fn add(&mut self, path: TreePath, node: Node) -> Result<(), LayerError> {
        if let Some(present) = self.entries.get(&path) {
            return if present.is_same_directory(&node) {
                Ok(())
            } else {
                Err(LayerError::Duplicate { path })
            };
        }
        self.entries.insert(path, node);
        Ok(())
    }

    /// The entry at a path.
    pub fn get(&self, path: &TreePath) -> Option<&Node> {
        self.entries.get(path)
    }

    /// Takes an entry out.
    pub fn remove(&mut self, path: &TreePath) -> Option<Node> {
        self.entries.remove(path)
    }

    /// All entries in byte order of their paths.
    pub fn entries(&self) -> impl Iterator<Item = (&TreePath, &Node)> {
        self.entries.iter()
    }

    /// How many entries there are.
    pub fn n_entries(&self) -> usize {
        self.entries.len()
    }

    /// Adds the directories that nobody added, and moves each hard-linked file to its first name.
    ///
    /// # Errors
    /// A hard link that names no file of this layer.
    pub fn complete(&mut self) -> Result<(), LayerError> {
        self.add_parents();
        self.order_links()
    }

    fn add_parents(&mut self) {
        let mut missing = BTreeMap::new();
        for (path, node) in &self.entries {
            let mut parent = path.parent();
            while let Some(path) = parent {
                if self.entries.contains_key(&path) || missing.contains_key(&path) {
                    break;
                }
                parent = path.parent();
                missing.insert(path, Node::directory(node.mtime));
            }
        }
        self.entries.extend(missing);
    }

    fn order_links(&mut self) -> Result<(), LayerError> {
        for (target, links) in self.link_groups()? {
            let first = links.first().expect("a group has a link");
            if *first > target {
                continue;
            }
            let file = self.entries.remove(&target).expect("the group's file was looked up");
            for link in links[1..].iter().chain([&target]) {
                let node = Node { kind: NodeKind::Hardlink(first.clone()), ..file.clone() };
                self.entries.insert(link.clone(), node);
            }
            self.entries.insert(first.clone(), file);
        }
        Ok(())
    }

    /// The names of each hard-linked file, in byte order.
    fn link_groups(&self) -> Result<BTreeMap<TreePath, Vec<TreePath>>, LayerError> {
        let mut groups: BTreeMap<TreePath, Vec<TreePath>> = BTreeMap::new();
        for (path, node) in &self.entries {
            let NodeKind::Hardlink(target) = &node.kind else { continue };
            if !matches!(self.entries.get(target).map(|node| &node.kind), Some(NodeKind::File(_))) {
                return Err(LayerError::DanglingLink { path: path.clone(), target: target.clone() });
            }
            groups.entry(target.clone()).or_default().push(path.clone());
        }
        Ok(groups)
    }

    /// Writes the canonical tar; the layer must be [complete](Self::complete).
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for (path, node) in &self.entries {
            write_entry(path, node, out)?;
        }
        out.write_all(&END)
    }

    /// The digest of the canonical tar.
    pub fn diff_id(&self) -> io::Result<Digest> {
        let mut writer = DigestWriter::new(io::sink());
        self.write(&mut writer)?;
        Ok(writer.finish().0)
    }
}

/// The two blocks of zeros that end a tar.
pub(crate) const END: [u8; 1024] = [0; 1024];

const BLOCK: u64 = 512;

/// Content is copied in parts of this size: hundreds of megabytes go through here twice.
const BUFFER: usize = 128 << 10;

/// Writes one entry: its PAX header if it needs one, its header, its content, its padding.
pub(crate) fn write_entry(path: &TreePath, node: &Node, out: &mut dyn Write) -> io::Result<()> {
    let (name, link) = (tar_name(path, node), link_target(node));
    let long_name = ustar(&mut tar::Header::new_ustar(), &name).is_none();
    let long_link = !link.is_ascii() || link.len() > 100;
    let mut records = Vec::new();
    if long_link {
        pax_record(&mut records, "linkpath", link);
    }
    if long_name {
        pax_record(&mut records, "path", &name);
    }
    if !records.is_empty() {
        write_pax(&records, out)?;
    }
    out.write_all(header(&name, link, node).as_bytes())?;
    if let NodeKind::File(content) = &node.kind {
        write_padded(&mut content.reader(), content.size(), out)?;
    }
    Ok(())
}

fn tar_name(path: &TreePath, node: &Node) -> String {
    match node.kind {
        NodeKind::Directory => format!("{path}/"),
        _ => path.to_string(),
    }
}

fn link_target(node: &Node) -> &str {
    match &node.kind {
        NodeKind::Symlink(target) => target,
        NodeKind::Hardlink(target) => target.as_str(),
        _ => "",
    }
}

/// Puts a name into a header if ustar can hold it.
fn ustar(header: &mut tar::Header, name: &str) -> Option<()> {
    (name.is_ascii() && header.set_path(name).is_ok()).then_some(())
}

fn header(name: &str, link: &str, node: &Node) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    if ustar(&mut header, name).is_none() {
        put(&mut header.as_old_mut().name, name);
    }
    put(&mut header.as_old_mut().linkname, link);
    header.set_entry_type(match node.kind {
        NodeKind::Directory => tar::EntryType::Directory,
        NodeKind::File(_) => tar::EntryType::Regular,
        NodeKind::Symlink(_) => tar::EntryType::Symlink,
        NodeKind::Hardlink(_) => tar::EntryType::Link,
    });
    header.set_size(if let NodeKind::File(content) = &node.kind { content.size() } else { 0 });
    header.set_mode(node.mode);
    header.set_uid(node.uid.into());
    header.set_gid(node.gid.into());
    header.set_mtime(node.mtime);
    header.set_cksum();
    header
}

/// Copies as much as fits; what is not ASCII becomes `_`, since a PAX header says it in full.
fn put(field: &mut [u8; 100], text: &str) {
    for (to, from) in field.iter_mut().zip(text.bytes()) {
        *to = if from.is_ascii() { from } else { b'_' };
    }
}

/// Adds `LENGTH key=value\n`, where LENGTH counts itself.
fn pax_record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

fn write_pax(records: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    // A fixed name: the usual one holds a process id.
    put(&mut header.as_old_mut().name, "PaxHeader");
    header.set_entry_type(tar::EntryType::XHeader);
    header.set_size(records.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    out.write_all(header.as_bytes())?;
    write_padded(&mut &records[..], records.len() as u64, out)
}

fn write_padded(content: &mut dyn Read, size: u64, out: &mut dyn Write) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER.min(usize::try_from(size).unwrap_or(BUFFER))];
    let mut left = size;
    while left > 0 {
        let part = buffer.len().min(usize::try_from(left).unwrap_or(BUFFER));
        content.read_exact(&mut buffer[..part])?;
        out.write_all(&buffer[..part])?;
        left -= part as u64;
    }
    let padding = usize::try_from(size.next_multiple_of(BLOCK) - size).expect("less than a block");
    out.write_all(&END[..padding])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        text.parse().expect("a clean path")
    }

    fn small() -> Layer {
        let mut layer = Layer::new();
        layer.add(path("usr/bin/a"), Node { mode: 0o755, ..Node::file("#!/bin/sh\n", 7) }).expect("new");
        layer.add(path("usr/bin/b"), Node::symlink("a", 7)).expect("new");
        layer.add(path(&format!("usr/{}", "x".repeat(160))), Node::file("long", 8)).expect("new");
        layer.add(path("etc/ä"), Node::file("", 9)).expect("new");
        layer.complete().expect("no links");
        layer
    }

    fn listing(layer: &Layer) -> Vec<(String, tar::EntryType)> {
        let mut bytes = Vec::new();
        layer.write(&mut bytes).expect("memory takes it");
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries = archive.entries().expect("a tar").map(|entry| entry.expect("an entry"));
        entries
            .map(|entry| (entry.path().expect("a path").display().to_string(), entry.header().entry_type()))
            .collect()
    }

    #[test]
    fn the_digest_of_a_small_layer_is_the_known_one() {
        assert_eq!(
            small().diff_id().expect("memory").to_string(),
            "sha256:bec94c020fa4133db5e10919b998d838d345d3e91ae7a3872df12e7829929c4f"
        );
    }

    #[test]
    fn entries_stand_in_byte_order_with_their_parents() {
        let names: Vec<String> = listing(&small()).into_iter().map(|(name, _)| name).collect();
        let long = format!("usr/{}", "x".repeat(160));
        assert_eq!(names, ["etc/", "etc/ä", "usr/", "usr/bin/", "usr/bin/a", "usr/bin/b", &long]);
    }

    #[test]
    fn a_hard_linked_file_stands_at_its_first_name() {
        let mut layer = Layer::new();
        layer.add(path("b"), Node::file("x", 0)).expect("new");
        layer.add(path("a"), Node { kind: NodeKind::Hardlink(path("b")), ..Node::file("", 0) }).expect("new");
        layer.add(path("c"), Node { kind: NodeKind::Hardlink(path("b")), ..Node::file("", 0) }).expect("new");
        layer.complete().expect("the file is there");
        let kinds: Vec<tar::EntryType> = listing(&layer).into_iter().map(|(_, kind)| kind).collect();
        assert_eq!(kinds, [tar::EntryType::Regular, tar::EntryType::Link, tar::EntryType::Link]);
    }

    #[test]
    fn a_hard_link_to_nothing_is_refused() {
        let mut layer = Layer::new();
        layer.add(path("a"), Node { kind: NodeKind::Hardlink(path("b")), ..Node::file("", 0) }).expect("new");
        assert!(matches!(layer.complete(), Err(LayerError::DanglingLink { .. })));
    }

    #[test]
    fn a_second_entry_at_a_path_is_refused_unless_both_are_the_same_directory() {
        let mut layer = Layer::new();
        layer.add(path("a"), Node::directory(1)).expect("new");
        assert_eq!(layer.add(path("a"), Node::directory(2)), Ok(()));
        assert_eq!(layer.add(path("a"), Node::file("", 1)), Err(LayerError::Duplicate { path: path("a") }));
    }
}
