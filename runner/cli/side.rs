//! One side of a comparison: a file or a directory.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use eadem_explain::{BlobError, Blobs, Node};
use eadem_model::{Digest, Tree};
use eadem_store::{Mapped, Store};
use os_display::Quotable;

use crate::{exit::Exit, report::Report};

/// Permissions that are compared.
const PERMISSIONS: u32 = 0o7777;

/// Names and what stands there, with what gives the bytes.
pub(crate) struct Side {
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) blobs: Box<dyn Blobs>,
}

impl Side {
    /// All that lies below a directory.
    pub(crate) fn of_directory(root: &Path) -> Result<Self, Report> {
        let (mut nodes, mut paths) = (BTreeMap::new(), BTreeMap::new());
        let mut open = vec![root.to_owned()];
        while let Some(dir) = open.pop() {
            let entries = fs::read_dir(&dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            for path in
                entries.map_err(|error| unreadable(&dir, error))?.into_iter().map(|entry| entry.path())
            {
                let node = node(&path).map_err(|error| unreadable(&path, error))?;
                if node == Node::Directory {
                    open.push(path.clone());
                }
                let name = shown(path.strip_prefix(root).unwrap_or(&path));
                nodes.insert(name.clone(), node);
                paths.insert(name, path);
            }
        }
        Ok(Self { nodes, blobs: Box::new(OnDisk(paths)) })
    }
}

/// A name as text; bytes that are none are escaped.
fn shown(name: &Path) -> String {
    match name.to_str() {
        Some(text) => text.to_owned(),
        None => name.as_os_str().as_bytes().escape_ascii().to_string(),
    }
}

fn node(path: &Path) -> io::Result<Node> {
    let about = fs::symlink_metadata(path)?;
    Ok(match about.file_type() {
        kind if kind.is_dir() => Node::Directory,
        kind if kind.is_file() => {
            Node::File { mode: about.permissions().mode() & PERMISSIONS, size: about.len() }
        }
        kind if kind.is_symlink() => Node::Link { target: shown(&fs::read_link(path)?) },
        _ => Node::Other,
    })
}

/// What is said of a file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: io::Error) -> Report {
    Report::io(&format!("cannot read {}", path.maybe_quote()), error)
}

/// Opens and maps a file.
pub(crate) fn mapped(path: &Path) -> Result<Mapped, Report> {
    File::open(path).and_then(|file| Mapped::of(&file)).map_err(|error| unreadable(path, error))
}

struct OnDisk(BTreeMap<String, PathBuf>);

impl Blobs for OnDisk {
    fn open(&self, name: &str) -> Result<Box<dyn AsRef<[u8]> + '_>, BlobError> {
        let path = self.0.get(name).ok_or_else(|| BlobError(format!("there is no {name}")))?;
        mapped(path).map(boxed).map_err(|report| BlobError(report.line()))
    }
}

fn boxed<'a>(mapped: Mapped) -> Box<dyn AsRef<[u8]> + 'a> {
    Box::new(mapped)
}

/// The tree that the store has under a digest.
pub(crate) fn tree(store: &Store, digest: &Digest) -> Result<Tree, Report> {
    let refused = |why: &str| {
        Report::new(Exit::Usage, format!("{digest} {why}"))
            .hint("`eadem show --format json` names the trees of a run")
    };
    if !store.has_blob(digest) {
        return Err(refused("is neither a file nor in the store"));
    }
    serde_json::from_slice(&store.read_blob(digest)?).map_err(|_| refused("is no tree"))
}
