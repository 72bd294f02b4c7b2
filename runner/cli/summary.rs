//! What came of many verifications, in a table.

use std::collections::BTreeMap;

use eadem_model::{Explanation, Name, Record, Verdict};
use serde_json::json;

use crate::{console::Console, exit::Exit, explanation};

/// What came of one recipe.
#[derive(Debug)]
pub(crate) struct Row {
    recipe: Name,
    verdict: Option<Verdict>,
    exit: Exit,
    why: String,
}

impl Row {
    /// A verification that came to compare.
    pub(crate) fn of(record: &Record, exit: Exit) -> Self {
        let causes = record.explanation.iter().flat_map(Explanation::causes);
        let why: Vec<String> = causes.map(|cause| explanation::reason(&cause.cause)).collect();
        Self { recipe: record.recipe.clone(), verdict: record.verdict, exit, why: why.join(", ") }
    }

    /// One that did not, and what was said of that.
    pub(crate) fn failed(recipe: &Name, verdict: Option<Verdict>, exit: Exit, why: &str) -> Self {
        Self { recipe: recipe.clone(), verdict, exit, why: why.to_owned() }
    }

    fn word(&self) -> &'static str {
        self.verdict.map_or("error", Verdict::as_str)
    }
}

/// Prints a line for each recipe, and one that counts them.
pub(crate) fn say(console: &Console, rows: &[Row]) {
    if console.is_json() {
        console.json(&json!({"result": "summary", "recipes": rows.iter().map(value).collect::<Vec<_>>()}));
    } else {
        table(rows).iter().for_each(|line| console.print(line));
    }
}

fn value(row: &Row) -> serde_json::Value {
    json!({"recipe": row.recipe, "verdict": row.verdict, "exit": row.exit.code(), "why": row.why})
}

fn table(rows: &[Row]) -> Vec<String> {
    let widest = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let (words, names) = (widest(&|row| row.word().len()), widest(&|row| row.recipe.as_str().len()));
    let line = |row: &Row| {
        let (word, name, why) = (row.word(), row.recipe.as_str(), &row.why);
        format!("{word:words$}  {name:names$}  {why}").trim_end().to_owned()
    };
    std::iter::once(String::new()).chain(rows.iter().map(line)).chain([counted(rows)]).collect()
}

fn counted(rows: &[Row]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.word()).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(word, n)| format!("{n} {word}")).collect();
    let recipes = if rows.len() == 1 { "recipe" } else { "recipes" };
    format!("{} {recipes}: {}", rows.len(), counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_recipe_has_a_line_and_all_are_counted() {
        let row = |name: &str, verdict, exit, why: &str| {
            Row::failed(&name.parse().expect("a name"), verdict, exit, why)
        };
        let rows = [
            row("bat", Some(Verdict::Reproducible), Exit::Done, ""),
            row("busybox", Some(Verdict::Differs), Exit::Differs, "the time"),
            row("zip", None, Exit::Lock, "recipes/zip.lock is missing"),
        ];
        let expected = "
reproducible  bat
differs       busybox  the time
error         zip      recipes/zip.lock is missing
3 recipes: 1 differs, 1 error, 1 reproducible";
        assert_eq!(table(&rows).join("\n"), expected);
    }
}
