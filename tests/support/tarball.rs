//! Archives entry by entry: a hostile one follows no rule that a tar writer would keep.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use tar::{EntryType, Header};

/// An archive under construction.
#[derive(Default)]
pub(crate) struct Tarball(Vec<u8>);

impl Tarball {
    /// A small crate without dependencies, below `top/`.
    pub(crate) fn of_a_crate(top: &str) -> Self {
        let manifest = "[package]\nname = \"packed\"\nversion = \"1.0.0\"\nedition = \"2021\"\n";
        let lock = "version = 3\n\n[[package]]\nname = \"packed\"\nversion = \"1.0.0\"\n";
        Self::default()
            .file(&format!("{top}/Cargo.toml"), manifest.as_bytes())
            .file(&format!("{top}/Cargo.lock"), lock.as_bytes())
            .file(&format!("{top}/src/main.rs"), b"fn main() {}\n")
    }

    /// Adds an entry whose name and link are taken as they are.
    pub(crate) fn entry(mut self, kind: EntryType, name: &str, link: &str, content: &[u8]) -> Self {
        let header = header(kind, name, link, content.len() as u64);
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// Adds a file.
    pub(crate) fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry(EntryType::Regular, name, "", content)
    }

    /// The packed archive.
    pub(crate) fn gzip(self) -> Vec<u8> {
        gzip(&[self.0, vec![0; 1024]].concat())
    }

    /// The packed archive, with a last file of so many pieces of zeros, each of [`PIECE`] bytes.
    ///
    /// An archive of gzip is a sequence of packed parts, so each piece is packed once.
    pub(crate) fn bomb(self, name: &str, pieces: usize) -> Vec<u8> {
        let header = header(EntryType::Regular, name, "", (pieces * PIECE) as u64);
        let start = gzip(&[&self.0[..], header.as_bytes()].concat());
        [start, gzip(&vec![0; PIECE]).repeat(pieces), gzip(&[0; 1024])].concat()
    }
}

/// 16 MiB.
pub(crate) const PIECE: usize = 16 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).expect("memory takes all");
    packed.finish().expect("memory takes all")
}

fn header(kind: EntryType, name: &str, link: &str, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    header
}
