//! The units that differ, in words.

use eadem_model::{Blame, Explanation, UnitsCheck};

use crate::finding;

/// What is said of the units that differ, a line each.
pub fn blamed(check: &UnitsCheck) -> Vec<String> {
    let guilty = check.guilty.iter().flat_map(|blame| {
        let causes = blame.explanation.iter().flat_map(Explanation::causes).flat_map(finding::cause);
        let causes = causes.map(|line| format!("  {line}"));
        std::iter::once(format!("blamed: {}", worded(blame))).chain(causes)
    });
    let followers = check.followers.iter().map(|blame| format!("follows: {}", blame.name()));
    guilty.chain(followers).collect()
}

/// The unit, and which of its outputs differ.
pub fn worded(blame: &Blame) -> String {
    let macros = match blame.macros.as_slice() {
        [] => String::new(),
        macros => format!(", which may run macros of {}", macros.join(", ")),
    };
    let outputs = blame.outputs.iter().map(|output| format!("`{output}`")).collect::<Vec<_>>().join(", ");
    let verb = if blame.outputs.len() == 1 { "differs" } else { "differ" };
    format!("{}{macros}: {outputs} {verb}", blame.name())
}
