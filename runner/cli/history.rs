//! Finds what is meant among the runs of a store.

use std::collections::BTreeSet;

use eadem_model::{Name, Record, RunId};
use eadem_store::{LogEntry, Store};

use crate::{console::Console, exit::Exit, report::Report};

/// Something that a run left.
pub(crate) trait OfRun {
    fn run(&self) -> &RunId;
    fn recipe(&self) -> &Name;
}

impl OfRun for Record {
    fn run(&self) -> &RunId {
        &self.run
    }

    fn recipe(&self) -> &Name {
        &self.recipe
    }
}

impl OfRun for LogEntry {
    fn run(&self) -> &RunId {
        &self.run
    }

    fn recipe(&self) -> &Name {
        &self.recipe
    }
}

/// How many names a list of suggestions has at most.
const SUGGESTED: usize = 8;

/// All records, the newest first; those that cannot be read are named and passed over.
pub(crate) fn records(console: &Console, store: &Store) -> Result<Vec<Record>, Report> {
    let (records, unreadable) = store.all_records()?;
    for error in unreadable {
        console.warn(&format!("{error}; it is passed over"));
    }
    Ok(records)
}

/// What the newest run left that the words speak of: recipes, runs, or beginnings of runs' names.
///
/// `items` have those of the newest run first.
pub(crate) fn choose<'a, T: OfRun>(items: &'a [T], words: &[String]) -> Result<Vec<&'a T>, Report> {
    let mut left: Vec<&T> = items.iter().collect();
    for word in words {
        left = narrow(left, word)?;
    }
    let Some(newest) = left.first().map(|item| item.run().clone()) else {
        return Err(Report::new(Exit::Usage, "this store has no runs").hint("eadem build RECIPE"));
    };
    left.retain(|item| *item.run() == newest);
    Ok(left)
}

fn narrow<'a, T: OfRun>(items: Vec<&'a T>, word: &str) -> Result<Vec<&'a T>, Report> {
    let of_recipe = |item: &&T| item.recipe().as_str() == word;
    if items.iter().any(of_recipe) {
        return Ok(items.into_iter().filter(of_recipe).collect());
    }
    let of_run = |item: &&T| item.run().as_str().starts_with(word);
    let runs: BTreeSet<&RunId> = items.iter().copied().filter(of_run).map(T::run).collect();
    match runs.len() {
        0 => Err(unknown(&items, word)),
        1 => Ok(items.into_iter().filter(of_run).collect()),
        _ => Err(ambiguous(word, &runs)),
    }
}

fn ambiguous(word: &str, runs: &BTreeSet<&RunId>) -> Report {
    let message = format!("{} runs have names that begin with `{word}`", runs.len());
    let report = Report::new(Exit::Usage, message).fact(listed(runs.iter().rev()));
    report.hint("write more of the name; `eadem ls` lists all")
}

fn unknown<T: OfRun>(items: &[&T], word: &str) -> Report {
    let recipes: BTreeSet<&Name> = items.iter().map(|item| item.recipe()).collect();
    let report = Report::new(Exit::Usage, format!("no run here is `{word}`, or built a recipe of that name"));
    let report =
        if recipes.is_empty() { report } else { report.fact(format!("built: {}", listed(recipes.iter()))) };
    report.hint("`eadem ls` lists all runs")
}

/// Some names in a row, and whether there are more.
pub(crate) fn listed<'a, T: ToString + 'a>(names: impl Iterator<Item = &'a T>) -> String {
    let names: Vec<String> = names.map(ToString::to_string).collect();
    let shown = names[..names.len().min(SUGGESTED)].join(", ");
    if names.len() > SUGGESTED { format!("{shown}, …") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> Vec<LogEntry> {
        let item = |seconds, recipe: &str| LogEntry {
            run: RunId::new(seconds, 1),
            recipe: recipe.parse().expect("a name"),
            n_round: 1,
            name: String::new(),
        };
        vec![
            item(1_200_000_000, "two"),
            item(1_200_000_000, "one"),
            item(1_100_000_000, "one"),
            item(900, "old"),
        ]
    }

    fn chosen(words: &[&str]) -> Vec<(String, String)> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let items = items();
        let chosen = choose(&items, &words).expect("something is meant");
        chosen.iter().map(|item| (item.run().to_string(), item.recipe().to_string())).collect()
    }

    #[test]
    fn words_name_recipes_runs_or_both() {
        let (new, old) = ("1200000000-00000001", "1100000000-00000001");
        let pair = |run: &str, recipe: &str| (run.to_owned(), recipe.to_owned());
        assert_eq!(chosen(&[]), [pair(new, "two"), pair(new, "one")]);
        assert_eq!(chosen(&["one"]), [pair(new, "one")]);
        assert_eq!(chosen(&["11"]), [pair(old, "one")]);
        assert_eq!(chosen(&["one", old]), [pair(old, "one")]);
        assert_eq!(chosen(&[new, "two"]), [pair(new, "two")]);
    }

    #[test]
    fn words_that_name_nothing_or_too_much_are_answered_with_names() {
        let items = items();
        let fault = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let report = choose(&items, &words).expect_err("nothing is meant");
            assert_eq!(report.exit, Exit::Usage);
            report.render(false)
        };
        assert!(fault(&["1"]).contains("1200000000-00000001, 1100000000-00000001"));
        assert!(fault(&["tow"]).contains("built: old, one, two"));
        assert!(fault(&["old", "two"]).contains("built: old"));
    }
}
