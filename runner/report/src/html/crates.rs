//! The crates of a build and how each stands.

use maud::{Markup, html};

use super::{shown, wide};
use crate::{Case, Crate, State, graph};

const STATES: [State; 5] = [State::Guilty, State::Follower, State::Same, State::Unchecked, State::Absent];

/// A picture, and a table that says the same.
pub(super) fn section(case: &Case) -> Markup {
    let crates = &case.crates;
    let picture = graph::picture(crates, &format!("{}-graph", case.recipe));
    html! {
        @if !crates.is_empty() {
            section {
                h3 { "Crates" }
                (legend(crates))
                @if let Some(picture) = picture { (wide(&format!("Graph of the crates of {}", case.recipe), &picture)) }
                details {
                    summary { (counted(crates.len())) }
                    (wide(&format!("Crates of {}", case.recipe), &table(crates)))
                }
            }
        }
    }
}

fn counted(n: usize) -> String {
    if n == 1 { "The one crate".to_owned() } else { format!("All {n} crates") }
}

/// How many there are of each state that there is, and what it means.
fn legend(crates: &[Crate]) -> Markup {
    let count = |state: State| crates.iter().filter(|krate| krate.state == state).count();
    html! {
        ul.legend {
            @for state in STATES.into_iter().filter(|state| count(*state) > 0) {
                li { (named(state)) " " (count(state)) ": " (state.meaning()) }
            }
        }
    }
}

fn table(crates: &[Crate]) -> Markup {
    let mut crates: Vec<&Crate> = crates.iter().collect();
    crates.sort_by_key(|krate| (krate.state, &krate.name));
    html! {
        table {
            thead { tr { th scope="col" { "crate" } th scope="col" { "state" } th scope="col" { "depends on" } } }
            tbody {
                @for krate in crates {
                    tr {
                        th scope="row" { (shown(&krate.name)) }
                        td { (named(krate.state)) }
                        td { (shown(&krate.needs.join(", "))) }
                    }
                }
            }
        }
    }
}

fn named(state: State) -> Markup {
    html! {
        span class=(format!("state {}", graph::class(state))) {
            span aria-hidden="true" { (state.sign()) " " } (state.as_str())
        }
    }
}
