//! One file without a name for the content of many archives.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use eadem_model::{Digest, DigestWriter};
use eadem_store::{Content, Store, StoreError};

/// Takes the content of files, from several threads at once, and keeps it out of memory.
///
/// One file for all of them: hundreds of crates would need more open files than a process may have.
pub(crate) struct Spool {
    file: Arc<File>,
    end: AtomicU64,
}

/// Why content could not be taken.
#[derive(Debug)]
pub(crate) enum PutError {
    /// It could not be read, or ended too early.
    Read(io::Error),
    /// The disk did not take it.
    Write(io::Error),
}

/// Bytes that are copied at a time.
const BUFFER: usize = 64 << 10;

impl Spool {
    /// Makes an empty spool in the store's temporary directory.
    pub(crate) fn new(store: &Store) -> Result<Self, StoreError> {
        Ok(Self { file: Arc::new(store.scratch_file()?), end: AtomicU64::new(0) })
    }

    /// Takes exactly `size` bytes, and gives where they are and their digest.
    ///
    /// # Errors
    /// [`PutError::Read`] of [`io::ErrorKind::UnexpectedEof`] if fewer come.
    pub(crate) fn put(&self, from: &mut dyn Read, size: u64) -> Result<(Content, Digest), PutError> {
        let offset = self.end.fetch_add(size, Ordering::Relaxed);
        let mut to = DigestWriter::new(At { file: &self.file, position: offset });
        copy(from, size, &mut to)?;
        let content = Content::Range { file: Arc::clone(&self.file), offset, size };
        Ok((content, to.finish().0))
    }
}

fn copy(from: &mut dyn Read, size: u64, to: &mut dyn io::Write) -> Result<(), PutError> {
    let mut buffer = vec![0; BUFFER.min(usize::try_from(size).unwrap_or(BUFFER))];
    let mut left = size;
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(BUFFER));
        let n = match from.read(&mut buffer[..most]) {
            Ok(0) => return Err(PutError::Read(io::ErrorKind::UnexpectedEof.into())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.map_err(PutError::Read)?,
        };
        to.write_all(&buffer[..n]).map_err(PutError::Write)?;
        left -= n as u64;
    }
    Ok(())
}

/// Writes at a place of a file that others write to elsewhere.
struct At<'a> {
    file: &'a File,
    position: u64,
}

impl io::Write for At<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = self.file.write_at(buffer, self.position)?;
        self.position += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_that_are_put_side_by_side_do_not_mix() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let spool = Spool::new(&Store::open(dir.path()).expect("a store")).expect("a spool");
        let spool = &spool;
        let texts: Vec<Vec<u8>> = (0..50_u8).map(|n| vec![n; 1000 + usize::from(n)]).collect();
        std::thread::scope(|scope| {
            for text in &texts {
                scope.spawn(move || {
                    let (content, digest) = spool.put(&mut &text[..], text.len() as u64).expect("taken");
                    let mut found = Vec::new();
                    content.reader().read_to_end(&mut found).expect("readable");
                    assert_eq!((&found, digest), (text, Digest::of(text)));
                });
            }
        });
    }

    #[test]
    fn content_that_is_too_short_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let spool = Spool::new(&Store::open(dir.path()).expect("a store")).expect("a spool");
        let error = spool.put(&mut &b"abc"[..], 4).expect_err("one byte is missing");
        assert!(matches!(error, PutError::Read(error) if error.kind() == io::ErrorKind::UnexpectedEof));
    }
}
