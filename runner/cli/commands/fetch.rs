//! `eadem fetch`

use crate::{Done, args::Recipes, commands::Desk, exit::Exit};

/// Brings every input of recipes into the store.
pub(crate) fn run(recipes: &Recipes, desk: &Desk<'_>) -> Done {
    desk.each_recipe(&recipes.recipes, |file| {
        let job = desk.project.job(file)?;
        desk.at_bench(|bench| eadem_flow::fetch(bench, &job))?;
        desk.console.talk(&format!("every input of {} is in the store", file.recipe.name));
        Ok(Exit::Done)
    })
}
