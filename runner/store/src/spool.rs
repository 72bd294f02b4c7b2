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

use crate::{Content, StoreError, store::Store};

/// Takes the content of files, from several threads at once, and keeps it out of memory.
///
/// One file for all of them: hundreds of crates would need more open files than a process may have.
pub struct Spool {
    file: Arc<File>,
    end: AtomicU64,
}

/// Why content could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It could not be read, or ended too early.
    #[error("the content cannot be read")]
    Read(#[source] io::Error),
    /// The disk did not take it.
    #[error("the store does not take the content")]
    Write(#[source] io::Error),
}

impl From<SpoolError> for io::Error {
    fn from(error: SpoolError) -> Self {
        let (SpoolError::Read(error) | SpoolError::Write(error)) = error;
        error
    }
}

/// Bytes that are copied at a time.
const BUFFER: usize = 128 << 10;

impl Spool {
    /// Makes an empty spool in the store's temporary directory.
    pub fn new(store: &Store) -> Result<Self, StoreError> {
        Ok(Self { file: Arc::new(store.scratch_file()?), end: AtomicU64::new(0) })
    }

    /// Takes exactly `size` bytes, and gives where they are.
    ///
    /// # Errors
    /// [`SpoolError::Read`] of [`io::ErrorKind::UnexpectedEof`] if fewer come.
    pub fn keep(&self, from: &mut dyn Read, size: u64) -> Result<Content, SpoolError> {
        let (content, mut to) = self.set_aside(size);
        copy(from, size, &mut to)?;
        Ok(content)
    }

    /// Does the same, and gives the digest of the bytes too.
    ///
    /// # Errors
    /// Those of [`Self::keep`].
    pub fn keep_hashed(&self, from: &mut dyn Read, size: u64) -> Result<(Content, Digest), SpoolError> {
        let (content, to) = self.set_aside(size);
        let mut to = DigestWriter::new(to);
        copy(from, size, &mut to)?;
        Ok((content, to.finish().0))
    }

    /// Where a content lies depends on the threads; nothing that is made of it does.
    fn set_aside(&self, size: u64) -> (Content, At<'_>) {
        let offset = self.end.fetch_add(size, Ordering::Relaxed);
        let content = Content::Range { file: Arc::clone(&self.file), offset, size };
        (content, At { file: &self.file, position: offset })
    }
}

fn copy(from: &mut dyn Read, size: u64, to: &mut dyn io::Write) -> Result<(), SpoolError> {
    let mut buffer = vec![0; BUFFER.min(usize::try_from(size).unwrap_or(BUFFER))];
    let mut left = size;
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(BUFFER));
        let n = match from.read(&mut buffer[..most]) {
            Ok(0) => return Err(SpoolError::Read(io::ErrorKind::UnexpectedEof.into())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.map_err(SpoolError::Read)?,
        };
        to.write_all(&buffer[..n]).map_err(SpoolError::Write)?;
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
                    let (content, digest) =
                        spool.keep_hashed(&mut &text[..], text.len() as u64).expect("taken");
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
        let error = spool.keep_hashed(&mut &b"abc"[..], 4).expect_err("one byte is missing");
        assert!(matches!(error, SpoolError::Read(error) if error.kind() == io::ErrorKind::UnexpectedEof));
    }
}
