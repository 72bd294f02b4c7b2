//! A project, a store and a registry of their own for a test.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use cargo_lock::SourceId;
use eadem_model::{
    CrateRelease, Digest, Event, FetchError, Fetcher, LockedImage, LockedSource, Name, Recipe, RecipeLock,
    Want,
    document::{Version1, parse},
};
use eadem_store::Store;
use semver::Version;

use crate::{LockedSources, SourceError, lock_sources, source_layer, tar_by_hand::Tar};

/// A fresh folder with a store, a project, and what the registry and the web have.
pub(crate) struct World {
    dir: tempfile::TempDir,
    /// The store.
    pub(crate) store: Store,
    published: BTreeMap<Digest, Vec<u8>>,
    crates: BTreeMap<(String, String), CrateRelease>,
    /// What was fetched, in order.
    pub(crate) fetched: Mutex<Vec<Digest>>,
    /// The warnings that came.
    pub(crate) warnings: Mutex<Vec<String>>,
}

impl World {
    /// An empty world.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(&dir.path().join("store")).expect("a store");
        let world = Self {
            dir,
            store,
            published: BTreeMap::new(),
            crates: BTreeMap::new(),
            fetched: Mutex::default(),
            warnings: Mutex::default(),
        };
        fs::create_dir(world.project()).expect("made");
        world
    }

    /// The project's root.
    pub(crate) fn project(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    /// Publishes bytes somewhere on the web.
    pub(crate) fn publish(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.published.insert(digest, bytes);
        digest
    }

    /// Publishes a crate; plain tars, so that no compressor decides a digest.
    pub(crate) fn publish_crate(&mut self, name: &str, version: &str, tar: Tar) -> Digest {
        let sha256 = self.publish(tar.end());
        self.crates.insert((name.to_owned(), version.to_owned()), CrateRelease { sha256, yanked: false });
        sha256
    }

    /// Publishes the crates `own` 1.0.0 and `dep` 2.0.0, on which it depends.
    pub(crate) fn with_program() -> Self {
        let mut world = Self::new();
        let dep = Tar::default()
            .moded(0o600, "dep-2.0.0/Cargo.toml", b"[package]\nname = \"dep\"\nversion = \"2.0.0\"\n")
            .file("dep-2.0.0/lib.rs", b"pub fn dep() {}\n");
        let dep = world.publish_crate("dep", "2.0.0", dep);
        let own = Tar::default()
            .file("own-1.0.0/Cargo.toml", b"[package]\nname = \"own\"\nversion = \"1.0.0\"\n")
            .file("own-1.0.0/Cargo.lock", lockfile(&dep).as_bytes())
            .moded(0o755, "own-1.0.0/main.rs", b"fn main() { dep::dep() }\n");
        world.publish_crate("own", "1.0.0", own);
        world
    }

    /// Withdraws a crate.
    pub(crate) fn yank(&mut self, name: &str, version: &str) {
        let release = self.crates.get_mut(&(name.to_owned(), version.to_owned()));
        release.expect("it is published").yanked = true;
    }

    /// Writes a file of the project.
    pub(crate) fn file(&self, path: &str, content: &str) {
        let path = self.project().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, content).expect("written");
    }

    /// Locks a recipe with this `source:`.
    pub(crate) fn lock(&self, source: &str) -> Result<LockedSources, SourceError> {
        self.lock_package(source, None)
    }

    /// The same, with what an index says of a source package.
    pub(crate) fn lock_package(
        &self,
        source: &str,
        package: Option<LockedSource>,
    ) -> Result<LockedSources, SourceError> {
        let (project, hear) = (self.project(), |event| self.hear(event));
        lock_sources(&recipe(source), package, &project, &self.store, self, &hear)
    }

    /// Lays the layer of a lock out.
    pub(crate) fn lay_out(&self, lock: &RecipeLock) -> Result<(), SourceError> {
        source_layer(lock, &self.project(), &self.store, self, &|event| self.hear(event))
    }

    fn hear(&self, event: Event) {
        if let Event::Warning { message } = event {
            self.warnings.lock().expect("no test thread panics").push(message);
        }
    }

    /// Removes what is laid out, as a garbage collection may.
    pub(crate) fn forget(&self, layer: &Digest) {
        fs::remove_dir_all(self.store.layer_dir(layer)).expect("removed");
    }
}

impl Fetcher for World {
    fn fetch(
        &self,
        _subject: &str,
        wants: &[Want],
        _events: &(dyn Fn(Event) + Sync),
    ) -> Result<(), FetchError> {
        for want in wants {
            let Some(bytes) = self.published.get(&want.sha256) else {
                return Err(FetchError::Nowhere { origin: want.origin.to_string(), attempts: Vec::new() });
            };
            assert!(want.size.is_none_or(|size| size == bytes.len() as u64), "a lock with a wrong size");
            self.store.put_blob(bytes).expect("stored");
            self.fetched.lock().expect("no test thread panics").push(want.sha256);
        }
        Ok(())
    }

    fn find_crate(&self, name: &str, version: &Version) -> Result<CrateRelease, FetchError> {
        let (name, version) = (name.to_owned(), version.to_string());
        let found = self.crates.get(&(name.clone(), version.clone())).cloned();
        found.ok_or(FetchError::NoSuchCrate { name, version })
    }

    fn in_release(
        &self,
        _suite: &Name,
        _accept: &dyn Fn(&[u8]) -> Result<(), String>,
    ) -> Result<Vec<u8>, FetchError> {
        unreachable!("sources ask for no distribution")
    }
}

/// A lock file of `own`, which depends on `dep` with this digest.
pub(crate) fn lockfile(dep: &Digest) -> String {
    format!(
        "version = 4\n\n[[package]]\nname = \"dep\"\nversion = \"2.0.0\"\nsource = \"{}\"\n\
         checksum = \"{}\"\n\n[[package]]\nname = \"own\"\nversion = \"1.0.0\"\ndependencies = [\n \"dep\",\n]\n",
        SourceId::default(),
        dep.hex()
    )
}

/// A recipe with this `source:`.
pub(crate) fn recipe(source: &str) -> Recipe {
    let text = format!("eadem: 1\nname: own\nimage: any\nsource: {source}\noutputs: [bin/own]\n");
    parse("recipes/own.yaml", &text).expect("a good recipe")
}

/// A recipe's lock with these sources.
pub(crate) fn locked(sources: LockedSources) -> RecipeLock {
    let name: Name = "any".parse().expect("a name");
    RecipeLock {
        eadem_lock: Version1,
        recipe: "own".parse().expect("a name"),
        meaning: Digest::of(b""),
        image: LockedImage { name, config: Digest::of(b""), diff_ids: Vec::new() },
        sources: sources.sources,
        layer: sources.layer,
    }
}

/// Every entry below a directory with its octal mode, in byte order of paths.
pub(crate) fn listing(dir: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let mut found = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(&next).expect("a directory") {
            let entry = entry.expect("an entry");
            let metadata = entry.metadata().expect("there");
            let path = entry.path();
            let inside = path.strip_prefix(dir).expect("below").display().to_string();
            found.push(format!("{inside} {:o} {}", metadata.mode() & 0o7777, metadata.mtime()));
            if metadata.is_dir() {
                todo.push(path);
            }
        }
    }
    found.sort();
    found
}
