//! `eadem plan`

use eadem_flow::{Planned, Preview, Standing};
use eadem_model::{Digest, Name};
use serde_json::json;

use crate::{Done, args::Recipes, commands::Desk, exit::Exit, project::RecipeFile};

/// Shows what builds would have to do.
pub(crate) fn run(recipes: &Recipes, desk: &Desk<'_>) -> Done {
    desk.each_recipe(&recipes.recipes, |file| one(desk, file))
}

fn one(desk: &Desk<'_>, file: &RecipeFile) -> Done {
    let job = desk.project.job(file)?;
    let preview = desk.at_bench(|bench| eadem_flow::preview(bench, &job))?;
    if desk.console.is_json() {
        values(&file.recipe.name, &preview).iter().for_each(|value| desk.console.json(value));
    } else {
        print(desk, &file.recipe.name, &preview);
    }
    Ok(Exit::Done)
}

fn print(desk: &Desk<'_>, name: &Name, preview: &Preview) {
    let console = desk.console;
    preview.fell.iter().for_each(|why| console.warn(&format!("`{name}` cannot be planned so: {why}")));
    if let Some(run) = &preview.recorded {
        console.talk(&format!("{name} was built in run {run}, whose record answers `eadem build`"));
    }
    let Some(units) = &preview.units else {
        let Some(plan) = preview.plan else {
            return console.print(&format!(
                "unknown  -  {name}, since what it needs of other recipes is not built yet"
            ));
        };
        let standing = if preview.recorded.is_some() { "hit" } else { "miss" };
        return console.print(&format!("{standing:7}  {plan}  the whole of {name}, in one room"));
    };
    units.iter().for_each(|unit| console.print(&line(unit)));
    console.talk(&summary(name, units));
}

/// `STANDING  KEY  WHAT`
fn line(unit: &Planned) -> String {
    let (standing, key) = told(unit.standing);
    let key = key.map_or_else(|| "-".to_owned(), |key| key.to_string());
    format!("{standing:7}  {key:71}  {} of {}", unit.kind, unit.package)
}

fn summary(name: &Name, units: &[Planned]) -> String {
    let count = |wanted: &str| units.iter().filter(|unit| told(unit.standing).0 == wanted).count();
    let [hits, misses, unknown] = ["hit", "miss", "unknown"].map(count);
    format!("{name} has {} units: {hits} in the store, {misses} not, {unknown} unknown", units.len())
}

const fn told(standing: Standing) -> (&'static str, Option<Digest>) {
    match standing {
        Standing::Hit(key) => ("hit", Some(key)),
        Standing::Miss(key) => ("miss", Some(key)),
        Standing::Unknown => ("unknown", None),
    }
}

fn values(name: &Name, preview: &Preview) -> Vec<serde_json::Value> {
    let unit = |unit: &Planned| {
        let (standing, key) = told(unit.standing);
        json!({
            "result": "unit",
            "recipe": name,
            "package": unit.package,
            "kind": unit.kind,
            "crate": unit.crate_name,
            "standing": standing,
            "key": key,
        })
    };
    let whole = json!({
        "result": "plan",
        "recipe": name,
        "plan": preview.plan,
        "recorded": preview.recorded,
        "units": preview.units.as_ref().map(Vec::len),
        "fell": preview.fell,
    });
    preview.units.iter().flatten().map(unit).chain([whole]).collect()
}
