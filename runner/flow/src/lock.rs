//! Pins images and recipes.

use eadem_image::Suite;
use eadem_model::{
    Image, ImageLock, LockedImage, LockedSource, Recipe, RecipeLock, SourceSpec, document::Version1,
};

use crate::{Bench, FlowError, job::check_image};

/// Pins every package of an image and what they give.
pub fn lock_image(bench: &Bench<'_>, image: &Image, keyring: &[u8]) -> Result<ImageLock, FlowError> {
    Ok(eadem_image::lock(&suite(bench, image, keyring))?)
}

/// Pins every source of a recipe and the layer that they give, in an image that is locked.
///
/// The image's keyring says who may sign the index of source packages; no other source asks for it.
pub fn lock_recipe(
    bench: &Bench<'_>,
    recipe: &Recipe,
    image: &Image,
    image_lock: &ImageLock,
    keyring: &[u8],
) -> Result<RecipeLock, FlowError> {
    check_image(image, image_lock)?;
    let package = source_package(bench, recipe, image, keyring)?;
    let (root, store) = (bench.project_root, bench.store);
    let locked = eadem_source::lock_sources(recipe, package, root, store, bench.fetcher, bench.events)?;
    Ok(RecipeLock {
        eadem_lock: Version1,
        recipe: recipe.name.clone(),
        meaning: recipe.meaning(),
        image: LockedImage {
            name: image_lock.image.clone(),
            config: image_lock.result.config,
            diff_ids: image_lock.result.diff_ids.clone(),
        },
        sources: locked.sources,
        layer: locked.layer,
    })
}

/// The files of the source package that a recipe names, if it names one.
fn source_package(
    bench: &Bench<'_>,
    recipe: &Recipe,
    image: &Image,
    keyring: &[u8],
) -> Result<Option<LockedSource>, FlowError> {
    let SourceSpec::Dsc { name, version } = &recipe.source else { return Ok(None) };
    Ok(Some(eadem_image::find_source(&suite(bench, image, keyring), (name, version))?))
}

fn suite<'a>(bench: &Bench<'a>, image: &'a Image, keyring: &'a [u8]) -> Suite<'a> {
    let Bench { store, fetcher, clock, events, .. } = *bench;
    Suite { image, keyring, store, fetcher, now: clock(), events }
}
