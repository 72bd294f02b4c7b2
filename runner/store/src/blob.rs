//! Blobs: files named by the digest of their bytes.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use eadem_model::{At, AtError, Digest, DigestWriter};

use crate::{
    StoreError,
    seal::{is_sealed, seal},
    store::Store,
    temporary::{Named, Unnamed},
};

impl Store {
    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blobs_dir().join(digest.hex())
    }

    /// Whether a blob is there.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.blob_path(digest).is_file() || self.cold_path(digest).is_file()
    }

    /// Opens a blob for reading.
    pub fn open_blob(&self, digest: &Digest) -> Result<File, StoreError> {
        let path = self.blob_path(digest);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !self.thaw(digest)? {
                    return Err(StoreError::Missing(*digest));
                }
                Ok(File::open(&path).at(&path)?)
            }
            other => Ok(other.at(&path)?),
        }
    }

    /// Reads a small blob whole and checks it against its name.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.blob_path(digest);
        let mut bytes = Vec::new();
        self.open_blob(digest)?.read_to_end(&mut bytes).at(&path)?;
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(StoreError::Damaged { path, why: format!("it holds {found}") });
        }
        Ok(bytes)
    }

    /// Reads a blob whole, compares it with its name, and seals it if it is right.
    pub(crate) fn check_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        check(&self.blob_path(digest), digest)
    }

    /// Makes sure that a blob is as it was written; reads it only if its seal or its length says otherwise.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Damaged`] if it holds other bytes.
    pub(crate) fn expect_blob(&self, digest: &Digest, size: Option<u64>) -> Result<(), StoreError> {
        match expect(&self.blob_path(digest), digest, size) {
            Err(StoreError::Missing(_)) if self.thaw(digest)? => Ok(()),
            expected => expected,
        }
    }

    /// Starts a blob whose digest is not known yet.
    pub fn blob_writer(&self) -> Result<BlobWriter, StoreError> {
        let file = Unnamed::create_in(&self.blobs_dir())?;
        let handle = file.file().try_clone().at(self.blobs_dir())?;
        Ok(BlobWriter { file, out: DigestWriter::new(handle), dir: self.blobs_dir(), tmp: self.tmp_dir() })
    }

    /// Stores bytes that are in memory.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        if expect(&self.blob_path(&digest), &digest, Some(bytes.len() as u64)).is_ok() {
            return Ok(digest);
        }
        let mut writer = self.blob_writer()?;
        writer.write_all(bytes).map_err(|error| writer.fault(error))?;
        Ok(writer.finish()?.0)
    }
}

fn expect(path: &Path, digest: &Digest, size: Option<u64>) -> Result<(), StoreError> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::Missing(*digest)),
        other => other.at(path)?,
    };
    let fits = found.is_file() && size.is_none_or(|size| size == found.len());
    if fits && is_sealed(&found, digest) { Ok(()) } else { check(path, digest) }
}

fn check(path: &Path, digest: &Digest) -> Result<(), StoreError> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::Missing(*digest)),
        other => other.at(path)?,
    };
    let before = file.metadata().at(path)?;
    let damaged = |why: String| StoreError::Damaged { path: path.to_owned(), why };
    if !before.is_file() {
        return Err(damaged("it is no file".to_owned()));
    }
    let mut hash = DigestWriter::new(io::sink());
    io::copy(&mut file, &mut hash).at(path)?;
    let found = hash.finish().0;
    if found != *digest {
        return Err(damaged(format!("it holds {found}")));
    }
    // What was written to meanwhile gets no seal; a store on a read-only disk does without.
    if file.metadata().at(path)?.modified().ok() == before.modified().ok() {
        let _ = seal(&file, digest);
    }
    Ok(())
}

/// A blob on its way into the store: nothing is there until it is finished.
pub struct BlobWriter {
    file: Unnamed,
    out: DigestWriter<File>,
    dir: PathBuf,
    tmp: PathBuf,
}

impl BlobWriter {
    /// Names the blob by what was written, and gives its digest and length.
    pub fn finish(self) -> Result<(Digest, u64), StoreError> {
        let (digest, size, _) = self.out.finish();
        name(self.file, &digest, size, [&self.dir, &self.tmp])?;
        Ok((digest, size))
    }

