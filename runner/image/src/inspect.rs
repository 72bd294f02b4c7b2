//! What there is to say about an image of the store.

use std::io::Read;

use eadem_model::Digest;
use eadem_store::{Store, StoredLayer};

use crate::{ImageError, control::stanzas, oci};

/// An image of the store, described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReport {
    /// Its name in the store.
    pub name: String,
    /// The manifest's digest.
    pub manifest: Digest,
    /// The manifest, as it lies in the store.
    pub manifest_json: String,
    /// The config's digest.
    pub config: Digest,
    /// The config, as it lies in the store.
    pub config_json: String,
    /// The layers, lowest first.
    pub layers: Vec<StoredLayer>,
    /// Installed packages, name and version, in the order of the package database; empty if the
    /// topmost layer has no such database.
    pub packages: Vec<(String, String)>,
}

/// Describes the image `name`, or gives `None` if the store has no whole image of that name.
pub fn inspect(store: &Store, name: &str) -> Result<Option<ImageReport>, ImageError> {
    let Some(entry) = store.images()?.get(name).copied() else { return Ok(None) };
    let Some(image) = oci::find(name, &entry.manifest, store)? else { return Ok(None) };
    let text = |digest: &Digest| {
        Ok::<_, ImageError>(String::from_utf8_lossy(&store.read_blob(digest)?).into_owned())
    };
    Ok(Some(ImageReport {
        name: name.to_owned(),
        manifest: image.manifest,
        manifest_json: text(&image.manifest)?,
        config: image.config,
        config_json: text(&image.config)?,
        packages: packages(&image.layers, store)?,
        layers: image.layers,
    }))
}

/// The package database that fix-ups put on top.
fn packages(layers: &[StoredLayer], store: &Store) -> Result<Vec<(String, String)>, ImageError> {
    let Some(top) = layers.last() else { return Ok(Vec::new()) };
    let broken = |error: std::io::Error| ImageError::Broken { digest: top.blob, why: error.to_string() };
    let blob = std::io::BufReader::new(store.open_blob(&top.blob)?);
    let status = read_status(flate2::bufread::MultiGzDecoder::new(blob)).map_err(broken)?;
    let pair = |stanza: crate::control::Stanza<'_>| {
        Some((stanza.field("Package")?.to_owned(), stanza.field("Version")?.to_owned()))
    };
    Ok(stanzas(&status).filter_map(|stanza| pair(stanza.ok()?)).collect())
}

fn read_status(tar: impl Read) -> std::io::Result<String> {
    let mut archive = tar::Archive::new(tar);
    let mut status = String::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if &*entry.path_bytes() == b"var/lib/dpkg/status" {
            entry.read_to_string(&mut status)?;
            break;
        }
    }
    Ok(status)
}
