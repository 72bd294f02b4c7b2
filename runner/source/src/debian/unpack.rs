//! From the files of a source package to one directory.
//!
//! Files keep the times that the archives give them, since packages carry them on into what they install. What a
//! patch makes or changes has the newest of them: `dpkg-source` takes the time at which it runs, and builders put the
//! time of the changelog in the place of what is later.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
};

use eadem_model::{LockedFile, TreePath};
use eadem_store::{Layer, Node, NodeKind, Spool, Store};

use super::{DebianError, DebianFault, PatchFault, patch, quilt, role::Role};
use crate::{
    SourceError,
    archive::{self, Times, Unfolded},
    bound::LIMITS,
    entry::{self, Strip},
};

/// A source package: its name and version, its format, its files.
pub(crate) struct Package<'a> {
    pub(crate) title: String,
    pub(crate) format: &'a str,
    pub(crate) files: &'a [LockedFile],
}

/// Unpacks a source package whose files are in the store.
pub(crate) fn open(package: &Package<'_>, store: &Store, spool: &Spool) -> Result<Layer, SourceError> {
    let mut parts = Parts::default();
    for file in package.files {
        let name = file.path.as_str().rsplit('/').next().unwrap_or_default();
        parts.take(name, store.open_blob(&file.sha256)?);
    }
    let unpacked = unpack(package.format, parts, spool);
    Ok(unpacked.map_err(|source| Box::new(DebianError { package: package.title.clone(), source }))?)
}

/// The files by what they are.
#[derive(Default)]
struct Parts {
    native: Vec<(String, File)>,
    original: Vec<(String, File)>,
    components: BTreeMap<String, (String, File)>,
    debian: Vec<(String, File)>,
    diff: Vec<(String, File)>,
}

impl Parts {
    fn take(&mut self, name: &str, file: File) {
        let part = (name.to_owned(), file);
        match Role::of(name) {
            Role::Native => self.native.push(part),
            Role::Original => self.original.push(part),
            Role::Component(component) => drop(self.components.insert(component, part)),
            Role::Debian => self.debian.push(part),
            Role::Diff => self.diff.push(part),
            Role::Other => {}
        }
    }
}

fn unpack(format: &str, parts: Parts, spool: &Spool) -> Result<Layer, DebianFault> {
    let mut layer = match format {
        "3.0 (native)" => whole(one("3.0 (native)", ".tar", parts.native)?, spool)?,
        "3.0 (quilt)" => quilt(parts, spool)?,
        "1.0" if parts.diff.is_empty() => whole(one("1.0", ".tar", parts.native)?, spool)?,
        "1.0" => diff(parts, spool)?,
        _ => return Err(DebianFault::Format { format: format.to_owned() }),
    };
    make_executable(&mut layer, "debian/rules");
    Ok(layer)
}

fn one(
    format: &'static str,
    kind: &'static str,
    mut files: Vec<(String, File)>,
) -> Result<(String, File), DebianFault> {
    match files.pop() {
        Some(file) if files.is_empty() => Ok(file),
        last => Err(DebianFault::File { format, kind, n_found: files.len() + usize::from(last.is_some()) }),
    }
}

/// What the authors published, what the distribution adds, and its patches on top.
fn quilt(parts: Parts, spool: &Spool) -> Result<Layer, DebianFault> {
    let format = "3.0 (quilt)";
    let mut layer = whole(one(format, ".orig.tar", parts.original)?, spool)?;
    for (component, part) in parts.components {
        let title = part.0.clone();
        put(&mut layer, &component, &whole(part, spool)?, &title)?;
    }
    let (title, file) = one(format, ".debian.tar", parts.debian)?;
    let debian = archive::unfold_with(Times::Own, &title, file, &Strip::Named("debian".to_owned()), spool)?;
    put(&mut layer, "debian", &debian.layer, &title)?;
    let time = newest(&layer);
    quilt::apply(&mut layer, time)?;
    Ok(layer)
}

/// Format 1.0: one patch holds all that the distribution adds and changes.
fn diff(parts: Parts, spool: &Spool) -> Result<Layer, DebianFault> {
    let mut layer = whole(one("1.0", ".orig.tar", parts.original)?, spool)?;
    let (title, file) = one("1.0", ".diff.gz", parts.diff)?;
    let packed = file.metadata().map_or(0, |found| found.len());
    let (mut text, most) = (Vec::new(), LIMITS.most_bytes(packed));
    let mut reader = flate2::read::MultiGzDecoder::new(file).take(most);
    let fault = |source| DebianFault::Patch { patch: title.clone(), source };
    let read = reader.read_to_end(&mut text);
    read.map_err(|source| fault(PatchFault::Io { file: title.clone(), source }))?;
    let time = newest(&layer);
    patch::apply(&text, &mut layer, time).map_err(fault)?;
    Ok(layer)
}

