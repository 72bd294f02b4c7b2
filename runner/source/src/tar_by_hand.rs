//! Tars as no well-behaved writer makes them, for tests.

/// Collects raw entries.
#[derive(Default)]
pub(crate) struct Tar(Vec<u8>);

impl Tar {
    /// One raw header; `size` may be a lie.
    pub(crate) fn header(kind: tar::EntryType, name: &str, link: &str, mode: u32, size: u64) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_cksum();
        header.as_bytes().to_vec()
    }

    fn with(mut self, header: Vec<u8>, content: &[u8]) -> Self {
        self.0.extend(header);
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// A file with a mode.
    pub(crate) fn moded(self, mode: u32, name: &str, content: &[u8]) -> Self {
        let header = Self::header(tar::EntryType::Regular, name, "", mode, content.len() as u64);
        self.with(header, content)
    }

    /// A file.
    pub(crate) fn file(self, name: &str, content: &[u8]) -> Self {
        self.moded(0o644, name, content)
    }

    /// An empty file of a certain time.
    pub(crate) fn dated(self, mtime: u64, name: &str) -> Self {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes().copy_from_slice(&Self::header(tar::EntryType::Regular, name, "", 0o644, 0));
        header.set_mtime(mtime);
        header.set_cksum();
        self.with(header.as_bytes().to_vec(), b"")
    }

    /// A directory.
    pub(crate) fn directory(self, name: &str) -> Self {
        self.with(Self::header(tar::EntryType::Directory, name, "", 0o755, 0), b"")
    }

    /// A symbolic link.
    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.with(Self::header(tar::EntryType::Symlink, name, target, 0o777, 0), b"")
    }

    /// A hard link.
    pub(crate) fn hard_link(self, name: &str, target: &str) -> Self {
        self.with(Self::header(tar::EntryType::Link, name, target, 0o644, 0), b"")
    }

    /// A character device.
    pub(crate) fn device(self, name: &str) -> Self {
        self.with(Self::header(tar::EntryType::Char, name, "", 0o644, 0), b"")
    }

    /// The whole tar.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }

    /// The whole tar as a `.crate` has it.
    pub(crate) fn gzip(self) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        std::io::Write::write_all(&mut encoder, &self.end()).expect("memory");
        encoder.finish().expect("memory")
    }
}
