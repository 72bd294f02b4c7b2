//! Lays an image's layers out as directories, where rooms see them.

use std::io::BufReader;

use eadem_model::{Event, Phase};
use eadem_store::{Store, StoreError, StoredLayer};
use flate2::bufread::MultiGzDecoder;
use rayon::prelude::*;

use crate::{BuiltImage, Events, ImageError};

/// Lays out every layer of `image` that is not laid out yet, side by side.
pub fn unpack(image: &BuiltImage, store: &Store, events: Events<'_>) -> Result<(), ImageError> {
    let missing: Vec<_> = image.layers.iter().filter(|layer| !store.has_layer(&layer.diff_id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let subject = || image.name.clone();
    events(Event::Start { phase: Phase::Unpack, subject: subject(), total: missing.len() as u64 });
    missing.into_par_iter().try_for_each(|layer| {
        unpack_layer(layer, store)?;
        events(Event::Advance { phase: Phase::Unpack, subject: subject(), by: 1, at: layer.diff_id.short() });
        Ok::<_, StoreError>(())
    })?;
    events(Event::Done { phase: Phase::Unpack, subject: subject() });
    Ok(())
}

/// Lays one layer out, unless another process has just done it.
fn unpack_layer(layer: &StoredLayer, store: &Store) -> Result<(), StoreError> {
    let _alone = store.exclusive(&format!("layer-{}", layer.diff_id.hex()))?;
    if store.has_layer(&layer.diff_id) {
        return Ok(());
    }
    let blob = BufReader::with_capacity(256 << 10, store.open_blob(&layer.blob)?);
    store.unpack_layer(&layer.diff_id, &mut MultiGzDecoder::new(blob))
}
