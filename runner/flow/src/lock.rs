//! Pins images and recipes.

use eadem_model::{Image, ImageLock, LockedImage, Recipe, RecipeLock, document::Version1};

use crate::{Bench, FlowError, job::check_image};

/// Pins every package of an image and what they give.
pub fn lock_image(bench: &Bench<'_>, image: &Image, keyring: &[u8]) -> Result<ImageLock, FlowError> {
    Ok(eadem_image::lock(image, keyring, bench.store, bench.fetcher, (bench.clock)(), bench.events)?)
}

/// Pins every source of a recipe and the layer that they give, in an image that is locked.
pub fn lock_recipe(
    bench: &Bench<'_>,
    recipe: &Recipe,
    image: &Image,
    image_lock: &ImageLock,
) -> Result<RecipeLock, FlowError> {
    check_image(image, image_lock)?;
    let locked =
        eadem_source::lock_sources(recipe, bench.project_root, bench.store, bench.fetcher, bench.events)?;
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
