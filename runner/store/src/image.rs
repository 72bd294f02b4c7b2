//! `index.json`: the images of the store, by name.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs, io,
    path::PathBuf,
};

use eadem_model::{At, Digest};
use oci_spec::image::{
    DescriptorBuilder, ImageIndex, ImageIndexBuilder, MediaType, SCHEMA_VERSION, Sha256Digest,
};

use crate::{StoreError, store::Store};

/// The annotation by which tools such as skopeo know an image of a layout.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Where an image's manifest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageEntry {
    /// The manifest's digest.
    pub manifest: Digest,
    /// The manifest's length in bytes.
    pub size: u64,
}

impl Store {
    /// All images, by name.
    pub fn images(&self) -> Result<BTreeMap<String, ImageEntry>, StoreError> {
        let path = self.index_path();
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            other => other.at(&path)?,
        };
        let damaged = |why: String| StoreError::Damaged { path: path.clone(), why };
        let index = ImageIndex::from_reader(&bytes[..]).map_err(|error| damaged(error.to_string()))?;
        index
            .manifests()
            .iter()
            .filter_map(|descriptor| entry(descriptor).transpose())
            .collect::<Result<_, _>>()
            .map_err(damaged)
    }

    /// Names an image, or gives its name to another manifest.
    pub fn put_image(&self, name: &str, manifest: &Digest, size: u64) -> Result<(), StoreError> {
        let _alone = self.exclusive("index")?;
        let mut images = self.images()?;
        let new = ImageEntry { manifest: *manifest, size };
        if images.insert(name.to_owned(), new) == Some(new) {
            return Ok(());
        }
        Ok(self.replace(&self.index_path(), index(&images).as_bytes())?)
    }

    /// The blobs of an image: its manifest, and what that names.
    pub fn image_blobs(&self, manifest: &Digest) -> BTreeSet<Digest> {
        self.names_in_blob(manifest)
    }

    fn index_path(&self) -> PathBuf {
        self.dir().join("index.json")
    }
}

/// The name and entry of a descriptor; images that others put there without a name are passed over.
fn entry(descriptor: &oci_spec::image::Descriptor) -> Result<Option<(String, ImageEntry)>, String> {
    let Some(name) = descriptor.annotations().as_ref().and_then(|notes| notes.get(REF_NAME)) else {
        return Ok(None);
    };
    let manifest = descriptor.digest().to_string().parse::<Digest>().map_err(|error| error.to_string())?;
    Ok(Some((name.clone(), ImageEntry { manifest, size: descriptor.size() })))
}

fn index(images: &BTreeMap<String, ImageEntry>) -> String {
    let descriptor = |(name, entry): (&String, &ImageEntry)| {
        let digest: Sha256Digest = entry.manifest.hex().parse().expect("a digest is 64 hex digits");
        DescriptorBuilder::default()
            .media_type(MediaType::ImageManifest)
            .digest(digest)
            .size(entry.size)
            .annotations(HashMap::from([(REF_NAME.to_owned(), name.clone())]))
            .build()
            .expect("all fields are set")
    };
    ImageIndexBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageIndex)
        .manifests(images.iter().map(descriptor).collect::<Vec<_>>())
        .build()
        .expect("all fields are set")
        .to_string()
        .expect("an index has only text keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_kept_by_name_and_the_index_is_the_known_one() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        assert!(store.images().expect("none").is_empty());
        store.put_image("b", &Digest::of(b"1"), 1).expect("named");
        store.put_image("a", &Digest::of(b"2"), 2).expect("named");
        store.put_image("b", &Digest::of(b"3"), 3).expect("named anew");
        let images = store.images().expect("two");
        assert_eq!(images.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(images["b"], ImageEntry { manifest: Digest::of(b"3"), size: 3 });
        let bytes = fs::read(store.index_path()).expect("there");
        assert_eq!(
            Digest::of(&bytes).to_string(),
            "sha256:5c1dad5bdc5f9573d11fb504c7f5bf293a9e094680fb114880ff14f841dce506"
        );
    }
}
