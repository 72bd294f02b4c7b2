//! Small packages for tests, written byte by byte.

use std::{
    io::Write,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use eadem_model::{
    Architecture, CrateRelease, Digest, Event, FetchError, Fetcher, ImageLock, LockedPackage, LockedResult,
    Name, Want, document::Version1,
};
use eadem_store::Store;
use tar::EntryType;

/// One entry of a tar archive.
pub(crate) struct Item {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: EntryType,
    pub(crate) target: String,
    pub(crate) mode: u32,
    pub(crate) content: Vec<u8>,
}

pub(crate) fn item(name: &str, kind: EntryType, target: &str, content: &str) -> Item {
    let mode = if kind == EntryType::Regular { 0o644 } else { 0o755 };
    Item { name: name.into(), kind, target: target.to_owned(), mode, content: content.into() }
}

pub(crate) fn dir(name: &str) -> Item {
    item(name, EntryType::Directory, "", "")
}

pub(crate) fn file(name: &str, content: &str) -> Item {
    item(name, EntryType::Regular, "", content)
}

pub(crate) fn symlink(name: &str, target: &str) -> Item {
    item(name, EntryType::Symlink, target, "")
}

pub(crate) fn hardlink(name: &str, target: &str) -> Item {
    item(name, EntryType::Link, target, "")
}

/// A tar in GNU's form, as packages have it; names go in as they are, however bad.
pub(crate) fn tar(items: &[Item]) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..item.name.len()].copy_from_slice(&item.name);
        header.as_old_mut().linkname[..item.target.len()].copy_from_slice(item.target.as_bytes());
        header.set_entry_type(item.kind);
        header.set_mode(item.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(item.content.len() as u64);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(&item.content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

pub(crate) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in members {
        out.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", content.len()).bytes(),
        );
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(2), b'\n');
    }
    out
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// A package file; `control` are fields beyond name, version and architecture.
pub(crate) fn deb(name: &str, control: &str, scripts: &[Item], data: &[Item]) -> Vec<u8> {
    let control = format!("Package: {name}\nVersion: 1\nArchitecture: amd64\n{control}");
    let mut members = vec![dir("./"), file("./control", &control)];
    members.extend(scripts.iter().map(|script| Item {
        name: script.name.clone(),
        content: script.content.clone(),
        ..file("", "")
    }));
    // Not packed, so that its digest depends on no library.
    ar(&[("debian-binary", b"2.0\n"), ("control.tar", &tar(&members)), ("data.tar", &tar(data))])
}

pub(crate) fn package(name: &str, bytes: &[u8]) -> LockedPackage {
    LockedPackage {
        name: name.to_owned(),
        version: "1".to_owned(),
        architecture: "amd64".to_owned(),
        source: name.to_owned(),
        path: format!("pool/{name}.deb"),
        sha256: Digest::of(bytes),
        size: bytes.len() as u64,
        why: "asked for".to_owned(),
    }
}

/// A lock of these packages that says nothing of the result yet.
pub(crate) fn lock(packages: Vec<LockedPackage>) -> ImageLock {
    let nothing = Digest::from_bytes([0; 32]);
    ImageLock {
        eadem_lock: Version1,
        image: "small".parse().expect("a name"),
        meaning: nothing,
        architecture: Architecture::Amd64,
        suite: "trixie".parse().expect("a name"),
        snapshot: "20260912T075541Z".to_owned(),
        fixups: crate::fixup::VERSION,
        links: std::collections::BTreeMap::new(),
        packages,
        result: LockedResult {
            diff_ids: Vec::new(),
            config: nothing,
            manifest: nothing,
            compressor: crate::COMPRESSOR.to_owned(),
        },
    }
}

/// A world of a few files, and a store to bring them to.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) files: Vec<Vec<u8>>,
    pub(crate) in_release: Vec<u8>,
    pub(crate) n_fetches: AtomicUsize,
}

impl World {
    pub(crate) fn new(files: Vec<Vec<u8>>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        Self { dir, store, files, in_release: Vec::new(), n_fetches: AtomicUsize::new(0) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Fetcher for World {
    fn fetch(&self, _: &str, wants: &[Want], _: &(dyn Fn(Event) + Sync)) -> Result<(), FetchError> {
        self.n_fetches.fetch_add(1, Ordering::SeqCst);
        for want in wants {
            let found = self.files.iter().find(|file| Digest::of(file) == want.sha256);
            let missing = || FetchError::Nowhere { origin: want.origin.to_string(), attempts: Vec::new() };
            self.store.put_blob(found.ok_or_else(missing)?).expect("stored");
        }
        Ok(())
    }

    fn find_crate(&self, name: &str, version: &semver::Version) -> Result<CrateRelease, FetchError> {
        Err(FetchError::NoSuchCrate { name: name.to_owned(), version: version.to_string() })
    }

    fn in_release(
        &self,
        suite: &Name,
        accept: &dyn Fn(&[u8]) -> Result<(), String>,
    ) -> Result<Vec<u8>, FetchError> {
        let refused = |why| FetchError::Nowhere {
            origin: suite.to_string(),
            attempts: vec![eadem_model::Attempt {
                place: "example.invalid".to_owned(),
                fault: eadem_model::Fault::Refused(why),
            }],
        };
        accept(&self.in_release).map_err(refused)?;
        Ok(self.in_release.clone())
    }
}
