//! The store's directory: what lies where.

use std::{
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use eadem_model::{At, AtError, Digest, DigestWriter};

use crate::{
    Layer, StoreError,
    discard::remove,
    temporary,
    temporary::TemporaryDir,
    unpack::{self, UnpackError},
};

/// Everything that eadem keeps on disk.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    layer_owner: Option<(u32, u32)>,
    in_use: File,
}

const DIRS: [&str; 12] = [
    "blobs",
    "blobs/sha256",
    "unpacked",
    "records",
    "units",
    "forecasts",
    "logs",
    "kept",
    "rooms",
    "tmp",
    "locks",
    "locks/units",
];

const OCI_LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

impl Store {
    /// Opens the store in `dir`, makes it if it is new, and removes what killed eadems left in it.
    ///
    /// # Errors
    /// [`StoreError::Owner`] if it is another user's: one owner per store. [`StoreError::NotAStore`]
    /// if it holds other things: what is not eadem's is neither swept nor changed.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_saying(dir, &|| {})
    }

    /// Opens the store as [`Self::open`] does; `wait` is called first if somebody has it for themselves.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn open_saying(dir: &Path, wait: &dyn Fn()) -> Result<Self, StoreError> {
        make_private(dir, Parents::Make)?;
        check_owner(dir)?;
        let in_use = claim(dir, wait)?;
        for name in DIRS {
            make_private(&dir.join(name), Parents::Expect)?;
        }
        temporary::sweep(&dir.join("tmp"))?;
        let store = Self { dir: dir.to_owned(), layer_owner: None, in_use };
        store.sweep_turns()?;
        if !dir.join("oci-layout").exists() {
            store.replace(&dir.join("oci-layout"), OCI_LAYOUT.as_bytes())?;
        }
        Ok(store)
    }

    /// Lays layers out as this user's and group's; for stores of root, whose rooms run as another.
    #[must_use]
    pub fn with_layer_owner(mut self, owner: Option<(u32, u32)>) -> Self {
        self.layer_owner = owner;
        self
    }

    /// The store's own directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the native engine makes its rooms.
    pub fn rooms_dir(&self) -> PathBuf {
        self.dir.join("rooms")
    }

    /// The file whose lock says that this store is in use.
    pub(crate) fn in_use(&self) -> &File {
        &self.in_use
    }

    pub(crate) fn layer_owner(&self) -> Option<(u32, u32)> {
        self.layer_owner
    }

    pub(crate) fn blobs_dir(&self) -> PathBuf {
        self.dir.join("blobs/sha256")
    }

    pub(crate) fn tmp_dir(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    /// A file without a name, readable and writable, gone when it is closed.
    pub fn scratch_file(&self) -> Result<File, StoreError> {
        Ok(tempfile::tempfile_in(self.tmp_dir()).at(self.tmp_dir())?)
    }

    /// Whether a layer is laid out as a directory.
    pub fn has_layer(&self, diff_id: &Digest) -> bool {
        self.layer_dir(diff_id).is_dir()
    }

    /// The directory that a layer is laid out in.
    pub fn layer_dir(&self, diff_id: &Digest) -> PathBuf {
        self.dir.join("unpacked").join(diff_id.hex())
    }

    /// Lays a layer out from its uncompressed tar, which must have the digest `diff_id`.
    pub fn unpack_layer(&self, diff_id: &Digest, tar: &mut dyn io::Read) -> Result<(), StoreError> {
        let mut tar = DigestReader { inner: tar, hash: DigestWriter::new(io::sink()) };
        self.place_layer(diff_id, |dir, owner| {
            unpack::unpack(&mut tar, dir, owner).map_err(|source| unpack_fault(diff_id, source))?;
            io::copy(&mut tar, &mut io::sink()).map_err(StoreError::Layer)?;
            let found = tar.hash.finish().0;
            if found == *diff_id { Ok(()) } else { Err(StoreError::WrongDigest { wanted: *diff_id, found }) }
        })
    }

    /// Lays a layer out from its entries and gives the digest of its canonical tar; keeps no blob.
    pub fn lay_out(&self, mut layer: Layer) -> Result<Digest, StoreError> {
        layer.complete()?;
        let diff_id = layer.diff_id().map_err(StoreError::Layer)?;
        if !self.has_layer(&diff_id) {
            self.place_layer(&diff_id, |dir, owner| {
                unpack::lay_out(&layer, dir, owner).map_err(|source| unpack_fault(&diff_id, source))
            })?;
        }
        Ok(diff_id)
    }

    /// Whether a layer is laid out, and was made from what has the digest `origin`.
    pub fn has_layer_of(&self, diff_id: &Digest, origin: &Digest) -> bool {
        let noted = fs::read_to_string(self.origin_path(diff_id));
        self.has_layer(diff_id) && noted.is_ok_and(|noted| noted == origin.to_string())
    }

    /// Notes what a layer was made from; the last note counts.
    pub fn note_origin(&self, diff_id: &Digest, origin: &Digest) -> Result<(), StoreError> {
        Ok(self.replace(&self.origin_path(diff_id), origin.to_string().as_bytes())?)
    }

    fn origin_path(&self, diff_id: &Digest) -> PathBuf {
        self.layer_dir(diff_id).with_extension("origin")
    }

    /// Fills a directory, makes it durable and gives it its place; half a layer never has a place.
    fn place_layer(
        &self,
        diff_id: &Digest,
        fill: impl FnOnce(&Path, Option<(u32, u32)>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let dir = TemporaryDir::create_in(&self.tmp_dir())?;
        fill(dir.path(), self.layer_owner)?;
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).at(dir.path())?;
        if let Some((uid, gid)) = self.layer_owner {
            std::os::unix::fs::chown(dir.path(), Some(uid), Some(gid)).at(dir.path())?;
        }
        rustix::fs::syncfs(File::open(dir.path()).at(dir.path())?).at(dir.path())?;
        // A note of an earlier one may be what a damaged one held.
        remove(&self.contents_path(diff_id))?;
        Ok(dir.name(&self.layer_dir(diff_id))?)
    }
}

