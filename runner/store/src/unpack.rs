//! Lays a layer's entries out below a directory, and refuses whatever could leave it.
//!
//! Two things keep entries inside. No name is used before it is a clean relative path whose parents
//! are directories that this module made; and every directory is opened from the root by the kernel
//! with "stay beneath, follow no link", so that a mistake in the first rule still harms nothing.
//!
//! Only what a room needs is kept: permission bits, times, bytes, links. Owners are dropped, since
//! layers belong to whoever owns the store; with them go setuid and setgid, which would hand that
//! owner's rights to any other user of the host. Whiteouts and devices are refused, not guessed at.

mod error;
mod names;
mod place;
mod reader;

use std::{io::Read, path::Path};

use eadem_model::TreePath;

pub use error::UnpackError;
use names::Names;
use place::Place;
use reader::TarReader;

use crate::{Layer, Node};

/// Whose the entries shall be: user and group; `None` leaves them to whoever runs eadem.
type Owner = Option<(u32, u32)>;

/// Writes the entries of a tar below `dir`, which is empty and private.
pub(crate) fn unpack(tar: &mut dyn Read, dir: &Path, owner: Owner) -> Result<(), UnpackError> {
    let place = Place::open(dir, owner)?;
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().map_err(UnpackError::Tar)?;
    let mut reader = TarReader { entries, names: Names::default(), cursor: place.cursor() };
    let mut wave = reader.next_wave()?;
    while !wave.is_empty() {
        wave = write_while_reading(&place, &wave, &mut reader)?;
    }
    place.finish(&reader.names)
}

/// Writes the entries of a complete layer below `dir`, which is empty and private.
pub(crate) fn lay_out(layer: &Layer, dir: &Path, owner: Owner) -> Result<(), UnpackError> {
    let place = Place::open(dir, owner)?;
    let mut names = Names::default();
    let mut cursor = place.cursor();
    for (path, node) in layer.entries() {
        cursor.claim(&mut names, path, node)?;
    }
    let entries: Vec<(&TreePath, &Node)> = layer.entries().collect();
    place.write_all(&entries)?;
    place.finish(&names)
}

