//! A directory of the store as a tar, always the same for the same directory.
//!
//! Owners are what the caller says: those of the store's files are an affair of this machine.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use tar::{Builder, EntryType, Header};

/// A user and a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Those that an image's files belong to.
pub(crate) const ROOT: Ids = Ids { uid: 0, gid: 0 };

/// Longer targets of links do not stand in a header itself.
const SHORT: usize = 100;

/// Writes everything below `dir`, in byte order, and ends the archive.
pub(crate) fn write(dir: &Path, ids: Ids, to: impl Write) -> io::Result<()> {
    let mut layer = Layer { to: Builder::new(to), ids, linked: BTreeMap::new() };
    layer.entries(dir, Path::new(""))?;
    layer.to.into_inner()?.flush()
}

struct Layer<W: Write> {
    to: Builder<W>,
    ids: Ids,
    /// Where files with several names were written first.
    linked: BTreeMap<(u64, u64), PathBuf>,
}

impl<W: Write> Layer<W> {
    fn entries(&mut self, dir: &Path, way: &Path) -> io::Result<()> {
        for name in sorted_names(dir)? {
            self.entry(&dir.join(&name), &way.join(&name))?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, way: &Path) -> io::Result<()> {
        let metadata = fs::symlink_metadata(path)?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            let mut header = header(&metadata, self.ids, EntryType::Directory);
            self.to.append_data(&mut header, way, io::empty())?;
            self.entries(path, way)
        } else if kind.is_symlink() {
            self.link(&metadata, way, &fs::read_link(path)?, EntryType::Symlink)
        } else if kind.is_file() {
            self.file(path, &metadata, way)
        } else {
            let what = format!("{} is no file, directory or link", path.display());
            Err(io::Error::new(io::ErrorKind::InvalidData, what))
        }
    }

    fn file(&mut self, path: &Path, metadata: &Metadata, way: &Path) -> io::Result<()> {
        let id = (metadata.dev(), metadata.ino());
        if let Some(first) = self.linked.get(&id).cloned() {
            return self.link(metadata, way, &first, EntryType::Link);
        }
        if metadata.nlink() > 1 {
            self.linked.insert(id, way.to_owned());
        }
        let mut header = header(metadata, self.ids, EntryType::Regular);
        header.set_size(metadata.len());
        let content = Exactly { file: File::open(path)?, left: metadata.len() };
        self.to.append_data(&mut header, way, content)
    }

    fn link(&mut self, metadata: &Metadata, way: &Path, target: &Path, kind: EntryType) -> io::Result<()> {
        let mut header = header(metadata, self.ids, kind);
        append_link(&mut self.to, &mut header, way, target.as_os_str().as_bytes())
    }
}

/// Writes a link with its target as it is: `a//b/` and `a/b` lead to the same place and are not the same
/// bytes.
pub(crate) fn append_link(
    to: &mut Builder<impl Write>,
    header: &mut Header,
    way: &Path,
    target: &[u8],
) -> io::Result<()> {
    if target.len() > SHORT {
        return to.append_link(header, way, Path::new(OsStr::from_bytes(target)));
    }
    header.set_link_name_literal(target)?;
    to.append_data(header, way, io::empty())
}

fn header(metadata: &Metadata, ids: Ids, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(metadata.mode() & 0o7777);
    header.set_uid(ids.uid.into());
    header.set_gid(ids.gid.into());
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    header.set_size(0);
    header
}

fn sorted_names(dir: &Path) -> io::Result<Vec<OsString>> {
    let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// As many bytes of a file as its header said, or an error.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = (&mut self.file).take(self.left).read(buffer)?;
        if n == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn written(fill: impl FnOnce(&Path)) -> Vec<u8> {
        let dir = tempfile::tempdir().expect("a directory");
        fill(dir.path());
        let mut bytes = Vec::new();
        write(dir.path(), Ids { uid: 7, gid: 8 }, &mut bytes).expect("writes");
        bytes
    }

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(bytes);
        let line = |entry: io::Result<tar::Entry<'_, &[u8]>>| {
            let entry = entry.expect("readable");
            let header = entry.header();
            let (uid, gid) = (header.uid().expect("a number"), header.gid().expect("a number"));
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let link = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
            let mode = header.mode().expect("a number");
            let link = link.map(|link| format!(" -> {link}")).unwrap_or_default();
            format!("{:?} {path}{link} {mode:o} {uid}:{gid}", header.entry_type())
        };
        archive.entries().expect("an archive").map(line).collect()
    }

    #[test]
    fn a_tree_is_written_in_byte_order_with_the_ids_that_were_asked_for() {
        let bytes = written(|dir| {
            fs::create_dir(dir.join("b")).expect("makes");
            fs::write(dir.join("b/run"), "x").expect("writes");
            fs::set_permissions(dir.join("b/run"), fs::Permissions::from_mode(0o755)).expect("sets");
            fs::hard_link(dir.join("b/run"), dir.join("c")).expect("links");
            symlink("../a//b/", dir.join("a")).expect("links");
            fs::set_permissions(dir.join("b"), fs::Permissions::from_mode(0o750)).expect("sets");
        });
        assert_eq!(
            lines(&bytes),
            [
                "Symlink a -> ../a//b/ 777 7:8",
                "Directory b 750 7:8",
                "Regular b/run 755 7:8",
                "Link c -> b/run 755 7:8",
            ]
        );
    }

    #[test]
    fn long_names_and_targets_are_written_whole() {
        let (name, target) = ("n".repeat(200), "t".repeat(300));
        let bytes = written(|dir| symlink(&target, dir.join(&name)).expect("links"));
        assert_eq!(lines(&bytes), [format!("Symlink {name} -> {target} 777 7:8")]);
    }

    #[test]
    fn what_is_no_file_directory_or_link_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("s")).expect("binds");
        let error = write(dir.path(), ROOT, io::sink()).expect_err("is a socket");
        assert!(error.to_string().ends_with("/s is no file, directory or link"), "{error}");
    }
}
