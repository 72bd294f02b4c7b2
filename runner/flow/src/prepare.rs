//! Brings everything that a job needs into the store.

use std::{io, path::PathBuf};

use eadem_image::BuiltImage;
use eadem_model::{Digest, Image, ImageLock, Inputs};
use eadem_store::Store;

use crate::{Bench, FlowError, Job, job::check_image};

/// Brings into the store whatever a job and what it needs are built from.
pub fn fetch(bench: &Bench<'_>, job: &Job) -> Result<(), FlowError> {
    job.needs.iter().try_for_each(|needed| fetch(bench, &needed.job))?;
    bring(bench, job)
}

/// Makes sure that the image and the source layer are laid out; fetches what is missing.
pub(crate) fn bring(bench: &Bench<'_>, job: &Job) -> Result<(), FlowError> {
    prepare_image(bench, &job.image)?;
    eadem_source::source_layer(&job.lock, bench.project_root, bench.store, bench.fetcher, bench.events)?;
    Ok(())
}

/// Makes sure that an image's layers are laid out.
pub(crate) fn prepare_image(bench: &Bench<'_>, image: &ImageLock) -> Result<(), FlowError> {
    // Also when all layers are laid out: they must be those of the locked config.
    let built = assemble(bench, image)?;
    eadem_image::unpack(&built, bench.store, bench.events)?;
    Ok(())
}

/// Makes sure that an image is in the store, as OCI blobs.
pub fn build_image(bench: &Bench<'_>, image: &Image, lock: &ImageLock) -> Result<BuiltImage, FlowError> {
    check_image(image, lock)?;
    assemble(bench, lock)
}

fn assemble(bench: &Bench<'_>, lock: &ImageLock) -> Result<BuiltImage, FlowError> {
    let built = eadem_image::build(lock, bench.store, bench.fetcher, bench.events);
    built.map_err(|error| FlowError::of_image(&lock.image, error))
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