fn unpack_fault(layer: &Digest, source: UnpackError) -> StoreError {
    StoreError::Unpack { layer: *layer, source }
}

/// Hashes what is read through it.
struct DigestReader<'a> {
    inner: &'a mut dyn io::Read,
    hash: DigestWriter<io::Sink>,
}

impl io::Read for DigestReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hash.write_all(&buffer[..n])?;
        Ok(n)
    }
}

fn check_owner(dir: &Path) -> Result<(), StoreError> {
    let owner = fs::metadata(dir).at(dir)?.uid();
    let me = rustix::process::geteuid().as_raw();
    if owner == me { Ok(()) } else { Err(StoreError::Owner { dir: dir.to_owned(), owner, me }) }
}

/// Whether directories above may be made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parents {
    Make,
    Expect,
}

/// Makes a directory that is its owner's alone; one that is there is left as it is.
pub(crate) fn make_private(path: &Path, parents: Parents) -> Result<(), AtError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|_| parents == Parents::Make) {
        fs::create_dir_all(parent).at(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.at(path),
    }
}

/// Marks an empty directory as a store, or finds the mark; says that it is in use while the file is open.
fn claim(dir: &Path, wait: &dyn Fn()) -> Result<File, StoreError> {
    let mark = dir.join("locks/store");
    // In this order: who makes a store sets the mark before anything else.
    let holds_others = holds_others(dir)?;
    if holds_others && !mark.is_file() {
        return Err(StoreError::NotAStore { dir: dir.to_owned() });
    }
    make_private(&dir.join("locks"), Parents::Expect)?;
    let file = File::options().create(true).append(true).open(&mark).at(&mark)?;
    match file.try_lock_shared() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => wait(),
        Err(TryLockError::Error(error)) => Err(error).at(&mark)?,
    }
    file.lock_shared().at(&mark)?;
    Ok(file)
}

fn holds_others(dir: &Path) -> Result<bool, AtError> {
    for entry in fs::read_dir(dir).at(dir)? {
        let name = entry.at(dir)?.file_name();
        // A file system of its own has the latter from the start.
        if name != "locks" && name != "lost+found" {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Store {
    /// Puts a whole new file at `path`; a reader sees the old one or the new one.
    pub(crate) fn replace(&self, path: &Path, content: &[u8]) -> Result<(), AtError> {
        let parent = path.parent().expect("files of the store lie in a directory");
        let dir = TemporaryDir::create_in(&self.tmp_dir())?;
        let new = dir.path().join("new");
        fs::write(&new, content).at(&new)?;
        File::open(&new).at(&new)?.sync_all().at(&new)?;
        fs::rename(&new, path).at(path)?;
        File::open(parent).at(parent)?.sync_all().at(parent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Node;

    fn layer() -> Layer {
        let mut layer = Layer::new();
        layer.add("src/a".parse().expect("clean"), Node::file("a", 1)).expect("new");
        layer
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry"));
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name != ".gate");
        names.sort();
        names
    }

    #[test]
    fn a_layer_that_is_laid_out_can_be_read_and_leaves_nothing_temporary() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let diff_id = store.lay_out(layer()).expect("laid out");
        assert_eq!(fs::read(store.layer_dir(&diff_id).join("src/a")).expect("there"), b"a");
        assert_eq!(store.lay_out(layer()).expect("again"), diff_id);
        assert!(names(&store.tmp_dir()).is_empty());
    }

    #[test]
    fn a_tar_with_another_digest_is_not_laid_out() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let mut tar = Vec::new();
        layer().write(&mut tar).expect("memory");
        let wrong = Digest::of(b"another");
        let error = store.unpack_layer(&wrong, &mut &tar[..]).expect_err("another digest");
        assert!(matches!(error, StoreError::WrongDigest { .. }));
        assert!(!store.has_layer(&wrong));
        store.unpack_layer(&Digest::of(&tar), &mut &tar[..]).expect("the right digest");
        assert!(store.has_layer(&Digest::of(&tar)));
        assert!(names(&store.tmp_dir()).is_empty());
    }

    #[test]
    fn a_directory_that_holds_other_things_is_neither_taken_nor_changed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(dir.path().join("rooms/living/photos")).expect("made");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("set");
        assert!(matches!(Store::open(dir.path()), Err(StoreError::NotAStore { .. })));
        assert!(dir.path().join("rooms/living/photos").is_dir());
        assert_eq!(fs::metadata(dir.path()).expect("there").mode() & 0o777, 0o755);
        assert_eq!(names(dir.path()), ["rooms"]);
    }

    #[test]
    fn a_store_holds_what_the_house_says() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        drop(Store::open(dir.path()).expect("a store"));
        let expected = [
            "blobs",
            "forecasts",
            "kept",
            "locks",
            "logs",
            "oci-layout",
            "records",
            "rooms",
            "tmp",
            "units",
            "unpacked",
        ];
        assert_eq!(names(dir.path()), expected);
    }
}