/// Writes one wave in other threads while this one reads the next.
fn write_while_reading(
    place: &Place,
    wave: &[(TreePath, Node)],
    reader: &mut TarReader<'_, '_, '_>,
) -> Result<Vec<(TreePath, Node)>, UnpackError> {
    let entries: Vec<(&TreePath, &Node)> = wave.iter().map(|(path, node)| (path, node)).collect();
    let mut written = Ok(());
    let next = rayon::in_place_scope(|scope| {
        scope.spawn(|_| written = place.write_all(&entries));
        reader.next_wave()
    });
    written?;
    next
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt, PermissionsExt},
    };

    use super::{reader::SMALL, *};
    use crate::NodeKind;

    /// Writes raw entries: a hostile tar follows no rule that a tar writer would keep.
    #[derive(Default)]
    struct Tar(Vec<u8>);

    impl Tar {
        fn with(mut self, kind: tar::EntryType, name: &str, link: &str, content: &[u8]) -> Self {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_entry_type(kind);
            header.set_mode(0o4755);
            header.set_mtime(1234);
            header.set_size(content.len() as u64);
            header.set_cksum();
            self.0.extend_from_slice(header.as_bytes());
            self.0.extend_from_slice(content);
            self.0.resize(self.0.len().next_multiple_of(512), 0);
            self
        }

        fn file(self, name: &str, content: &[u8]) -> Self {
            self.with(tar::EntryType::Regular, name, "", content)
        }

        fn symlink(self, name: &str, target: &str) -> Self {
            self.with(tar::EntryType::Symlink, name, target, b"")
        }

        fn directory(self, name: &str) -> Self {
            self.with(tar::EntryType::Directory, name, "", b"")
        }

        fn unpack(&self, dir: &Path) -> Result<(), UnpackError> {
            unpack(&mut &self.0[..], dir, None)
        }

        /// Unpacks below a fresh directory and gives the refusal; nothing may lie beside it.
        fn refusal(&self) -> String {
            let outer = tempfile::tempdir().expect("a temporary directory");
            let inner = outer.path().join("inner");
            fs::create_dir(&inner).expect("made");
            let error = self.unpack(&inner).expect_err("the tar is bad");
            let names = fs::read_dir(outer.path()).expect("listed");
            assert_eq!(names.count(), 1, "something was written beside the layer");
            error.to_string()
        }
    }

    #[test]
    fn names_that_could_leave_the_layer_are_refused() {
        for name in ["../a", "/a", "a/../../b", "a//b", "a/./b", "..", "././a", "/"] {
            let refusal = Tar::default().file(name, b"x").refusal();
            assert_eq!(refusal, format!("entry `{name}` cannot be placed"));
        }
    }

    #[test]
    fn entries_through_a_symbolic_link_are_refused_in_either_order() {
        let through = Tar::default().symlink("a", "..").file("a/b", b"x").refusal();
        assert_eq!(through, "entry `a/b` goes through `a`, which is not a directory");
        let under = Tar::default().file("a/b", b"x").symlink("a", "..").refusal();
        assert_eq!(under, "entry `a` stands twice");
        let over = Tar::default().symlink("a", "../x").file("a", b"x").refusal();
        assert_eq!(over, "entry `a` stands twice");
    }

    #[test]
    fn hard_links_to_other_things_than_files_of_the_layer_are_refused() {
        let link = |target| Tar::default().with(tar::EntryType::Link, "a", target, b"");
        assert_eq!(link("../b").refusal(), "entry `a` cannot be placed");
        assert_eq!(link("/etc/passwd").refusal(), "entry `a` cannot be placed");
        assert_eq!(link("b").refusal(), "entry `a` is a hard link to `b`, which is no file of the layer");
        let symlink = link("b").symlink("b", "/etc/passwd").refusal();
        assert_eq!(symlink, "entry `a` is a hard link to `b`, which is no file of the layer");
    }

    #[test]
    fn devices_pipes_and_whiteouts_are_refused() {
        let one = |kind| Tar::default().with(kind, "a", "", b"").refusal();
        assert_eq!(one(tar::EntryType::Char), "entry `a` is a character device, which a layer cannot hold");
        assert_eq!(one(tar::EntryType::Block), "entry `a` is a block device, which a layer cannot hold");
        assert_eq!(one(tar::EntryType::Fifo), "entry `a` is a pipe, which a layer cannot hold");
        let whiteout = Tar::default().file("a/.wh.b", b"").refusal();
        assert_eq!(whiteout, "entry `a/.wh.b` is a whiteout, and those are not supported yet by this eadem");
    }

    #[test]
    fn a_second_entry_at_a_place_is_refused_unless_both_are_directories() {
        let twice = Tar::default().file("a", b"1").file("a", b"2").refusal();
        assert_eq!(twice, "entry `a` stands twice");
        let dir = tempfile::tempdir().expect("a temporary directory");
        Tar::default().directory("a/").directory("./a").directory("./").unpack(dir.path()).expect("fine");
    }

    #[test]
    fn a_tar_that_is_cut_off_is_refused() {
        for size in [100, (SMALL + 1) as usize] {
            let mut tar = Tar::default().file("a", &vec![1; size]);
            tar.0.truncate(512 + 50);
            let dir = tempfile::tempdir().expect("a temporary directory");
            assert!(tar.unpack(dir.path()).is_err());
        }
    }

    #[test]
    fn modes_and_times_are_kept_and_setuid_is_not() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let tar = Tar::default().directory("d").file("d/f", b"x").file("e/g", b"y").symlink("s", "/nowhere");
        tar.unpack(dir.path()).expect("a good tar");
        for (name, mode) in [("d", 0o40755), ("d/f", 0o100755), ("e", 0o40755), ("s", 0o120777)] {
            let found = fs::symlink_metadata(dir.path().join(name)).expect("there");
            assert_eq!((found.permissions().mode(), found.mtime()), (mode, 1234), "{name}");
        }
        assert_eq!(fs::metadata(dir.path()).expect("there").mtime(), 1234, "the root");
    }

    #[test]
    fn large_and_many_small_files_arrive_whole() {
        let large: Vec<u8> = (0..SMALL as usize + 5).map(|index| index as u8).collect();
        let mut tar = Tar::default().file("large", &large);
        for index in 0..300 {
            tar = tar.file(&format!("d{}/f{index}", index % 7), &vec![index as u8; 40_000]);
        }
        let dir = tempfile::tempdir().expect("a temporary directory");
        tar.with(tar::EntryType::Link, "again", "large", b"").unpack(dir.path()).expect("a good tar");
        assert_eq!(fs::read(dir.path().join("again")).expect("there"), large);
        assert_eq!(fs::metadata(dir.path().join("large")).expect("there").nlink(), 2);
        let one = fs::read(dir.path().join("d5/f299")).expect("there");
        assert_eq!(one, vec![299_u32 as u8; 40_000]);
    }

    #[test]
    fn a_layer_and_its_tar_give_the_same_directory() {
        let path = |text: &str| text.parse::<TreePath>().expect("clean");
        let mut layer = Layer::new();
        layer.add(path("a/file"), Node::file("x", 5)).expect("new");
        layer.add(path("a/link"), Node::symlink("file", 6)).expect("new");
        layer.add(path("b"), Node { mode: 0o555, ..Node::directory(7) }).expect("new");
        let hard = NodeKind::Hardlink(path("a/file"));
        layer.add(path("b/hard"), Node { kind: hard, ..Node::file("", 5) }).expect("new");
        layer.complete().expect("the file is there");
        let (one, two) = (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
        let mut tar = Vec::new();
        layer.write(&mut tar).expect("memory");
        unpack(&mut &tar[..], one.path(), None).expect("a good tar");
        lay_out(&layer, two.path(), None).expect("a good layer");
        for name in ["a", "a/file", "a/link", "b", "b/hard"] {
            let look = |dir: &Path| {
                let found = fs::symlink_metadata(dir.join(name)).expect("there");
                (found.mode(), found.mtime(), found.nlink(), found.len())
            };
            assert_eq!(look(one.path()), look(two.path()), "{name}");
        }
    }

    #[test]
    fn a_layer_with_a_file_below_a_file_is_refused() {
        let mut layer = Layer::new();
        layer.add("a".parse().expect("clean"), Node::file("", 1)).expect("new");
        layer.add("a/b".parse().expect("clean"), Node::file("", 1)).expect("new");
        let dir = tempfile::tempdir().expect("a temporary directory");
        let error = lay_out(&layer, dir.path(), None).expect_err("a file is no directory");
        assert!(matches!(error, UnpackError::Through { .. }));
    }
}
