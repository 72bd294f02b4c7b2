//! Where the contents of unpacked packages wait: on disk, since memory is bounded.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use eadem_store::{Content, Store, StoreError};

/// One file without a name that many threads put contents into.
pub(crate) struct Spool {
    file: Arc<File>,
    end: AtomicU64,
}

const BUFFER: usize = 128 << 10;

impl Spool {
    pub(crate) fn new(store: &Store) -> Result<Self, StoreError> {
        Ok(Self { file: Arc::new(store.scratch_file()?), end: AtomicU64::new(0) })
    }

    /// Keeps the next `size` bytes of `from`.
    pub(crate) fn keep(&self, from: &mut dyn Read, size: u64) -> io::Result<Content> {
        // Where a content lies depends on the threads; nothing of the image does.
        let offset = self.end.fetch_add(size, Ordering::Relaxed);
        let mut buffer = vec![0; usize::try_from(size).unwrap_or(BUFFER).min(BUFFER)];
        let mut done = 0;
        while done < size {
            let part = usize::try_from(size - done).unwrap_or(BUFFER).min(BUFFER);
            from.read_exact(&mut buffer[..part])?;
            self.file.write_all_at(&buffer[..part], offset + done)?;
            done += part as u64;
        }
        Ok(Content::Range { file: Arc::clone(&self.file), offset, size })
    }
}
