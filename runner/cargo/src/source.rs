//! Which sources a unit sees, and what they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use eadem_model::{Digest, Input, PathError, Root, TreePath, Veil};
use eadem_store::{Contents, Store, StoreError};

use crate::{Places, Shape, graph::lies_in};

/// What makes a directory a package.
const MANIFEST: &str = "Cargo.toml";

/// A layer and a directory in it.
type Place = (Digest, TreePath);

/// Finds the plan's own inputs and reads each part of them once.
pub(crate) struct Sources<'a> {
    store: &'a Store,
    inputs: &'a [Input],
    /// What was read here and now.
    known: Mutex<BTreeMap<Place, Digest>>,
    /// What was read in earlier builds.
    noted: Mutex<BTreeMap<Digest, Contents>>,
    listed: Mutex<BTreeMap<Place, Arc<[String]>>>,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(store: &'a Store, inputs: &'a [Input]) -> Self {
        Self { store, inputs, known: Mutex::default(), noted: Mutex::default(), listed: Mutex::default() }
    }

    /// The inputs that show everything, for units that may see it.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter()
    }

    /// The root of the sources that a path belongs to: the directory of its package, or all of the recipe's own
    /// sources if it lies in no package of theirs.
    ///
    /// # Errors
    /// [`Shape`] for a path that is no source.
    pub(crate) fn package_root(&self, places: &Places, path: &str) -> Result<String, Shape> {
        let stranger = || Shape::new(format!("`{path}` lies in no package of the sources"));
        match places.locate(path) {
            Some((Root::Source, below)) => {
                let dirs = std::iter::successors(below, TreePath::parent);
                let dirs = dirs.map(|dir| format!("{}/{dir}", places.at(Root::Source)));
                let package = dirs.into_iter().find(|dir| self.has(places, &format!("{dir}/{MANIFEST}")));
                Ok(package.unwrap_or_else(|| places.at(Root::Source).to_owned()))
            }
            Some((Root::Cargo, Some(below))) => vendored(places, &below).ok_or_else(stranger),
            _ => Err(stranger()),
        }
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
        let unfit = || Shape::new(format!("`{root}` is no directory and no file of the recipe's sources"));
        let file = self.is_file(&whole.layer, &subpath).ok_or_else(unfit)?;
        Ok(Input { layer: whole.layer, subpath, at, below, file })
    }

    /// Whether a path leads to something among all sources.
    pub(crate) fn has(&self, places: &Places, path: &str) -> bool {
        let Some((at, Some(below))) = places.locate(path) else { return false };
        let mut inputs = self.inputs.iter().filter(|input| input.at == at);
        inputs.any(|input| self.path(&input.layer, &input.subpath).join(below.as_str()).exists())
    }

    /// The directory that a path names or lies in, if it leads to something of the sources; a file beside all packages
    /// stands for itself.
    pub(crate) fn directory<'p>(&self, places: &Places, path: &'p str) -> Option<&'p str> {
        let (at, below) = places.locate(path)?;
        let Some(below) = below else { return Some(path) };
        let whole = self.inputs.iter().find(|input| input.at == at)?;
        let found = self.path(&whole.layer, &whole.subpath).join(below.as_str()).symlink_metadata().ok()?;
        let is_itself = found.is_dir() || below.parent().is_none();
        if is_itself { Some(path) } else { path.rsplit_once('/').map(|(dir, _)| dir) }
    }

    /// The names of all that lies beside what is shown.
    pub(crate) fn veils(&self, shown: &[Input]) -> Result<Vec<Veil>, Shape> {
        let mut veils = Vec::new();
        for whole in self.inputs {
            let below: Vec<_> =
                shown.iter().filter(|input| input.at == whole.at).map(|it| &it.below).collect();
            // Whoever sees all of it misses nothing.
            if below.iter().all(|below| below.is_some()) {
                let shown = below.into_iter().flatten().collect();
                let mut names = BTreeSet::new();
                self.hide(whole, None, &shown, &mut names)?;
                veils.push(Veil { at: whole.at, names });
            }
        }
        Ok(veils)
    }

    fn hide(
        &self,
        whole: &Input,
        dir: Option<&TreePath>,
        shown: &BTreeSet<&TreePath>,
        names: &mut BTreeSet<TreePath>,
    ) -> Result<(), Shape> {
        let join = |dir: &TreePath, name: &str| dir.join(name).map_err(|error| Shape::new(error.to_string()));
        let at = dir.map_or(Ok(whole.subpath.clone()), |dir| join(&whole.subpath, dir.as_str()))?;
        for name in self.list(whole.layer, at)?.iter() {
            let path = match dir {
                Some(dir) => join(dir, name)?,
                None => name.parse().map_err(|error: PathError| Shape::new(error.to_string()))?,
            };
            if shown.iter().any(|shown| lies_in(shown.as_str(), path.as_str())) {
                if !shown.contains(&path) {
                    self.hide(whole, Some(&path), shown, names)?;
                }
            } else {
                names.insert(path);
            }
        }
        Ok(())
    }

    /// The names in a directory of a layer; read once.
    fn list(&self, layer: Digest, dir: TreePath) -> Result<Arc<[String]>, Shape> {
        let place = (layer, dir);
        if let Some(listed) = self.listed.lock().expect("no holder panics").get(&place) {
            return Ok(Arc::clone(listed));
        }
        let path = self.path(&place.0, &place.1);
        let listed: Arc<[String]> =
            names_in(&path).map_err(|error| Shape::new(format!("{}: {error}", path.display())))?.into();
        self.listed.lock().expect("no holder panics").insert(place, Arc::clone(&listed));
        Ok(listed)
    }

    /// Whether a path leads to a file, or to a directory, without a link: rooms follow none.
    fn is_file(&self, layer: &Digest, subpath: &TreePath) -> Option<bool> {
        let kind = |path: &TreePath| Some(self.path(layer, path).symlink_metadata().ok()?.file_type());
        let mut above = std::iter::successors(subpath.parent(), TreePath::parent);
        let is_reached = above.all(|path| kind(&path).is_some_and(|kind| kind.is_dir()));
        let found = kind(subpath).filter(|kind| is_reached && (kind.is_dir() || kind.is_file()))?;
        Some(found.is_file())
    }

    fn path(&self, layer: &Digest, subpath: &TreePath) -> PathBuf {
        self.store.layer_dir(layer).join(subpath.as_str())
    }

    /// What an input shows, by what is noted of it or by reading it.
    pub(crate) fn content(&self, input: &Input) -> Result<Digest, StoreError> {
        match self.noted(input) {
            Some(noted) => Ok(noted),
            None => self.read(input),
        }
    }

    /// Finds out whether the inputs that a room will show hold what is noted of them: what is made from others must
    /// not be kept under that name.
    pub(crate) fn expect(&self, shown: &[Input]) -> Result<(), StoreError> {
        for input in shown {
            if let Some(noted) = self.noted(input)
                && !self.known.lock().expect("no holder panics").contains_key(&place(input))
            {
                self.store.expect_content(&input.layer, &input.subpath, &noted)?;
                self.known.lock().expect("no holder panics").insert(place(input), noted);
            }
        }
        Ok(())
    }

    /// Keeps for later builds what was read.
    pub(crate) fn note(&self) -> Result<(), StoreError> {
        let mut found: BTreeMap<Digest, Contents> = BTreeMap::new();
        for ((layer, subpath), content) in &*self.known.lock().expect("no holder panics") {
            found.entry(*layer).or_default().insert(subpath.clone(), *content);
        }
        for (layer, mut contents) in found {
            let noted = self.store.contents(&layer);
            contents.retain(|subpath, _| !noted.contains_key(subpath));
            if !contents.is_empty() {
                self.store.note_contents(&layer, contents)?;
            }
        }
        Ok(())
    }

    fn noted(&self, input: &Input) -> Option<Digest> {
        let mut noted = self.noted.lock().expect("no holder panics");
        let of_layer = noted.entry(input.layer).or_insert_with(|| self.store.contents(&input.layer));
        of_layer.get(&input.subpath).copied()
    }

    fn read(&self, input: &Input) -> Result<Digest, StoreError> {
        let place = place(input);
        if let Some(known) = self.known.lock().expect("no holder panics").get(&place) {
            return Ok(*known);
        }
        let content = self.store.content_of(&place.0, &place.1)?;
        self.known.lock().expect("no holder panics").insert(place, content);
        Ok(content)
    }
}

