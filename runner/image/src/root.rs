//! The root file system while it grows: every path once, each with the layer that it belongs to.

use std::{collections::BTreeMap, io};

use eadem_model::{PathError, TreePath};
use eadem_store::{Layer, LayerError, Node, NodeKind};

use crate::usrmerge;

/// All entries of the image.
#[derive(Debug)]
pub(crate) struct Root {
    places: BTreeMap<TreePath, Place>,
    epoch: u64,
    top: usize,
}

/// An entry, and who put it there.
#[derive(Debug)]
struct Place {
    layer: usize,
    owner: String,
    node: Node,
}

/// Why entries cannot stand in one root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// Two packages bring the same file.
    #[error("`{path}` comes from `{owner}` and from `{other}`")]
    Clash {
        /// The file.
        path: TreePath,
        /// Who came first.
        owner: String,
        /// Who came next.
        other: String,
    },
    /// An entry's way leads through something that is no directory.
    #[error("`{path}` of `{owner}` lies below `{above}`, which is no directory")]
    Below {
        /// The entry.
        path: TreePath,
        /// Whose it is.
        owner: String,
        /// What is above it.
        above: TreePath,
    },
    /// A path that a fix-up makes is not clean.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A layer takes no second entry at a path.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

impl Root {
    /// An empty root whose times end at `epoch`; fix-ups go to the layer `top`.
    pub(crate) fn new(epoch: u64, top: usize) -> Self {
        Self { places: BTreeMap::new(), epoch, top }
    }

    /// The time that made entries get.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Adds a package's entry. Packages may share directories: the first one's mode stands, and the
    /// directory belongs to the lowest layer of all.
    pub(crate) fn add(
        &mut self,
        layer: usize,
        owner: &str,
        path: TreePath,
        mut node: Node,
    ) -> Result<(), RootError> {
        node.mtime = node.mtime.min(self.epoch);
        let Some(place) = self.places.get_mut(&path) else {
            self.places.insert(path, Place { layer, owner: owner.to_owned(), node });
            return Ok(());
        };
        if is_directory(&place.node) && is_directory(&node) {
            place.layer = place.layer.min(layer);
            return Ok(());
        }
        Err(RootError::Clash { path, owner: place.owner.clone(), other: owner.to_owned() })
    }

    /// Adds what a fix-up makes, if nothing is there.
    pub(crate) fn make(&mut self, path: &str, node: Node) -> Result<(), RootError> {
        let path = self.place_of(path, &node)?;
        let (layer, owner) = (self.top, "eadem".to_owned());
        self.places.entry(path).or_insert(Place { layer, owner, node });
        Ok(())
    }

    /// Adds what the image's definition asks for; a file of a package is never replaced.
    pub(crate) fn demand(&mut self, path: &str, node: Node) -> Result<(), RootError> {
        let path = self.place_of(path, &node)?;
        if self.places.get(&path).is_some_and(|place| place.layer == self.top) {
            self.places.remove(&path);
        }
        self.add(self.top, "the image's definition", path, node)
    }

    fn place_of(&self, path: &str, node: &Node) -> Result<TreePath, PathError> {
        let path: TreePath = path.strip_prefix('/').unwrap_or(path).parse()?;
        Ok(usrmerge::place(&path, is_directory(node)))
    }

    /// The entry at a path.
    pub(crate) fn get(&self, path: &str) -> Option<&Node> {
        Some(&self.places.get(&path.parse::<TreePath>().ok()?)?.node)
    }

    /// The bytes of the file at a path, if there is one.
    pub(crate) fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(NodeKind::File(content)) = self.get(path).map(|node| &node.kind) else { return Ok(None) };
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut content.reader(), &mut bytes)?;
        Ok(Some(bytes))
    }

    /// The paths below a directory, in byte order.
    pub(crate) fn below(&self, dir: &str) -> Vec<String> {
        let prefix = format!("{dir}/");
        self.places
            .keys()
            .map(TreePath::as_str)
            .filter(|path| path.starts_with(&prefix))
            .map(str::to_owned)
            .collect()
    }

    /// Cuts the root into its layers, lowest first.
    ///
    /// A layer repeats the directories above its entries, with the same mode everywhere: where layers
    /// are stacked, the topmost mode counts.
    pub(crate) fn into_layers(mut self) -> Result<Vec<Layer>, RootError> {
        self.add_parents()?;
        let mut layers: Vec<Layer> = (0..=self.top).map(|_| Layer::new()).collect();
        for (path, place) in &self.places {
            let layer = &mut layers[place.layer];
            layer.add(path.clone(), place.node.clone())?;
            let mut parent = path.parent();
            while let Some(above) = parent.filter(|above| layer.get(above).is_none()) {
                layer.add(above.clone(), self.places[&above].node.clone())?;
                parent = above.parent();
            }
        }
        Ok(layers)
    }

    /// Adds directories that no package brings, and refuses ways through anything else.
    fn add_parents(&mut self) -> Result<(), RootError> {
        let mut missing: BTreeMap<TreePath, Place> = BTreeMap::new();
        for (path, place) in &self.places {
            let mut parent = path.parent();
            while let Some(above) = parent {
                if let Some(found) = self.places.get(&above) {
                    if !is_directory(&found.node) {
                        let owner = place.owner.clone();
                        return Err(RootError::Below { path: path.clone(), owner, above });
                    }
                } else {
                    let layer = missing.get(&above).map_or(place.layer, |found| found.layer.min(place.layer));
                    let node = Node::directory(self.epoch);
                    missing.insert(above.clone(), Place { layer, owner: place.owner.clone(), node });
                }
                parent = above.parent();
            }
        }
        self.places.extend(missing);
        Ok(())
    }
}

fn is_directory(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Directory)
}
