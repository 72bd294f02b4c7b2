//! The image as other tools know it: OCI config and manifest.

use eadem_model::{Architecture, Digest};
use eadem_store::{Store, StoredLayer};
use oci_spec::image::{
    Arch, ConfigBuilder, Descriptor, ImageConfiguration, ImageConfigurationBuilder, ImageManifest,
    ImageManifestBuilder, MediaType, Os, RootFsBuilder, SCHEMA_VERSION, Sha256Digest,
};

use crate::{BuiltImage, ImageError, date};

/// Where programs are looked for, in rooms and in other tools' containers.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The config's JSON: no history, no time but the epoch.
pub(crate) fn config(architecture: Architecture, epoch: u64, layers: &[StoredLayer]) -> String {
    let diff_ids: Vec<String> = layers.iter().map(|layer| layer.diff_id.to_string()).collect();
    let root = RootFsBuilder::default().typ("layers").diff_ids(diff_ids).build().expect("all fields are set");
    let config = ConfigBuilder::default().env(vec![PATH.to_owned()]).build().expect("no field is required");
    let image = ImageConfigurationBuilder::default()
        .created(date::rfc3339(epoch))
        .architecture(match architecture {
            Architecture::Amd64 => Arch::Amd64,
            Architecture::Arm64 => Arch::ARM64,
        })
        .os(Os::Linux)
        .config(config)
        .rootfs(root)
        .build()
        .expect("all required fields are set");
    image.to_string().expect("a config has only text keys")
}

/// The manifest's JSON.
pub(crate) fn manifest(config: &str, layers: &[StoredLayer]) -> String {
    let layer = |layer: &StoredLayer| descriptor(MediaType::ImageLayerGzip, layer.size, &layer.blob);
    let config = descriptor(MediaType::ImageConfig, config.len() as u64, &Digest::of(config.as_bytes()));
    let manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .config(config)
        .layers(layers.iter().map(layer).collect::<Vec<_>>())
        .build()
        .expect("all required fields are set");
    manifest.to_string().expect("a manifest has only text keys")
}

fn descriptor(kind: MediaType, size: u64, digest: &Digest) -> Descriptor {
    let digest: Sha256Digest = digest.hex().parse().expect("a digest is 64 hex digits");
    Descriptor::new(kind, size, digest)
}

/// Reads an image from the store by its manifest; `None` if anything of it is missing.
pub(crate) fn find(name: &str, manifest: &Digest, store: &Store) -> Result<Option<BuiltImage>, ImageError> {
    if !store.has_blob(manifest) {
        return Ok(None);
    }
    let bytes = store.read_blob(manifest)?;
    let broken = |why: String| ImageError::Broken { digest: *manifest, why };
    let parsed = ImageManifest::from_reader(&bytes[..]).map_err(|error| broken(error.to_string()))?;
    let config = digest(parsed.config()).map_err(broken)?;
    if !store.has_blob(&config) {
        return Ok(None);
    }
    let text = store.read_blob(&config)?;
    let image = ImageConfiguration::from_reader(&text[..]).map_err(|error| broken(error.to_string()))?;
    let layers = layers(&parsed, &image).map_err(broken)?;
    let is_whole = layers.iter().all(|layer| store.has_blob(&layer.blob));
    let (name, manifest_size) = (name.to_owned(), bytes.len() as u64);
    Ok(is_whole.then_some(BuiltImage { name, manifest: *manifest, manifest_size, config, layers }))
}

fn layers(manifest: &ImageManifest, image: &ImageConfiguration) -> Result<Vec<StoredLayer>, String> {
    let diff_ids = image.rootfs().diff_ids();
    if diff_ids.len() != manifest.layers().len() {
        return Err("its config and manifest differ in the number of layers".to_owned());
    }
    let pairs = diff_ids.iter().zip(manifest.layers());
    pairs
        .map(|(diff_id, layer)| {
            let diff_id = diff_id.parse().map_err(|error: eadem_model::DigestError| error.to_string())?;
            Ok(StoredLayer { diff_id, blob: digest(layer)?, size: layer.size() })
        })
        .collect()
}

fn digest(descriptor: &Descriptor) -> Result<Digest, String> {
    descriptor.digest().to_string().parse().map_err(|error: eadem_model::DigestError| error.to_string())
}
