//! Which sources a unit sees, and what they are.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Mutex,
};

use eadem_model::{Digest, Input, Plan, Root, TreePath};
use eadem_store::{Store, StoreError};

use crate::{Places, Shape};

/// The root of the sources that a path belongs to: the package for a vendored one, and for one of the
/// recipe's own sources all of these, since workspaces share files.
///
/// # Errors
/// [`Shape`] for a path that is no source.
pub(crate) fn package_root(places: &Places, path: &str) -> Result<String, Shape> {
    let stranger = || Shape::new(format!("`{path}` lies in no package of the sources"));
    match places.locate(path) {
        Some((Root::Source, below)) => Ok(cut(path, below.as_ref(), 0)),
        Some((Root::Cargo, Some(below))) if below.as_str().starts_with("vendor/") => {
            Ok(cut(path, Some(&below), 2))
        }
        _ => Err(stranger()),
    }
}

/// A path with so many parts of what lies below its root.
fn cut(path: &str, below: Option<&TreePath>, n_parts: usize) -> String {
    let below = below.map_or("", TreePath::as_str);
    let dropped: usize = below.split('/').skip(n_parts).map(|part| part.len() + 1).sum();
    let dropped = if below.is_empty() { 0 } else { dropped };
    path[..path.len() - dropped].to_owned()
}

/// Finds the plan's own inputs and reads each part of them once.
pub(crate) struct Sources<'a> {
    store: &'a Store,
    inputs: &'a [Input],
    known: Mutex<BTreeMap<(Digest, TreePath), Digest>>,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(store: &'a Store, plan: &'a Plan) -> Self {
        Self { store, inputs: &plan.inputs, known: Mutex::default() }
    }

    /// The inputs that show everything, for units that may see it.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter()
    }

    /// The input that shows one root of sources.
    pub(crate) fn input(&self, places: &Places, root: &str) -> Result<Input, Shape> {
        let unknown = || Shape::new(format!("`{root}` is none of the recipe's sources"));
        let (at, below) = places.locate(root).ok_or_else(unknown)?;
        let whole = self.inputs.iter().find(|input| input.at == at).ok_or_else(unknown)?;
        let subpath = match &below {
            None => whole.subpath.clone(),
            Some(below) => whole.subpath.join(below.as_str()).map_err(|_| unknown())?,
        };
        if !self.is_directory(&whole.layer, &subpath) {
            return Err(Shape::new(format!("`{root}` is no directory of the recipe's sources")));
        }
        Ok(Input { layer: whole.layer, subpath, at, below })
    }

    /// Whether a path leads to something among all sources.
    pub(crate) fn has(&self, places: &Places, path: &str) -> bool {
        let Some((at, Some(below))) = places.locate(path) else { return false };
        let mut inputs = self.inputs.iter().filter(|input| input.at == at);
        inputs.any(|input| self.path(&input.layer, &input.subpath).join(below.as_str()).exists())
    }

    /// Whether a path leads to a directory without a link: rooms follow none.
    fn is_directory(&self, layer: &Digest, subpath: &TreePath) -> bool {
        let above = std::iter::successors(Some(subpath.clone()), TreePath::parent);
        let is_real = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_dir());
        above.into_iter().all(|path| is_real(&self.path(layer, &path)))
    }

    fn path(&self, layer: &Digest, subpath: &TreePath) -> PathBuf {
        self.store.layer_dir(layer).join(subpath.as_str())
    }

    /// What an input shows.
    pub(crate) fn content(&self, input: &Input) -> Result<Digest, StoreError> {
        let place = (input.layer, input.subpath.clone());
        if let Some(known) = self.known.lock().expect("no holder panics").get(&place) {
            return Ok(*known);
        }
        let content = self.store.content_of(&place.0, &place.1)?;
        self.known.lock().expect("no holder panics").insert(place, content);
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use eadem_model::Setting;

    use super::*;

    #[test]
    fn a_vendored_package_is_one_directory_and_a_workspace_is_whole() {
        let places = Places::of(&Setting::baseline());
        let root = |path: &str| package_root(&places, path).ok();
        let vendored = Some("/build/cargo/vendor/libc-0.2.1".to_owned());
        assert_eq!(root("/build/cargo/vendor/libc-0.2.1"), vendored);
        assert_eq!(root("/build/cargo/vendor/libc-0.2.1/src/unix"), vendored);
        assert_eq!(root("/build/src"), Some("/build/src".to_owned()));
        assert_eq!(root("/build/src/crates/one"), Some("/build/src".to_owned()));
        for path in ["/build/cargo", "/build/cargo/config.toml", "/build/target/x", "/etc", "yes"] {
            assert_eq!(root(path), None, "{path}");
        }
    }
}
