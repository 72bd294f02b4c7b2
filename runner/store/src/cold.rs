//! What units gave and nobody used for long, compressed: `cold/DIGEST.zst`.
//!
//! A blob that is asked for is brought back first, and is what its digest says or not there at all.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
};

use eadem_model::{At, Digest, DigestWriter};

use crate::{
    Alone, StoreError,
    census::size,
    store::{Parents, Store, make_private},
    temporary::TemporaryDir,
};

/// Of zstd: it takes about as long as reading the blob, and more would save little.
const LEVEL: i32 = 3;

impl Store {
    pub(crate) fn cold_dir(&self) -> PathBuf {
        self.dir().join("cold")
    }

    pub(crate) fn cold_path(&self, digest: &Digest) -> PathBuf {
        self.cold_dir().join(format!("{}.zst", digest.hex()))
    }

    /// Compresses a blob, unless that saves too little; gives the bytes that it takes less.
    pub fn freeze(&self, _: &Alone<'_>, digest: &Digest) -> Result<u64, StoreError> {
        let (blob, path) = (self.file_path(digest), self.cold_path(digest));
        make_private(&self.cold_dir(), Parents::Expect)?;
        let dir = TemporaryDir::create_in(&self.tmp_dir())?;
        let new = dir.path().join("new");
        let encoder = zstd::Encoder::new(File::create_new(&new).at(&new)?, LEVEL).at(&new)?;
        let mut hash = DigestWriter::new(encoder);
        io::copy(&mut File::open(&blob).at(&blob)?, &mut hash).at(&blob)?;
        let (found, _, encoder) = hash.finish();
        if found != *digest {
            return Err(StoreError::Damaged { path: blob, why: format!("it holds {found}") });
        }
        encoder.finish().at(&new)?.sync_all().at(&new)?;
        let (before, after) = (size(&blob)?, size(&new)?);
        if after > before / 4 * 3 {
            return Ok(0);
        }
        fs::rename(&new, &path).at(&path)?;
        fs::remove_file(&blob).at(&blob)?;
        Ok(before - after)
    }

    /// Brings a compressed blob back; `false` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is another one.
    pub(crate) fn thaw(&self, digest: &Digest) -> Result<bool, StoreError> {
        let path = self.cold_path(digest);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file.at(&path)?,
        };
        let damaged = |why: String| StoreError::Damaged { path: path.clone(), why };
        let mut blob = self.blob_writer()?;
        let mut decoder = zstd::Decoder::new(file).at(&path)?;
        if let Err(error) = io::copy(&mut decoder, &mut blob) {
            return Err(if is_full(&error) { blob.fault(error) } else { damaged(error.to_string()) });
        }
        match blob.finish_as(digest) {
            Err(StoreError::WrongDigest { found, .. }) => return Err(damaged(format!("it holds {found}"))),
            named => named?,
        };
        match fs::remove_file(&path) {
            // Somebody else has brought it back, too.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            removed => Ok(removed.at(&path).map(|()| true)?),
        }
    }

    /// Reads a compressed blob whole and compares it with its name.
    pub(crate) fn check_cold(&self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.cold_path(digest);
        let mut hash = DigestWriter::new(io::sink());
        let read = File::open(&path)
            .and_then(zstd::Decoder::new)
            .and_then(|mut decoder| io::copy(&mut decoder, &mut hash));
        let found = hash.finish().0;
        let why = match read {
            Err(error) => error.to_string(),
            Ok(_) if found == *digest => return Ok(()),
            Ok(_) => format!("it holds {found}"),
        };
        Err(StoreError::Damaged { path, why })
    }
}

/// The disk failed, not what was on it.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store whose only blob was compressed.
    fn frozen() -> (tempfile::TempDir, Store, Digest) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let digest = store.put_blob(&[7; 500_000]).expect("stored");
        let alone = store.alone().expect("looks").expect("is alone");
        assert!(store.freeze(&alone, &digest).expect("is compressed") > 400_000);
        drop(alone);
        assert!(!store.file_path(&digest).exists() && store.cold_path(&digest).exists());
        (dir, store, digest)
    }

    #[test]
    fn what_is_compressed_is_there_and_comes_back_whole_when_it_is_used() {
        for ask in 0..3 {
            let (_dir, store, digest) = frozen();
            assert!(store.has_blob(&digest));
            match ask {
                0 => store.expect_blob(&digest, Some(500_000)).expect("comes back"),
                1 => drop(store.open_blob(&digest).expect("comes back")),
                _ => assert_eq!(store.read_blob(&digest).expect("comes back"), [7; 500_000]),
            }
            assert!(store.file_path(&digest).exists() && !store.cold_path(&digest).exists());
            assert_eq!(store.read_blob(&digest).expect("there"), [7; 500_000]);
        }
    }

    #[test]
    fn what_was_tampered_with_does_not_come_back() {
        let (_dir, store, digest) = frozen();
        let other = zstd::encode_all(&[8; 500_000][..], 3).expect("memory");
        for bytes in [&other[..], &other[..10], b"noise"] {
            fs::write(store.cold_path(&digest), bytes).expect("ours");
            assert!(matches!(store.expect_blob(&digest, None), Err(StoreError::Damaged { .. })));
            assert!(matches!(store.check_cold(&digest), Err(StoreError::Damaged { .. })));
            assert!(!store.file_path(&digest).exists());
        }
        let error = store.expect_blob(&digest, None).expect_err("is damaged");
        store.discard(error).expect("removed");
        assert!(!store.has_blob(&digest));
    }

    #[test]
    fn what_cannot_be_made_smaller_stays_as_it_is() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let mut noise = vec![0; 100_000];
        let mut state = 1_u32;
        noise.iter_mut().for_each(|byte| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        });
        let digest = store.put_blob(&noise).expect("stored");
        let alone = store.alone().expect("looks").expect("is alone");
        assert_eq!(store.freeze(&alone, &digest).expect("looks"), 0);
        assert!(store.file_path(&digest).exists() && !store.cold_path(&digest).exists());
    }
}
