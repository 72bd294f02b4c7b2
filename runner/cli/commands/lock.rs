//! `eadem lock`

use std::path::Path;

use eadem_model::SourceSpec;
use serde_json::json;

use crate::{
    Done,
    args::Lock,
    commands::Desk,
    exit::Exit,
    project::{RecipeFile, write_lock},
};

/// Pins recipes, or images if some are named.
pub(crate) fn run(lock: &Lock, desk: &Desk<'_>) -> Done {
    if lock.images.is_empty() {
        return desk.each_recipe(&lock.recipes.recipes, |file| recipe(desk, file));
    }
    lock.images.iter().try_fold(Exit::Done, |exit, name| Ok(exit.worst(image(desk, name)?)))
}

fn image(desk: &Desk<'_>, name: &str) -> Done {
    let image = desk.project.image(name)?;
    let keyring = desk.project.keyring(&image)?;
    let lock = desk.at_bench(|bench| eadem_flow::lock_image(bench, &image, &keyring))?;
    let path = desk.project.image_lock_path(name);
    write_lock(&path, &lock, &format!("eadem lock --image {name}"))?;
    desk.console.talk(&format!("locked {} packages of image {name}", lock.packages.len()));
    Ok(written(desk, name, &path))
}

/// Prints which file was written.
fn written(desk: &Desk<'_>, name: &str, path: &Path) -> Exit {
    if desk.console.is_json() {
        desk.console.json(&json!({"result": "lock", "name": name, "file": path}));
    } else {
        desk.console.print(&path.display().to_string());
    }
    Exit::Done
}

fn recipe(desk: &Desk<'_>, file: &RecipeFile) -> Done {
    let name = file.recipe.image.as_str();
    let (image, image_lock) = (desk.project.image(name)?, desk.project.image_lock(name)?);
    let keyring = match file.recipe.source {
        SourceSpec::Dsc { .. } => desk.project.keyring(&image)?,
        _ => Vec::new(),
    };
    let lock =
        desk.at_bench(|bench| eadem_flow::lock_recipe(bench, &file.recipe, &image, &image_lock, &keyring))?;
    write_lock(&file.lock_path(), &lock, &format!("eadem lock {}", file.recipe.name))?;
    desk.console.talk(&format!("locked {} sources of {}", lock.sources.len(), file.recipe.name));
    Ok(written(desk, file.recipe.name.as_str(), &file.lock_path()))
}
