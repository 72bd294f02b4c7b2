//! What a verification is compared with: an earlier one.

use eadem_model::{Base, Name};

use crate::{commands::Desk, history, report::Report};

impl Desk<'_> {
    /// What the run that a word names said of a recipe, or the last verification of the recipe as it was at the commit
    /// that the word names; nothing, and that is told, if it was not verified then.
    pub(crate) fn base(&self, recipe: &Name, word: &str) -> Result<Option<Base>, Report> {
        let mut records = history::records(self.console, &self.wiring.store)?;
        records.retain(|record| record.verdict.is_some());
        let chosen = match history::choose(&records, &[word.to_owned()]) {
            Ok(chosen) => chosen,
            Err(no_run) => return self.base_at(recipe, word, no_run),
        };
        let found = chosen.into_iter().find(|record| record.recipe == *recipe);
        if found.is_none() {
            self.console.warn(&format!("run `{word}` has not verified `{recipe}`, so it has no base"));
        }
        Ok(found.and_then(|record| Base::of(record, None)))
    }

    fn base_at(&self, recipe: &Name, word: &str, no_run: Report) -> Result<Option<Base>, Report> {
        let (id, past) = match self.wiring.commit(self.project.root(), word) {
            Ok(found) => found,
            Err(error) => return Err(no_run.fact(format!("nor is it a commit of the project: {error}"))),
        };
        let before = self.project.before(past);
        let job = before.recipe(recipe.as_str()).and_then(|file| before.job(&file));
        let found = match job {
            Ok(job) => self.at_bench(|bench| eadem_flow::last_verified(bench, &job))?,
            Err(error) => {
                self.console.warn(&format!("`{recipe}` has no base at commit {id}: {}", error.line()));
                return Ok(None);
            }
        };
        if found.is_none() {
            self.console.warn(&format!(
                "`{recipe}` as it was at commit {id} was not verified in this store, so it has no base"
            ));
        }
        Ok(found.and_then(|record| Base::of(&record, Some(id))))
    }
}
