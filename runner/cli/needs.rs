//! Recipes that need others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use eadem_flow::{Job, Needed};
use eadem_model::{Name, Need};

use crate::{
    exit::Exit,
    project::{Project, RecipeFile},
    report::Report,
};

impl Project {
    /// Puts a recipe together with its locks, and with all that it needs.
    pub(crate) fn job(&self, file: &RecipeFile) -> Result<Job, Report> {
        Loader { project: self, way: Vec::new(), loaded: BTreeMap::new() }.load(file)
    }
}

/// Loads recipes, each once however many need it.
struct Loader<'a> {
    project: &'a Project,
    /// Who needs whom, down to the recipe that is being loaded.
    way: Vec<Name>,
    loaded: BTreeMap<Name, Arc<Job>>,
}

impl Loader<'_> {
    fn load(&mut self, file: &RecipeFile) -> Result<Job, Report> {
        self.way.push(file.recipe.name.clone());
        let needed = |need: &Need| Ok(Needed { at: need.at.clone(), job: self.needed(file, &need.recipe)? });
        let needs = file.recipe.needs.iter().map(needed).collect::<Result<Vec<_>, Report>>()?;
        self.way.pop();
        Ok(self.project.pinned(file)?.needing(needs))
    }

    fn needed(&mut self, by: &RecipeFile, name: &Name) -> Result<Arc<Job>, Report> {
        if let Some(job) = self.loaded.get(name) {
            return Ok(Arc::clone(job));
        }
        if let Some(first) = self.way.iter().position(|other| other == name) {
            return Err(cycle(&self.project.place(by), &self.way[first..], name));
        }
        let file =
            self.project.recipe(name.as_str()).map_err(|error| of_need(&self.project.place(by), error))?;
        let job = Arc::new(self.load(&file)?);
        self.loaded.insert(name.clone(), Arc::clone(&job));
        Ok(job)
    }
}

fn cycle(place: &str, way: &[Name], back: &Name) -> Report {
    let way: Vec<&str> = way.iter().chain([back]).map(Name::as_str).collect();
    Report::new(Exit::Invalid, format!("`{back}` needs itself: {}", way.join(" needs ")))
        .hint(format!("take a need out of {place}, or of another of these"))
}

/// Who names what is not there wrote an invalid recipe.
fn of_need(place: &str, mut error: Report) -> Report {
    if error.exit == Exit::Usage {
        error.exit = Exit::Invalid;
    }
    error.fact(format!("{place} needs it"))
}

/// Recipes in an order in which each comes after what it needs.
pub(crate) struct Ordered {
    pub(crate) words: Vec<String>,
    /// Those that nobody named.
    pub(crate) added: BTreeSet<Name>,
}

impl Ordered {
    /// Puts what recipes need before them. What cannot be read stays in its place, for whoever comes to it.
    pub(crate) fn new(project: &Project, words: &[String]) -> Self {
        let named = |word: &String| Some((project.recipe(word).ok()?.recipe.name, word.clone()));
        let named: BTreeMap<Name, String> = words.iter().filter_map(named).collect();
        let mut walk = Walk { project, named: &named, seen: BTreeSet::new(), words: Vec::new() };
        for word in words {
            walk.visit(word);
        }
        let added = walk.seen.into_iter().filter(|name| !named.contains_key(name)).collect();
        Self { words: walk.words, added }
    }
}

struct Walk<'a> {
    project: &'a Project,
    /// The words that name recipes, by name.
    named: &'a BTreeMap<Name, String>,
    seen: BTreeSet<Name>,
    words: Vec<String>,
}

impl Walk<'_> {
    fn visit(&mut self, word: &str) {
        if let Ok(file) = self.project.recipe(word) {
            if !self.seen.insert(file.recipe.name.clone()) {
                return;
            }
            for Need { recipe, .. } in &file.recipe.needs {
                let word = self.named.get(recipe).map_or(recipe.as_str(), String::as_str);
                if self.project.recipe(word).is_ok() {
                    self.visit(word);
                }
            }
        }
        self.words.push(word.to_owned());
    }
}
