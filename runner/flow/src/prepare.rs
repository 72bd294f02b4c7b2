//! Brings everything that a job needs into the store.

use std::{io, path::PathBuf};

use eadem_image::BuiltImage;
use eadem_model::{Digest, Event, Image, ImageLock, Inputs, Phase};
use eadem_store::Store;

use crate::{Bench, FlowError, Job, job::check_image};

/// Makes sure that the image and the source layer are laid out; fetches what is missing.
pub fn prepare(bench: &Bench<'_>, job: &Job) -> Result<(), FlowError> {
    prepare_image(bench, &job.image)?;
    eadem_source::source_layer(&job.lock, bench.project_root, bench.store, bench.fetcher, bench.events)?;
    Ok(())
}

/// Makes sure that an image's layers are laid out.
pub(crate) fn prepare_image(bench: &Bench<'_>, image: &ImageLock) -> Result<(), FlowError> {
    if image.result.diff_ids.iter().all(|diff_id| bench.store.has_layer(diff_id)) {
        return Ok(());
    }
    let built = eadem_image::build(image, bench.store, bench.fetcher, bench.events)?;
    let (phase, subject) = (Phase::Unpack, image.image.to_string());
    bench.tell(Event::Start { phase, subject: subject.clone(), total: built.layers.len() as u64 });
    let step = || bench.tell(Event::Advance { phase, subject: subject.clone(), by: 1, at: String::new() });
    bench.store.lay_out_blobs(&built.layers, &step)?;
    bench.tell(Event::Done { phase, subject: subject.clone() });
    Ok(())
}

/// Makes sure that an image is in the store, as OCI blobs.
pub fn build_image(bench: &Bench<'_>, image: &Image, lock: &ImageLock) -> Result<BuiltImage, FlowError> {
    check_image(image, lock)?;
    Ok(eadem_image::build(lock, bench.store, bench.fetcher, bench.events)?)
}

/// The store's layers, as an engine opens them.
pub(crate) struct StoreInputs<'a>(pub(crate) &'a Store);

impl Inputs for StoreInputs<'_> {
    fn layer_dir(&self, diff_id: &Digest) -> io::Result<PathBuf> {
        if self.0.has_layer(diff_id) {
            Ok(self.0.layer_dir(diff_id))
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}
