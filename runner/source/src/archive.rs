//! Reads a foreign archive into entries, and refuses whatever could leave it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
};

use eadem_model::{Digest, TreePath};
use eadem_store::{Layer, LayerError, Node, NodeKind, Spool, SpoolError};

use crate::{
    bound::{Bounded, LIMITS, Limits},
    entry::{self, Spellings, Strip},
    fault::{ArchiveError, ArchiveFault},
    format::{Format, HEAD},
    link,
};

/// What an archive holds: entries below the dropped directories, and the digest of each file.
#[derive(Debug, Default)]
pub(crate) struct Unfolded {
    /// The entries.
    pub(crate) layer: Layer,
    /// The files' digests.
    pub(crate) digests: BTreeMap<TreePath, Digest>,
}

/// Which times files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    /// All the same one.
    One,
    /// Those of the archive, none before the one that all others have.
    Own,
}

/// Reads an archive whose bytes are already known to be the right ones.
pub(crate) fn unfold(
    title: &str,
    file: File,
    strip: &Strip,
    spool: &Spool,
) -> Result<Unfolded, ArchiveError> {
    unfold_with(Times::One, title, file, strip, spool)
}

/// The same, with files of certain times.
pub(crate) fn unfold_with(
    times: Times,
    title: &str,
    file: File,
    strip: &Strip,
    spool: &Spool,
) -> Result<Unfolded, ArchiveError> {
    unfold_within((LIMITS, times), file, strip, spool)
        .map_err(|source| ArchiveError { archive: title.to_owned(), source })
}

fn unfold_within(
    (limits, times): (Limits, Times),
    file: File,
    strip: &Strip,
    spool: &Spool,
) -> Result<Unfolded, ArchiveFault> {
    let packed = file.metadata().map_err(ArchiveFault::Damaged)?.len();
    let format = Format::of(&head(&file).map_err(ArchiveFault::Damaged)?)?;
    let most = limits.most_bytes(packed);
    let tar = format.unpack(BufReader::new(file)).map_err(ArchiveFault::Damaged)?;
    let tar = Bounded::new(tar, most);
    let is_exceeded = tar.is_exceeded();
    let mut reader = Reader {
        strip,
        spool,
        times,
        most_entries: limits.entries,
        packed,
        most_bytes: most,
        found: Unfolded::default(),
        spellings: Spellings::default(),
    };
    match reader.read(tar) {
        _ if is_exceeded.get() => Err(ArchiveFault::TooLarge { packed, most }),
        Err(fault) => Err(fault),
        Ok(()) => check(reader.found),
    }
}

fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD];
    let mut n = 0;
    while n < HEAD {
        match file.read_at(&mut head[n..], n as u64)? {
            0 => break,
            more => n += more,
        }
    }
    head.truncate(n);
    Ok(head)
}

/// Refuses what only shows when all entries are known.
pub(crate) fn check(found: Unfolded) -> Result<Unfolded, ArchiveFault> {
    for (path, _) in found.layer.entries() {
        let Some(parent) = path.parent() else { continue };
        if found.layer.get(&parent).is_some_and(|node| !matches!(node.kind, NodeKind::Directory)) {
            return Err(ArchiveFault::Through { entry: path.to_string(), parent: parent.to_string() });
        }
    }
    match link::find_leaving(&found.layer) {
        Some((path, target)) => Err(ArchiveFault::Leaving { entry: path.to_string(), target }),
        None => Ok(found),
    }
}

struct Reader<'a> {
    strip: &'a Strip,
    spool: &'a Spool,
    times: Times,
    packed: u64,
    most_bytes: u64,
    most_entries: u64,
    found: Unfolded,
    spellings: Spellings,
}

