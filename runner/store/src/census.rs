//! All that a store holds, listed and measured.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use eadem_model::{AtError, Digest, RunId};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};

use crate::{StoreError, reference::digests_in, store::Store};

/// What a store holds.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// Blobs and the bytes that they take, compressed or not.
    pub(crate) blobs: BTreeMap<Digest, u64>,
    /// Layers that are laid out, by diff_id.
    pub(crate) layers: BTreeMap<Digest, u64>,
    /// Records of units, by key.
    pub(crate) units: BTreeMap<Digest, Page>,
    /// Records of runs, by the plan's directory and the run's file.
    pub(crate) runs: Vec<(RunId, Page)>,
    /// Logs.
    pub(crate) logs: Vec<(RunId, Page)>,
    /// Manifests of named images, with what they name.
    pub(crate) images: BTreeMap<Digest, BTreeSet<Digest>>,
}

/// A file of the store's.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    /// The bytes that it takes on the disk.
    pub(crate) bytes: u64,
    /// When it was written or used last, in seconds since 1970.
    pub(crate) used: u64,
    /// The digests that stand in it.
    pub(crate) names: BTreeSet<Digest>,
}

impl Store {
    pub(crate) fn census(&self) -> Result<Census, StoreError> {
        let mut census = Census {
            blobs: sizes(list(&self.blobs_dir())?)?,
            layers: sizes(list(&self.dir().join("unpacked"))?.into_iter().filter(|path| path.is_dir()))?,
            units: units(list(&self.dir().join("units"))?)?,
            runs: Vec::new(),
            logs: of_runs(&self.dir().join("logs"), run_of_log)?,
            images: BTreeMap::new(),
        };
        for (blob, bytes) in sizes(list(&self.cold_dir())?)? {
            *census.blobs.entry(blob).or_default() += bytes;
        }
        for plan in list(&self.dir().join("records"))?.into_iter().filter(|path| path.is_dir()) {
            census.runs.extend(of_runs(&plan, |stem| Some(stem.to_owned()))?);
        }
        for entry in self.images()?.into_values() {
            census.images.insert(entry.manifest, self.names_in_blob(&entry.manifest));
        }
        Ok(census)
    }

    /// What a manifest names; nothing if it is gone.
    pub(crate) fn names_in_blob(&self, manifest: &Digest) -> BTreeSet<Digest> {
        let mut names = self.read_blob(manifest).map(|json| digests_in(&json)).unwrap_or_default();
        names.insert(*manifest);
        names
    }
}

impl Page {
    /// Reads a file; none if somebody has just removed it.
    fn read(path: PathBuf) -> Result<Option<Self>, AtError> {
        let read = |path: &Path| {
            let json = path.extension().is_some_and(|extension| extension == "json");
            let names = if json { digests_in(&fs::read(path)?) } else { BTreeSet::new() };
            Ok((names, fs::symlink_metadata(path)?))
        };
        match read(&path) {
            Err(error) if io::Error::kind(&error) == io::ErrorKind::NotFound => Ok(None),
            found => {
                let (names, found) = found.map_err(at(&path))?;
                let used = found.mtime().try_into().unwrap_or_default();
                Ok(Some(Self { bytes: found.blocks() * BLOCK, used, names, path }))
            }
        }
    }
}

/// Notes that a record was used just now, which decides no more than what is removed first.
pub(crate) fn touch(path: &Path) {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let _ = utimensat(CWD, path, &Timestamps { last_access: now, last_modification: now }, AtFlags::empty());
}

/// What takes how much, of paths that are named by digests.
fn sizes(paths: impl IntoIterator<Item = PathBuf>) -> Result<BTreeMap<Digest, u64>, AtError> {
    let named = paths.into_iter().filter_map(|path| Some((digest_of(&path.with_extension(""))?, path)));
    named.map(|(digest, path)| Ok((digest, size(&path)?))).collect()
}

fn units(paths: Vec<PathBuf>) -> Result<BTreeMap<Digest, Page>, AtError> {
    let mut units = BTreeMap::new();
    for path in paths {
        if let Some(key) = digest_of(&path.with_extension("")) {
            units.extend(Page::read(path)?.map(|page| (key, page)));
        }
    }
    Ok(units)
}

/// The run of a log, `SECONDS-NONCE-RECIPE-ROUND`.
fn run_of_log(stem: &str) -> Option<String> {
    let mut parts = stem.splitn(3, '-');
    Some(format!("{}-{}", parts.next()?, parts.next()?))
}

/// Files of runs in a directory; `run` gives the run's name from a file's.
fn of_runs(dir: &Path, run: impl Fn(&str) -> Option<String>) -> Result<Vec<(RunId, Page)>, AtError> {
    let mut pages = Vec::new();
    for path in list(dir)? {
        let name = path.file_stem().and_then(|stem| stem.to_str()).and_then(&run);
        if let Some(run) = name.and_then(|name| name.parse().ok()) {
            pages.extend(Page::read(path)?.map(|page| (run, page)));
        }
    }
    Ok(pages)
}

/// The digest that a file is named by.
pub(crate) fn digest_of(path: &Path) -> Option<Digest> {
    Digest::from_hex(path.file_name()?.to_str()?).ok()
}

/// What the kernel counts a file's bytes in.
const BLOCK: u64 = 512;

/// The bytes that a file or a directory takes on the disk; several names of a file count once.
pub(crate) fn size(path: &Path) -> Result<u64, AtError> {
    add(path, &mut BTreeSet::new())
}

fn add(path: &Path, seen: &mut BTreeSet<u64>) -> Result<u64, AtError> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        found => found.map_err(at(path))?,
    };
    if found.nlink() > 1 && !found.is_dir() && !seen.insert(found.ino()) {
        return Ok(0);
    }
    let mut bytes = found.blocks() * BLOCK;
    if found.is_dir() {
        for path in list(path)? {
            bytes += add(&path, seen)?;
        }
    }
    Ok(bytes)
}

/// A directory's entries, in byte order; none if it is missing.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>, AtError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(at(dir))?,
    };
    let paths = entries.map(|entry| Ok(entry.map_err(at(dir))?.path()));
    let mut paths = paths.collect::<Result<Vec<_>, AtError>>()?;
    paths.sort();
    Ok(paths)
}

fn at(path: &Path) -> impl Fn(io::Error) -> AtError {
    move |source| AtError { path: path.to_owned(), source }
}