/// An archive without its top directory, if it has one for everything.
fn whole((title, file): (String, File), spool: &Spool) -> Result<Layer, DebianFault> {
    let found = archive::unfold_with(Times::Own, &title, file, &Strip::Count(0), spool)?.layer;
    let tops: BTreeSet<&str> =
        found.entries().filter_map(|(path, _)| path.as_str().split('/').next()).collect();
    let top = tops.first().filter(|_| tops.len() == 1).map(|top| format!("{top}/"));
    let is_directory = |top: &String| {
        found.entries().all(|(path, node)| {
            path.as_str().starts_with(top.as_str()) || matches!(node.kind, NodeKind::Directory)
        })
    };
    match top.filter(is_directory) {
        Some(top) => checked(below(&found, &top), &title),
        None => Ok(found),
    }
}

/// The entries below a directory.
fn below(layer: &Layer, top: &str) -> Layer {
    let mut inner = Layer::new();
    for (path, node) in layer.entries() {
        if let Some(rest) = path.as_str().strip_prefix(top) {
            let rest = rest.parse().expect("a part of a clean path is clean");
            inner.add(rest, node.clone()).expect("no path stands twice in a layer");
        }
    }
    inner
}

fn newest(layer: &Layer) -> u64 {
    layer.entries().map(|(_, node)| node.mtime).max().unwrap_or(entry::MTIME)
}

/// Puts a layer into a directory of another one, in the place of what is there.
fn put(layer: &mut Layer, dir: &str, inner: &Layer, title: &str) -> Result<(), DebianFault> {
    let dir: TreePath = dir.parse().expect("a clean name");
    let is_old = |path: &TreePath| *path == dir || path.as_str().starts_with(&format!("{dir}/"));
    let old: Vec<TreePath> =
        layer.entries().map(|(path, _)| path).filter(|path| is_old(path)).cloned().collect();
    for path in &old {
        layer.remove(path);
    }
    for (path, node) in inner.entries() {
        let path = dir.join(path.as_str()).expect("clean below clean");
        layer.add(path, node.clone()).expect("what was there is removed");
    }
    *layer = checked(std::mem::take(layer), title)?;
    Ok(())
}

/// Refuses links that lead out of what the archives gave together.
fn checked(layer: Layer, title: &str) -> Result<Layer, DebianFault> {
    let found = archive::check(Unfolded { layer, ..Unfolded::default() });
    let found = found.map_err(|source| crate::ArchiveError { archive: title.to_owned(), source })?;
    Ok(found.layer)
}