impl Reader<'_> {
    fn read(&mut self, tar: impl Read) -> Result<(), ArchiveFault> {
        let mut archive = tar::Archive::new(tar);
        let mut n_entries = 0;
        for entry in archive.entries().map_err(ArchiveFault::Damaged)? {
            n_entries += 1;
            if n_entries > self.most_entries {
                return Err(ArchiveFault::TooMany { most: self.most_entries });
            }
            self.take(&mut entry.map_err(ArchiveFault::Damaged)?)?;
        }
        only_padding(archive.into_inner())
    }

    fn take(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), ArchiveFault> {
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            return Ok(());
        }
        let name = entry.path_bytes().into_owned();
        match self.strip.place(&name)? {
            Some(path) => self.add(path, entry),
            None if kind.is_dir() => Ok(()),
            None => Err(ArchiveFault::Shallow { entry: String::from_utf8_lossy(&name).into_owned() }),
        }
    }

    fn add(&mut self, path: TreePath, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), ArchiveFault> {
        self.spellings.take(&path)?;
        let node = match entry.header().entry_type() {
            tar::EntryType::Directory => entry::directory(),
            tar::EntryType::Regular | tar::EntryType::Continuous => self.file(&path, entry)?,
            tar::EntryType::Symlink => entry::symlink(target(&path, entry)?),
            tar::EntryType::Link => self.linked(&path, entry)?,
            other => return Err(ArchiveFault::Kind { entry: path.to_string(), kind: word(other) }),
        };
        self.found.layer.add(path, node).map_err(duplicate)
    }

    fn file(&mut self, path: &TreePath, entry: &mut tar::Entry<'_, impl Read>) -> Result<Node, ArchiveFault> {
        let mode = entry.header().mode().map_err(ArchiveFault::Damaged)?;
        let size = entry.size();
        if size > self.most_bytes {
            // Asked before a byte is read, since room in the spool is set aside by what the header says.
            return Err(ArchiveFault::TooLarge { packed: self.packed, most: self.most_bytes });
        }
        let (content, digest) =
            self.spool.keep_hashed(entry, size).map_err(|error| put_fault(path, error))?;
        self.found.digests.insert(path.clone(), digest);
        let mtime = match self.times {
            Times::One => entry::MTIME,
            Times::Own => entry.header().mtime().map_err(ArchiveFault::Damaged)?.max(entry::MTIME),
        };
        Ok(Node { mtime, ..entry::file(mode, content) })
    }

    /// A hard link becomes a second file with the same content: sources have no use for links.
    fn linked(&mut self, path: &TreePath, entry: &tar::Entry<'_, impl Read>) -> Result<Node, ArchiveFault> {
        let name = target(path, entry)?;
        let is_file = |node: &&Node| matches!(node.kind, NodeKind::File(_));
        let place = self.strip.place(name.as_bytes()).ok().flatten();
        let file = place.as_ref().and_then(|place| self.found.layer.get(place).filter(is_file)).cloned();
        let digest = place.as_ref().and_then(|place| self.found.digests.get(place)).copied();
        let (Some(file), Some(digest)) = (file, digest) else {
            return Err(ArchiveFault::Link { entry: path.to_string(), target: name });
        };
        self.found.digests.insert(path.clone(), digest);
        Ok(file)
    }
}

fn put_fault(path: &TreePath, error: SpoolError) -> ArchiveFault {
    match error {
        SpoolError::Read(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            ArchiveFault::Truncated { entry: path.to_string() }
        }
        SpoolError::Read(error) => ArchiveFault::Damaged(error),
        SpoolError::Write(error) => ArchiveFault::Spool(error),
    }
}

fn duplicate(error: LayerError) -> ArchiveFault {
    let (LayerError::Duplicate { path } | LayerError::DanglingLink { path, .. }) = error;
    ArchiveFault::Duplicate { entry: path.to_string() }
}

fn target(path: &TreePath, entry: &tar::Entry<'_, impl Read>) -> Result<String, ArchiveFault> {
    let bytes = entry.link_name_bytes().unwrap_or_default().into_owned();
    String::from_utf8(bytes).map_err(|_| ArchiveFault::NotText { entry: path.to_string() })
}

/// Reads the rest: tars are padded with zeros, and reading to the end verifies the packing's checksum.
fn only_padding(mut rest: impl Read) -> Result<(), ArchiveFault> {
    let mut buffer = [0; 8192];
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) if buffer[..n].iter().all(|byte| *byte == 0) => {}
            Ok(_) => return Err(ArchiveFault::Trailing),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ArchiveFault::Damaged(error)),
        }
    }
}

