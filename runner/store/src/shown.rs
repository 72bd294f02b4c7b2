//! A tree of outputs as a layer, for whoever needs it in a room.

use eadem_model::{DEFAULT_EPOCH, Digest, Entry, Supply, Tree};

use crate::{Layer, Node, NodeKind, Spool, StoreError, store::Store};

impl Store {
    /// Lays a tree out as a layer, in [`Supply::subpath`], and gives the layer's digest, which depends on the
    /// tree alone.
    ///
    /// # Errors
    /// [`StoreError::Missing`] or [`StoreError::Damaged`] if a file is not in the store as it was written.
    pub fn lay_out_tree(&self, tree: &Tree) -> Result<Digest, StoreError> {
        let spool = Spool::new(self)?;
        let (mut layer, top) = (Layer::new(), Supply::subpath());
        for (path, entry) in &tree.entries {
            let path = top.join(path.as_str()).expect("a clean path below a clean one");
            layer.add(path, self.node(entry, &spool)?)?;
        }
        layer.add(top, Node::directory(DEFAULT_EPOCH))?;
        self.lay_out(layer)
    }

    fn node(&self, entry: &Entry, spool: &Spool) -> Result<Node, StoreError> {
        Ok(match entry {
            Entry::Directory => Node::directory(DEFAULT_EPOCH),
            Entry::Symlink { target } => Node::symlink(target, DEFAULT_EPOCH),
            Entry::File { digest, size, executable } => {
                self.expect_blob(digest, Some(*size))?;
                let content = spool.keep(&mut self.open_blob(digest)?, *size);
                let content = content.map_err(|error| StoreError::Layer(error.into()))?;
                let mode = if *executable { 0o755 } else { 0o644 };
                Node { mode, uid: 0, gid: 0, mtime: DEFAULT_EPOCH, kind: NodeKind::File(content) }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use eadem_model::OutputSink;

    use super::*;

    fn tree(store: &Store) -> Tree {
        let path = |text: &str| text.parse().expect("clean");
        let mut writer = store.tree_writer();
        writer.file(&path("lib/libz.a"), false, &mut &b"abc"[..]).expect("taken");
        writer.file(&path("bin/run"), true, &mut &b"abc"[..]).expect("taken");
        writer.symlink(&path("lib/libz.so"), "libz.a").expect("taken");
        writer.finish().expect("finished")
    }

    #[test]
    fn a_tree_is_one_layer_on_every_machine() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let layer = store.lay_out_tree(&tree(&store)).expect("laid out");
        assert_eq!(
            layer.to_string(),
            "sha256:c5cbc32ac9217e4ecadb9b1bdc928c0984309b304d445ecfefb1535bd3384dcb"
        );
        let at = |name: &str| store.layer_dir(&layer).join("out").join(name);
        assert_eq!(fs::read(at("lib/libz.so")).expect("it leads there"), b"abc");
        let mode = |name| fs::metadata(at(name)).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode("bin/run"), mode("lib/libz.a"), mode("lib")), (0o755, 0o644, 0o755));
        assert_eq!(store.lay_out_tree(&tree(&store)).expect("again"), layer);
    }

    #[test]
    fn an_empty_tree_is_an_empty_directory() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let layer = store.lay_out_tree(&Tree::default()).expect("laid out");
        assert!(store.layer_dir(&layer).join("out").is_dir());
    }

    #[test]
    fn what_somebody_has_written_to_becomes_no_layer() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let tree = tree(&store);
        let blob = store.file_path(&Digest::of(b"abc"));
        fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).expect("ours");
        fs::write(&blob, "abd").expect("written");
        assert!(matches!(store.lay_out_tree(&tree), Err(StoreError::Damaged { .. })));
    }
}
