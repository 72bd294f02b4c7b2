//! `eadem build`

use std::path::PathBuf;

use eadem_flow::{Built, Recorded};
use eadem_model::{Entry, Name, TreePath};
use serde::Serialize;

use crate::{Done, args::Build, commands::Desk, exit::Exit, project::RecipeFile};

/// Builds recipes once and prints what came out.
pub(crate) fn run(build: &Build, desk: &Desk<'_>) -> Done {
    desk.each_recipe(&build.recipes.recipes, |file| one(build, desk, file))
}

fn one(build: &Build, desk: &Desk<'_>, file: &RecipeFile) -> Done {
    let job = desk.project.job(file)?;
    let places = desk.at_bench(|bench| {
        let built = eadem_flow::build(bench, &job)?;
        if let Some(dir) = &build.output {
            bench.store.export_tree(&built.tree, dir)?;
        }
        let place = |path: &TreePath, entry: &Entry| match (&build.output, entry) {
            (Some(dir), _) => Some(dir.join(path.as_str())),
            (None, Entry::File { digest, .. }) => Some(bench.store.file_path(digest)),
            _ => None,
        };
        let places = built.tree.entries.iter().map(|(path, entry)| place(path, entry)).collect::<Vec<_>>();
        Ok::<_, eadem_flow::FlowError>((built, places))
    });
    let (built, places) = places?;
    say(desk, &file.recipe.name, &built, places);
    Ok(Exit::Done)
}

/// One output as `--format json` prints it.
#[derive(Serialize)]
struct Output<'a> {
    result: &'static str,
    recipe: &'a Name,
    path: &'a TreePath,
    #[serde(flatten)]
    entry: &'a Entry,
    file: Option<PathBuf>,
}

fn say(desk: &Desk<'_>, recipe: &Name, built: &Built, places: Vec<Option<PathBuf>>) {
    if let Some(Recorded { run, engine }) = &built.recorded {
        desk.console.talk(&format!("{recipe} was built before, in run {run} by the engine `{engine}`"));
    }
    for ((path, entry), file) in built.tree.entries.iter().zip(places) {
        if desk.console.is_json() {
            desk.console.json(&Output { result: "output", recipe, path, entry, file });
        } else if let Some(line) = line(path, entry, file) {
            desk.console.print(&line);
        }
    }
}

/// `DIGEST  OUTPUT  FILE`; directories say nothing that their files do not.
fn line(path: &TreePath, entry: &Entry, file: Option<PathBuf>) -> Option<String> {
    let file = file.map(|file| format!("  {}", file.display())).unwrap_or_default();
    match entry {
        Entry::File { digest, .. } => Some(format!("{digest}  {path}{file}")),
        Entry::Symlink { target } => Some(format!("-> {target}  {path}{file}")),
        Entry::Directory => None,
    }
}