/// The directory of a vendored package, below CARGO_HOME.
fn vendored(places: &Places, below: &TreePath) -> Option<String> {
    let mut parts = below.as_str().split('/');
    let (vendor, package) = (parts.next().filter(|dir| *dir == "vendor")?, parts.next()?);
    Some(format!("{}/{vendor}/{package}", places.at(Root::Cargo)))
}

fn place(input: &Input) -> Place {
    (input.layer, input.subpath.clone())
}

fn names_in(dir: &Path) -> io::Result<Vec<String>> {
    let name = |entry: io::Result<fs::DirEntry>| {
        entry?.file_name().into_string().map_err(|_| io::ErrorKind::InvalidData.into())
    };
    fs::read_dir(dir)?.map(name).collect()
}

#[cfg(test)]
mod tests {
    use eadem_model::Setting;
    use eadem_store::{Layer, Node};

    use super::*;

    #[test]
    fn the_root_of_a_source_is_its_package_or_all_where_there_is_none() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let mut layer = Layer::new();
        for path in ["src/crates/one/Cargo.toml", "src/crates/one/src/lib.rs", "src/shared/data.txt"] {
            layer.add(path.parse().expect("clean"), Node::file("x", 1)).expect("new");
        }
        let layer = store.lay_out(layer).expect("laid out");
        let inputs = [Input {
            layer,
            subpath: "src".parse().expect("clean"),
            at: Root::Source,
            below: None,
            file: false,
        }];
        let sources = Sources::new(&store, &inputs);
        let places = Places::of(&Setting::baseline());
        let root = |path: &str| sources.package_root(&places, path).ok();
        let is = |path: &str| Some(path.to_owned());
        assert_eq!(root("/build/cargo/vendor/libc-0.2.1"), is("/build/cargo/vendor/libc-0.2.1"));
        assert_eq!(root("/build/cargo/vendor/libc-0.2.1/src/unix"), is("/build/cargo/vendor/libc-0.2.1"));
        assert_eq!(root("/build/src/crates/one"), is("/build/src/crates/one"));
        assert_eq!(root("/build/src/crates/one/src/deep"), is("/build/src/crates/one"));
        for path in ["/build/src", "/build/src/crates", "/build/src/shared", "/build/src/crates/two"] {
            assert_eq!(root(path), is("/build/src"), "{path}");
        }
        for path in ["/build/cargo", "/build/cargo/config.toml", "/build/target/x", "/etc", "yes"] {
            assert_eq!(root(path), None, "{path}");
        }
    }
}
