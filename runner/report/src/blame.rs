//! The units that differ, in words.

use eadem_model::{Blame, UnitsCheck};

/// What is said of the units that differ, a line each.
pub fn blamed(check: &UnitsCheck) -> Vec<String> {
    let guilty = check.guilty.iter().map(|blame| format!("blamed: {}", worded(blame)));
    let followers = check.followers.iter().map(|blame| format!("follows: {}", named(blame)));
    guilty.chain(followers).collect()
}

/// The unit, and which of its outputs differ.
pub fn worded(blame: &Blame) -> String {
    let macros = match blame.macros.as_slice() {
        [] => String::new(),
        macros => format!(", which runs macros of {}", macros.join(", ")),
    };
    let outputs = blame.outputs.iter().map(|output| format!("`{output}`")).collect::<Vec<_>>().join(", ");
    let verb = if blame.outputs.len() == 1 { "differs" } else { "differ" };
    format!("{}{macros}: {outputs} {verb}", named(blame))
}

fn named(Blame { package, duty, .. }: &Blame) -> String {
    format!("the {duty} of {package}")
}
