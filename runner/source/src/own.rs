//! The recipe's own source: the one that is built.

use std::path::Path;

use eadem_model::{Digest, Event, Fetcher, LockedSource, Name, Origin, Recipe, SourceSpec, Want};
use eadem_store::{Layer, Spool, Store, StoreError};
use semver::Version;

use crate::{
    SourceError, archive,
    debian::{self, Package},
    directory,
    entry::Strip,
    layer,
    lockfile::LockedCrate,
    vendor,
};

/// Where sources come from and go to.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The recipe.
    pub(crate) recipe: &'a Name,
    /// The project's root.
    pub(crate) project_root: &'a Path,
    /// The store.
    pub(crate) store: &'a Store,
    /// The network.
    pub(crate) fetcher: &'a dyn Fetcher,
    /// Takes events.
    pub(crate) events: &'a (dyn Fn(Event) + Sync),
}

impl Place<'_> {
    /// Brings what is missing into the store.
    pub(crate) fn fetch(&self, wants: &[Want]) -> Result<(), SourceError> {
        let is_missing = |want: &&Want| !self.store.has_blob(&want.sha256);
        let missing: Vec<Want> = wants.iter().filter(is_missing).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        Ok(self.fetcher.fetch(self.recipe.as_str(), &missing, self.events)?)
    }

    /// The length of a blob that is in the store.
    pub(crate) fn size(&self, blob: &Digest) -> Result<u64, SourceError> {
        let file = self.store.open_blob(blob)?;
        let found = file.metadata().map_err(StoreError::Layer)?;
        Ok(found.len())
    }
}

/// Pins what the recipe names, and reads it.
pub(crate) fn pin(
    place: &Place<'_>,
    recipe: &Recipe,
    package: Option<LockedSource>,
    spool: &Spool,
) -> Result<(LockedSource, Layer), SourceError> {
    let pinned = match &recipe.source {
        SourceSpec::Crate { name, version } => pin_crate(place, name, version)?,
        SourceSpec::Archive { url, sha256, strip } => pin_archive(place, url, sha256, *strip)?,
        SourceSpec::Directory { path } => return pin_directory(place, path, spool),
        SourceSpec::Dsc { .. } => {
            let package = package.expect("whoever locks a source package has found it in an index");
            place.fetch(&layer::wants(&package))?;
            package
        }
    };
    let layer = open(place, &pinned, spool)?;
    Ok((pinned, layer))
}

fn pin_crate(place: &Place<'_>, name: &str, version: &Version) -> Result<LockedSource, SourceError> {
    let release = place.fetcher.find_crate(name, version)?;
    if release.yanked {
        let message = format!("crate {name} {version} was withdrawn by its authors (yanked)");
        (place.events)(Event::Warning { message });
    }
    let origin = Origin::Crate { name: name.to_owned(), version: version.to_string() };
    place.fetch(&[Want { origin, sha256: release.sha256, size: None }])?;
    let size = place.size(&release.sha256)?;
    Ok(LockedSource::Own { name: name.to_owned(), version: version.clone(), sha256: release.sha256, size })
}

fn pin_archive(
    place: &Place<'_>,
    url: &str,
    sha256: &Digest,
    strip: u32,
) -> Result<LockedSource, SourceError> {
    place.fetch(&[Want { origin: Origin::Url(url.to_owned()), sha256: *sha256, size: None }])?;
    let size = place.size(sha256)?;
    Ok(LockedSource::Archive { url: url.to_owned(), sha256: *sha256, size, strip })
}

fn pin_directory(place: &Place<'_>, path: &str, spool: &Spool) -> Result<(LockedSource, Layer), SourceError> {
    let (tree, layer) = read_directory(place, path, spool)?;
    Ok((LockedSource::Directory { path: path.to_owned(), tree }, layer))
}

/// Reads a directory, and gives the digest of its canonical tar too.
fn read_directory(place: &Place<'_>, path: &str, spool: &Spool) -> Result<(Digest, Layer), SourceError> {
    let mut layer = directory::read(place.project_root, path, spool)?;
    layer.complete().map_err(StoreError::from)?;
    let tree = layer.diff_id().map_err(StoreError::Layer)?;
    Ok((tree, layer))
}

/// Reads a pinned source, whose bytes are in the store if they are not in the project.
///
/// # Errors
/// [`SourceError::Stale`] if a directory is not what it was when it was pinned.
pub(crate) fn open(place: &Place<'_>, pinned: &LockedSource, spool: &Spool) -> Result<Layer, SourceError> {
    match pinned {
        LockedSource::Directory { path, tree } => open_directory(place, path, tree, spool),
        LockedSource::Archive { url, sha256, strip, .. } => {
            let file = place.store.open_blob(sha256)?;
            Ok(archive::unfold(url, file, &Strip::Count(*strip), spool)?.layer)
        }
        LockedSource::Dsc { format, files, .. } => {
            debian::open(&Package { title: title(pinned), format, files }, place.store, spool)
        }
        LockedSource::Own { name, version, sha256, .. }
        | LockedSource::Crate { name, version, sha256, .. } => {
            let krate = LockedCrate { name: name.clone(), version: version.clone(), sha256: *sha256 };
            Ok(vendor::open_crate(&krate, place.store, spool)?.layer)
        }
    }
}

fn open_directory(
    place: &Place<'_>,
    path: &str,
    wanted: &Digest,
    spool: &Spool,
) -> Result<Layer, SourceError> {
    let (found, layer) = read_directory(place, path, spool)?;
    if found != *wanted {
        let (recipe, path) = (place.recipe.clone(), path.to_owned());
        return Err(SourceError::Stale { recipe, path, wanted: *wanted, found });
    }
    Ok(layer)
}

/// What messages call a source.
pub(crate) fn title(source: &LockedSource) -> String {
    match source {
        LockedSource::Archive { url, .. } => url.clone(),
        LockedSource::Directory { path, .. } => format!("directory `{path}`"),
        LockedSource::Dsc { name, version, .. } => format!("{name} {version}"),
        LockedSource::Own { name, version, .. } | LockedSource::Crate { name, version, .. } => {
            format!("crate {name} {version}")
        }
    }
}
