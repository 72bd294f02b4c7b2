//! What came of many verifications, in a table.

use std::collections::BTreeMap;

use eadem_model::{Explanation, Verdict};
use eadem_report::{Case, finding};
use serde_json::json;

use crate::console::Console;

fn word(case: &Case) -> &'static str {
    case.verdict.map_or("error", Verdict::as_str)
}

/// The causes of a difference, or what stood in the way of a verdict.
fn why(case: &Case) -> String {
    if let Some(fault) = &case.fault {
        return fault.message.clone();
    }
    let explanation = case.record.as_ref().and_then(|record| record.explanation.as_ref());
    let causes = explanation.into_iter().flat_map(Explanation::causes);
    let why: Vec<String> = causes.map(|cause| finding::reason(&cause.cause)).collect();
    why.join(", ")
}

/// Prints a line for each recipe, and one that counts them.
pub(crate) fn say(console: &Console, cases: &[Case]) {
    if console.is_json() {
        console.json(&json!({"result": "summary", "recipes": cases.iter().map(value).collect::<Vec<_>>()}));
    } else {
        table(cases).iter().for_each(|line| console.print(line));
    }
}

fn value(case: &Case) -> serde_json::Value {
    json!({"recipe": case.recipe, "verdict": case.verdict, "why": why(case)})
}

fn table(cases: &[Case]) -> Vec<String> {
    let widest = |of: &dyn Fn(&Case) -> usize| cases.iter().map(of).max().unwrap_or_default();
    let (words, names) = (widest(&|case| word(case).len()), widest(&|case| case.recipe.as_str().len()));
    let line = |case: &Case| {
        let (word, name, why) = (word(case), case.recipe.as_str(), why(case));
        format!("{word:words$}  {name:names$}  {why}").trim_end().to_owned()
    };
    std::iter::once(String::new()).chain(cases.iter().map(line)).chain([counted(cases)]).collect()
}

fn counted(cases: &[Case]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for case in cases {
        *counts.entry(word(case)).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(word, n)| format!("{n} {word}")).collect();
    let recipes = if cases.len() == 1 { "recipe" } else { "recipes" };
    format!("{} {recipes}: {}", cases.len(), counts.join(", "))
}
