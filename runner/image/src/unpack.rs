//! Lays an image's layers out as directories, where rooms see them.

use eadem_model::{Event, Phase};
use eadem_store::{Store, StoreError};
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
        let blob = std::io::BufReader::with_capacity(256 << 10, store.open_blob(&layer.blob)?);
        store.unpack_layer(&layer.diff_id, &mut flate2::bufread::MultiGzDecoder::new(blob))?;
        events(Event::Advance { phase: Phase::Unpack, subject: subject(), by: 1, at: layer.diff_id.short() });
        Ok::<_, StoreError>(())
    })?;
    events(Event::Done { phase: Phase::Unpack, subject: subject() });
    Ok(())
}