/// `dpkg-source` makes it so, whatever the archive says.
fn make_executable(layer: &mut Layer, file: &str) {
    let path: TreePath = file.parse().expect("a clean path");
    let Some(node) = layer.remove(&path) else { return };
    let mode = if matches!(node.kind, NodeKind::File(_)) { 0o755 } else { node.mode };
    layer.add(path, Node { mode, ..node }).expect("it was removed");
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use eadem_model::{Digest, LockedSource};

    use super::*;
    use crate::{
        tar_by_hand::Tar,
        world::{World, listing, locked},
    };

    const PATCH: &str = "\
Talk that is no part of it.
--- a/src/x.c
+++ b/src/x.c
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
--- /dev/null
+++ b/made
@@ -0,0 +1 @@
+made
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-gone
";

    /// The files of a source package that a test makes.
    struct Files(World, Vec<LockedFile>);

    impl Files {
        fn new() -> Self {
            Self(World::new(), Vec::new())
        }

        fn with(mut self, name: &str, bytes: Vec<u8>) -> Self {
            let (size, path) = (bytes.len() as u64, format!("pool/p/{name}").parse().expect("clean"));
            let sha256 = self.0.publish(bytes);
            self.1.push(LockedFile { path, sha256, size });
            self
        }

        fn lock(&self, format: &str) -> Result<Vec<String>, SourceError> {
            let (name, version) = ("p".to_owned(), "1-1".to_owned());
            let (format, snapshot) = (format.to_owned(), "20260912T075541Z".to_owned());
            let package = LockedSource::Dsc { name, version, format, snapshot, files: self.1.clone() };
            self.0.file("Cargo.lock", "version = 4\n");
            let sources = self.0.lock_package("{dsc: p, version: 1-1}", Some(package))?;
            let dir = self.0.store.layer_dir(&sources.layer).join("src");
            self.0.lay_out(&locked(sources)).expect("its own lock is true");
            Ok(listing(&dir).into_iter().map(|line| line.replace(" 315532800", "")).collect())
        }

        fn fault(&self, format: &str) -> (bool, String) {
            let error = self.lock(format).expect_err("it is bad");
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                text += &format!(": {error}");
                cause = error.source();
            }
            (error.is_integrity(), text)
        }
    }

    fn original() -> Tar {
        Tar::default()
            .file("p-1/Cargo.lock", b"version = 4\n")
            .file("p-1/src/x.c", b"zero\none\ntwo\nthree\n")
            .file("p-1/gone", b"gone\n")
            .file("p-1/debian/old", b"of the authors")
            .symlink("p-1/link", "src/x.c")
    }

    fn debian(series: &str, patch: &str) -> Vec<u8> {
        let tar = Tar::default().file("debian/rules", b"#!/usr/bin/make -f\n");
        let tar = tar.file("debian/patches/series", series.as_bytes());
        tar.file("debian/patches/a.patch", patch.as_bytes()).gzip()
    }

    fn quilt(series: &str, patch: &str) -> Files {
        let files = Files::new().with("p_1.orig.tar.gz", original().gzip());
        files.with("p_1-1.debian.tar.gz", debian(series, patch))
    }

    #[test]
    fn patches_are_applied_and_what_was_there_is_kept_beside() {
        let found = quilt("# talk\na.patch -p1\n", PATCH).lock("3.0 (quilt)").expect("a good package");
        let files: Vec<&str> =
            found.iter().filter(|line| !line.ends_with(" 755")).map(String::as_str).collect();
        assert_eq!(
            files,
            [
                ".pc/.quilt_patches 644",
                ".pc/.quilt_series 644",
                ".pc/.version 644",
                ".pc/a.patch/gone 644",
                ".pc/a.patch/made 644",
                ".pc/a.patch/src/x.c 644",
                ".pc/applied-patches 644",
                "Cargo.lock 644",
                "debian/patches/a.patch 644",
                "debian/patches/series 644",
                "link 777",
                "made 644",
                "src/x.c 644",
            ]
        );
        assert!(found.contains(&"debian/rules 755".to_owned()));
    }

    #[test]
    fn the_same_source_in_format_one_and_in_quilt_differs_by_its_notes_alone() {
        let rules = "--- p.orig/debian/rules\n+++ p-1/debian/rules\n@@ -0,0 +1 @@\n+#!/usr/bin/make -f\n";
        let diff = format!("{rules}{PATCH}");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        std::io::Write::write_all(&mut gzip, diff.as_bytes()).expect("memory");
        let files = Files::new().with("p_1.orig.tar.gz", original().gzip());
        let files = files.with("p_1-1.diff.gz", gzip.finish().expect("memory"));
        let found = files.lock("1.0").expect("a good package");
        for entry in ["debian/old 644", "debian/rules 755", "made 644", "src/x.c 644"] {
            assert!(found.contains(&entry.to_owned()), "{entry}: {found:?}");
        }
        assert!(!found.iter().any(|line| line.starts_with("gone")), "{found:?}");
    }

    #[test]
    fn files_keep_their_times_and_what_is_patched_has_the_newest() {
        let spool = Files::new().0;
        let spool = Spool::new(&spool.store).expect("a spool");
        let file = |bytes: Vec<u8>| {
            let mut file = tempfile::tempfile().expect("a temporary file");
            std::io::Write::write_all(&mut file, &bytes).expect("written");
            std::io::Seek::rewind(&mut file).expect("rewound");
            file
        };
        let original = original().dated(1_000_000_000, "p-1/dated").dated(7, "p-1/ancient").gzip();
        let mut parts = Parts::default();
        parts.take("p_1.orig.tar.gz", file(original));
        parts.take("p_1-1.debian.tar.gz", file(debian("a.patch", PATCH)));
        let layer = unpack("3.0 (quilt)", parts, &spool).expect("a good package");
        let time = |path: &str| layer.get(&path.parse().expect("clean")).expect("there").mtime;
        let times = ["dated", "ancient", "src/x.c", "made", "debian/rules"].map(time);
        assert_eq!(times, [1_000_000_000, 315_532_800, 1_000_000_000, 1_000_000_000, 315_532_800]);
    }

    #[test]
    fn components_have_directories_of_their_own_and_tops_are_dropped() {
        let files = quilt("", "").with("p_1.orig-extra.tar.gz", Tar::default().file("any/x", b"").gzip());
        let found = files.lock("3.0 (quilt)").expect("a good package");
        assert!(found.contains(&"extra/x 644".to_owned()), "{found:?}");
        assert!(
            found.contains(&".pc/applied-patches 644".to_owned()),
            "there is no patch, and that is written"
        );
        let native = Tar::default().file("a/x", b"").file("Cargo.lock", b"version = 4\n");
        let found = Files::new().with("p_1.tar.gz", native.gzip()).lock("3.0 (native)").expect("two tops");
        assert_eq!(found, ["Cargo.lock 644", "a 755", "a/x 644"]);
    }

    #[test]
    fn a_patch_that_does_not_apply_is_named_with_its_hunk() {
        let (is_integrity, text) = quilt("a.patch\n", &PATCH.replace(" one", " ONE")).fault("3.0 (quilt)");
        assert!(is_integrity);
        assert_eq!(
            text,
            "source package p 1-1 cannot be unpacked: patch `a.patch` does not apply: hunk 1 at line 4 does \
             not fit `src/x.c`"
        );
    }

    #[test]
    fn malformed_packages_are_refused_each_with_its_reason() {
        let header = |name: &str| format!("--- a/{name}\n+++ b/{name}\n@@ -0,0 +1 @@\n+x\n");
        let reasons = [
            (header("../x"), "line 1 names `a/../x`"),
            (header("link/x"), "line 2 names `link/x`"),
            (header("link"), "line 2 names `link`"),
            (header("src"), "line 2 names `src`"),
            (header("gone"), "hunk 1 at line 3 does not fit `gone`"),
            ("--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n-x\n".to_owned(), "is no part of a hunk"),
            ("--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n*x\n".to_owned(), "line 4 is no part of a hunk"),
            ("--- a/x\n+++ b/x\nnothing\n".to_owned(), "line 3 is no part of a hunk"),
            ("diff --git a/x b/y\nrename from x\n".to_owned(), "line 2 renames or copies a file"),
            (
                "--- a/gone\n+++ /dev/null\n@@ -1 +1 @@\n-gone\n+here\n".to_owned(),
                "something is left of `gone`",
            ),
        ];
        for (patch, reason) in reasons {
            let (is_integrity, text) = quilt("a.patch\n", &patch).fault("3.0 (quilt)");
            assert!(is_integrity && text.contains(reason), "{reason}: {text}");
        }
        for (series, reason) in [
            ("b.patch\n", "names `b.patch`, which is no file"),
            ("../x\n", "cannot be followed at `../x`"),
            ("a.patch -R\n", "cannot be followed at `a.patch -R`"),
        ] {
            let (_, text) = quilt(series, PATCH).fault("3.0 (quilt)");
            assert!(text.contains(reason), "{reason}: {text}");
        }
    }

    #[test]
    fn files_that_are_missing_and_formats_that_are_unknown_are_named() {
        let alone = Files::new().with("p_1.orig.tar.gz", original().gzip());
        let (_, text) = alone.fault("3.0 (quilt)");
        assert!(text.contains("it has 0 files of the kind `.debian.tar`"), "{text}");
        let (is_integrity, text) = alone.fault("3.0 (git)");
        assert!(!is_integrity && text.contains("its format is `3.0 (git)`"), "{text}");
        let mut gone = quilt("", "");
        gone.1[0].sha256 = Digest::of(b"nowhere");
        assert!(matches!(gone.lock("3.0 (quilt)"), Err(SourceError::Fetch(_))));
    }

    #[test]
    fn a_debian_archive_that_writes_elsewhere_is_refused() {
        let evil = Tar::default().file("debian/rules", b"").file("src/x.c", b"evil").gzip();
        let files = Files::new().with("p_1.orig.tar.gz", original().gzip());
        let (is_integrity, text) = files.with("p_1-1.debian.tar.gz", evil).fault("3.0 (quilt)");
        assert!(is_integrity && text.contains("entry `src/x.c` is not below `debian/`"), "{text}");
    }
}