    /// Names the blob if it is the expected one, and gives its length.
    ///
    /// # Errors
    /// [`StoreError::WrongDigest`] if it is another; then nothing enters the store.
    pub fn finish_as(self, expected: &Digest) -> Result<u64, StoreError> {
        let (found, size, _) = self.out.finish();
        if found != *expected {
            return Err(StoreError::WrongDigest { wanted: *expected, found });
        }
        name(self.file, &found, size, [&self.dir, &self.tmp])?;
        Ok(size)
    }

    /// Says where a failed write was going.
    pub fn fault(&self, error: io::Error) -> StoreError {
        AtError { path: self.dir.clone(), source: error }.into()
    }
}

/// Gives a whole blob its name; one that is there already stays, unless it is damaged.
fn name(file: Unnamed, digest: &Digest, size: u64, [dir, tmp]: [&Path; 2]) -> Result<(), StoreError> {
    let path = dir.join(digest.hex());
    // What is there is not written to the disk again: waiting for it is most of what small blobs cost.
    if expect(&path, digest, Some(size)).is_ok() {
        return Ok(());
    }
    seal(file.file(), digest).at(&path)?;
    let Named::Taken(file) = file.name(&path)? else { return Ok(()) };
    match expect(&path, digest, Some(size)) {
        // It may be gone by now, too.
        Err(StoreError::Damaged { .. } | StoreError::Missing(_)) => Ok(file.replace(&path, tmp)?),
        sound => sound,
    }
}

impl Write for BlobWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.out.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_with_another_digest_does_not_enter() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let mut writer = store.blob_writer().expect("a writer");
        writer.write_all(b"abc").expect("written");
        let error = writer.finish_as(&Digest::of(b"abd")).expect_err("another digest");
        assert!(matches!(error, StoreError::WrongDigest { found, .. } if found == Digest::of(b"abc")));
        assert_eq!(fs::read_dir(store.blobs_dir()).expect("listed").count(), 0);
    }

    #[test]
    fn a_blob_may_be_stored_twice() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let digest = store.put_blob(b"abc").expect("stored");
        assert_eq!(store.put_blob(b"abc").expect("stored"), digest);
        assert_eq!(store.read_blob(&digest).expect("there"), b"abc");
    }

    #[test]
    fn a_damaged_blob_is_not_read() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let digest = store.put_blob(b"abc").expect("stored");
        let path = store.blob_path(&digest);
        fs::remove_file(&path).expect("removed");
        fs::write(&path, b"abd").expect("written");
        assert!(matches!(store.read_blob(&digest), Err(StoreError::Damaged { .. })));
        assert!(matches!(store.check_blob(&digest), Err(StoreError::Damaged { .. })));
        assert!(matches!(store.expect_blob(&digest, Some(3)), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn a_damaged_blob_is_made_whole_by_whoever_writes_it_again() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let digest = store.put_blob(b"abc").expect("stored");
        fs::remove_file(store.blob_path(&digest)).expect("removed");
        fs::write(store.blob_path(&digest), b"abd").expect("written");
        assert_eq!(store.put_blob(b"abc").expect("stored"), digest);
        assert_eq!(store.read_blob(&digest).expect("whole"), b"abc");
        let n_files = |dir: PathBuf| fs::read_dir(dir).expect("listed").count();
        assert_eq!((n_files(store.blobs_dir()), n_files(store.tmp_dir())), (1, 1), "the gate of tmp stays");
    }

    #[test]
    fn a_blob_without_its_seal_is_read_and_sealed_anew() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let digest = store.put_blob(b"abc").expect("stored");
        let path = store.blob_path(&digest);
        let sealed = || is_sealed(&fs::metadata(&path).expect("there"), &digest);
        assert!(sealed());
        fs::remove_file(&path).expect("removed");
        fs::write(&path, b"abc").expect("written");
        assert!(!sealed());
        store.expect_blob(&digest, Some(3)).expect("is whole");
        assert!(sealed());
    }
}
