//! A tree of the store as one side of a comparison.

use std::collections::BTreeMap;

use eadem_explain::{BlobError, Blobs, Node};
use eadem_model::{Digest, Entry, Tree};
use eadem_store::{Mapped, Store};

/// Names and what stands there, with what gives the bytes.
pub(crate) struct Side<'a> {
    nodes: BTreeMap<String, Node>,
    blobs: InStore<'a>,
}

impl<'a> Side<'a> {
    /// A tree that a build left.
    pub(crate) fn new(tree: &Tree, store: &'a Store) -> Self {
        let nodes = tree.entries.iter().map(|(path, entry)| (path.to_string(), node(entry))).collect();
        let digest = |entry: &Entry| match entry {
            Entry::File { digest, .. } => Some(*digest),
            _ => None,
        };
        let digests =
            tree.entries.iter().filter_map(|(path, entry)| Some((path.to_string(), digest(entry)?)));
        Self { nodes, blobs: InStore { store, digests: digests.collect() } }
    }

    /// The same as the explainer takes it.
    pub(crate) fn of(&self) -> eadem_explain::Side<'_> {
        (&self.nodes, &self.blobs)
    }
}

fn node(entry: &Entry) -> Node {
    match entry {
        Entry::Directory => Node::Directory,
        Entry::File { size, executable, .. } => {
            Node::File { mode: if *executable { 0o755 } else { 0o644 }, size: *size }
        }
        Entry::Symlink { target } => Node::Link { target: target.clone() },
    }
}

struct InStore<'a> {
    store: &'a Store,
    digests: BTreeMap<String, Digest>,
}

impl Blobs for InStore<'_> {
    fn open(&self, name: &str) -> Result<Box<dyn AsRef<[u8]> + '_>, BlobError> {
        let digest = self.digests.get(name).ok_or_else(|| BlobError(format!("there is no {name}")))?;
        let file = self.store.open_blob(digest).map_err(|error| BlobError(error.to_string()))?;
        Mapped::of(&file).map(boxed).map_err(|error| BlobError(format!("cannot read {name}: {error}")))
    }
}

fn boxed<'a>(mapped: Mapped) -> Box<dyn AsRef<[u8]> + 'a> {
    Box::new(mapped)
}