fn word(kind: tar::EntryType) -> &'static str {
    match kind {
        tar::EntryType::Block => "a block device",
        tar::EntryType::Char => "a character device",
        tar::EntryType::Fifo => "a pipe",
        tar::EntryType::GNUSparse => "a sparse file",
        _ => "of an unknown kind",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use eadem_store::Store;
    use proptest::prelude::*;

    use super::*;
    use crate::tar_by_hand::Tar;

    struct World {
        _dir: tempfile::TempDir,
        spool: Spool,
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let store = Store::open(dir.path()).expect("a store");
            Self { spool: Spool::new(&store).expect("a spool"), _dir: dir }
        }

        fn unfold(&self, bytes: &[u8], strip: &Strip) -> Result<Unfolded, ArchiveFault> {
            unfold("crate a 1.0.0", file_of(bytes), strip, &self.spool).map_err(|error| error.source)
        }

        fn refusal(&self, tar: Tar) -> String {
            self.unfold(&tar.end(), &Strip::Count(1)).expect_err("the archive is bad").to_string()
        }
    }

    fn file_of(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(bytes).expect("written");
        file.rewind().expect("rewound");
        file
    }

    fn good() -> Vec<u8> {
        Tar::default().directory("a/").file("a/x", b"content").symlink("a/l", "x").end()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn paths(found: &Unfolded) -> Vec<String> {
        found.layer.entries().map(|(path, _)| path.to_string()).collect()
    }

    #[test]
    fn every_packing_gives_the_same_entries() {
        let world = World::new();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&good()).expect("memory");
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(&good()).expect("memory");
        let zstd = zstd::encode_all(&good()[..], 1).expect("memory");
        let packed =
            [good(), gzip(&good()), xz.finish().expect("memory"), bzip2.finish().expect("memory"), zstd];
        for bytes in packed {
            let found = world.unfold(&bytes, &Strip::Count(1)).expect("a good archive");
            assert_eq!(paths(&found), ["l", "x"]);
            assert_eq!(found.digests[&"x".parse().expect("clean")], Digest::of(b"content"));
        }
    }

    #[test]
    fn odd_modes_are_normalised() {
        let world = World::new();
        let tar = Tar::default().moded(0o600, "a/x", b"").moded(0o4711, "a/y", b"").moded(0o666, "a/z", b"");
        let found = world.unfold(&tar.end(), &Strip::Count(1)).expect("a good archive");
        let modes: Vec<u32> = found.layer.entries().map(|(_, node)| node.mode).collect();
        assert_eq!(modes, [0o644, 0o755, 0o644]);
    }

    #[test]
    fn a_hard_link_becomes_a_second_file() {
        let world = World::new();
        let tar = Tar::default().file("a/x", b"content").hard_link("a/y", "a/x");
        let found = world.unfold(&tar.end(), &Strip::Count(1)).expect("a good archive");
        let node = found.layer.get(&"y".parse().expect("clean")).expect("there");
        assert!(matches!(&node.kind, NodeKind::File(content) if content.size() == 7));
        assert_eq!(found.digests.len(), 2);
    }

    #[test]
    fn hostile_entries_are_refused_by_name() {
        let world = World::new();
        let tar = Tar::default;
        let refusals = [
            (tar().file("a/../../x", b""), "entry `a/../../x` cannot be placed"),
            (tar().file("/etc/x", b""), "entry `/etc/x` cannot be placed"),
            (tar().symlink("a/l", "/etc"), "entry `l` is a link to `/etc`, which leaves the archive"),
            (tar().symlink("a/l", "../.."), "entry `l` is a link to `../..`, which leaves the archive"),
            (
                tar().symlink("a/l", ".").file("a/l/x", b""),
                "entry `l/x` goes through `l`, which is not a directory",
            ),
            (
                tar().hard_link("a/h", "a/../../etc/passwd"),
                "entry `h` is a hard link to `a/../../etc/passwd`, which is no earlier file of the archive",
            ),
            (tar().device("a/d"), "entry `d` is a character device, which sources cannot hold"),
            (tar().file("a/x", b"1").file("a/x", b"2"), "entry `x` stands twice"),
            (tar().file("a/x", b"").file("a/X", b""), "entries `x` and `X` differ by case alone"),
            (tar().file("x", b""), "entry `x` has fewer leading directories than `strip` drops"),
        ];
        for (tar, expected) in refusals {
            assert_eq!(world.refusal(tar), expected);
        }
    }

    #[test]
    fn a_cut_archive_is_refused_wherever_it_is_cut() {
        let world = World::new();
        let packed = gzip(&Tar::default().file("a/x", &[7; 3000]).end());
        for size in (0..packed.len()).step_by(7) {
            assert!(world.unfold(&packed[..size], &Strip::Count(1)).is_err(), "cut at {size}");
        }
        let plain = Tar::default().file("a/x", &[7; 3000]).end();
        assert!(matches!(
            world.unfold(&plain[..2000], &Strip::Count(1)),
            Err(ArchiveFault::Truncated { entry }) if entry == "x"
        ));
    }

    #[test]
    fn bytes_after_the_end_are_refused() {
        let world = World::new();
        let (mut outside, mut inside) = (gzip(&good()), good());
        outside.extend_from_slice(b"garbage");
        inside.extend_from_slice(&[0; 9000]);
        world.unfold(&inside, &Strip::Count(1)).expect("zeros are padding");
        inside.extend_from_slice(b"garbage");
        assert!(world.unfold(&outside, &Strip::Count(1)).is_err());
        assert!(matches!(world.unfold(&inside, &Strip::Count(1)), Err(ArchiveFault::Trailing)));
    }

    #[test]
    fn bombs_are_refused() {
        let world = World::new();
        let small = Limits { entries: 3, bytes: 1 << 20, ratio: 10, free_bytes: 64 << 10 };
        let unfold = |bytes: &[u8]| {
            let file = file_of(bytes);
            unfold_within((small, Times::One), file, &Strip::Count(1), &world.spool).expect_err("a bomb")
        };
        let bytes = unfold(&gzip(&Tar::default().file("a/x", &[0; 100_000]).end()));
        assert!(matches!(bytes, ArchiveFault::TooLarge { most: 65_536, .. }), "{bytes}");
        let mut padded = good();
        padded.resize(100_000, 0);
        let padding = unfold(&gzip(&padded));
        assert!(matches!(padding, ArchiveFault::TooLarge { most: 65_536, .. }), "{padding}");
        let lie = unfold(&Tar::header(tar::EntryType::Regular, "a/x", "", 0o644, 1 << 32));
        assert!(matches!(lie, ArchiveFault::TooLarge { .. }), "{lie}");
        let many = (0..4).fold(Tar::default(), |tar, n| tar.file(&format!("a/{n}"), b""));
        assert!(matches!(unfold(&many.end()), ArchiveFault::TooMany { most: 3 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bytes_that_are_flipped_never_panic_and_never_leave(
            place in 0_usize..2048, bit in 0_u8..8, seed in any::<u8>()
        ) {
            let mut bytes = Tar::default().file("a/x", &[seed; 100]).symlink("a/l", "x").end();
            let place = place % bytes.len();
            bytes[place] ^= 1 << bit;
            if let Ok(found) = World::new().unfold(&bytes, &Strip::Count(1)) {
                for (path, _) in found.layer.entries() {
                    prop_assert!(path.as_str().split('/').all(|part| !matches!(part, "" | "." | "..")));
                }
            }
        }

        #[test]
        fn whatever_stands_in_a_name_nothing_leaves(name in "[a./]{1,20}", target in "[a./]{0,12}") {
            let tar = Tar::default().file(&name, b"x").symlink("a/link", &target);
            if let Ok(found) = World::new().unfold(&tar.end(), &Strip::Count(0)) {
                prop_assert!(link::find_leaving(&found.layer).is_none());
            }
        }
    }
}
