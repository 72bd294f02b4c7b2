//! A recipe with its locks.

use eadem_model::{Image, ImageLock, LockedSource, Plan, Recipe, RecipeLock, SourceSpec, Supplied};

use crate::{FlowError, Needed, plan};

/// What is to be built, with everything pinned.
#[derive(Debug, Clone)]
pub struct Job {
    /// The recipe.
    pub recipe: Recipe,
    /// Its lock.
    pub lock: RecipeLock,
    /// The image's lock.
    pub image: ImageLock,
    /// What it needs of other recipes, in the recipe's order.
    pub needs: Vec<Needed>,
}

impl Job {
    /// Puts a recipe and its locks together.
    ///
    /// # Errors
    /// [`FlowError::Stale`] if a lock does not fit.
    pub fn new(
        recipe: Recipe,
        lock: RecipeLock,
        image: &Image,
        image_lock: ImageLock,
    ) -> Result<Self, FlowError> {
        check_image(image, &image_lock)?;
        check_recipe(&recipe, &lock, &image_lock)?;
        Ok(Self { recipe, lock, image: image_lock, needs: Vec::new() })
    }

    /// The same with what it needs of other recipes, in the recipe's order.
    #[must_use]
    pub fn needing(self, needs: Vec<Needed>) -> Self {
        Self { needs, ..self }
    }

    /// The plan that the recipe's lock gives, with what others supply.
    pub fn plan(&self, needs: &[Supplied]) -> Plan {
        let needs = needs.iter().map(|supplied| supplied.supply.clone()).collect();
        Plan { needs, ..plan(&self.recipe, &self.lock, self.image.architecture) }
    }
}

/// Refuses a lock that was made from another definition of the image.
pub(crate) fn check_image(image: &Image, lock: &ImageLock) -> Result<(), FlowError> {
    let file = format!("images/{}.lock", image.name);
    let remedy = format!("eadem lock --image {}", image.name);
    same(&lock.meaning, &image.meaning(), "the image's definition has changed since", file, remedy)
}

fn check_recipe(recipe: &Recipe, lock: &RecipeLock, image: &ImageLock) -> Result<(), FlowError> {
    let file = format!("recipes/{}.lock", recipe.name);
    let remedy = format!("eadem lock {}", recipe.name);
    same(&lock.meaning, &recipe.meaning(), "the recipe has changed since", file.clone(), remedy.clone())?;
    let own: Vec<_> =
        lock.sources.iter().filter(|source| !matches!(source, LockedSource::Crate { .. })).collect();
    let why = "it pins another source than the recipe names";
    same(&(own.len() == 1 && pins(own[0], &recipe.source)), &true, why, file.clone(), remedy.clone())?;
    let why = "the image was locked anew since";
    same(&lock.image.config, &image.result.config, why, file.clone(), remedy.clone())?;
    same(&lock.image.diff_ids, &image.result.diff_ids, why, file, remedy)
}

/// Whether a pinned source is the one that a recipe names.
fn pins(pinned: &LockedSource, named: &SourceSpec) -> bool {
    match (pinned, named) {
        (LockedSource::Own { name, version, .. }, SourceSpec::Crate { name: named, version: wanted }) => {
            name == named && version == wanted
        }
        (
            LockedSource::Archive { url, sha256, strip, .. },
            SourceSpec::Archive { url: named, sha256: wanted, strip: leading },
        ) => (url, sha256, strip) == (named, wanted, leading),
        (LockedSource::Directory { path, .. }, SourceSpec::Directory { path: named }) => path == named,
        (LockedSource::Dsc { name, version, .. }, SourceSpec::Dsc { name: named, version: wanted }) => {
            name == named && version == wanted
        }
        _ => false,
    }
}

fn same<T: PartialEq>(locked: &T, now: &T, why: &str, lock: String, remedy: String) -> Result<(), FlowError> {
    if locked == now { Ok(()) } else { Err(FlowError::Stale { lock, why: why.to_owned(), remedy }) }
}
