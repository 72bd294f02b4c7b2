//! Files as bytes, without a copy in memory.

#![allow(unsafe_code, reason = "the kernel maps a file for whoever promises that it stays as it is")]

use std::{
    fs::File,
    io::{self, Read},
};

use memmap2::{Mmap, MmapOptions};

/// What a pipe may give, in bytes: it is held in memory.
const PIPED: u64 = 64 << 20;

/// The bytes of a file.
#[derive(Debug)]
pub enum Mapped {
    /// Pages of the file.
    Pages(Mmap),
    /// A copy of what has none: a pipe, an empty file.
    Copy(Vec<u8>),
}

impl Mapped {
    /// Maps an open file; reads it if it is a pipe.
    ///
    /// # Errors
    /// The kernel's, and that a pipe gives more than 64 MiB.
    pub fn of(file: &File) -> io::Result<Self> {
        let about = file.metadata()?;
        if !about.is_file() || about.len() == 0 {
            return Self::copy(file);
        }
        // SAFETY: the map is only read, and bytes have no invalid value. Whoever shortens the file meanwhile ends
        // this process by SIGBUS, which loses nothing: eadem maps only to look.
        unsafe { MmapOptions::new().map(file) }.map(Self::Pages)
    }

    fn copy(file: &File) -> io::Result<Self> {
        let mut bytes = Vec::new();
        file.take(PIPED + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > PIPED {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is no file, and gives more than 64 MiB",
            ));
        }
        Ok(Self::Copy(bytes))
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Pages(pages) => pages,
            Self::Copy(bytes) => bytes,
        }
    }
}
