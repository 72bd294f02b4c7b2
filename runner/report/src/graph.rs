//! The crates of a build as a picture: who depends on whom, and how each stands.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use crate::{Crate, State, text};

/// How many crates a picture has at most; with more, only those that differ are drawn.
const MOST: usize = 60;

const WIDTH: usize = 208;
const HEIGHT: usize = 34;
const ACROSS: usize = 272;
const DOWN: usize = 46;
const MARGIN: usize = 8;
/// Letters of a name that fit into a box.
const LETTERS: usize = 24;

/// A crate's place in the picture.
struct Node<'a> {
    krate: &'a Crate,
    column: usize,
    row: usize,
}

/// Draws the crates that are of interest; nothing if there is nothing to be seen.
pub(crate) fn picture(crates: &[Crate], id: &str) -> Option<Markup> {
    let shown = of_interest(crates);
    if shown.len() < 2 {
        return None;
    }
    let nodes = place(&shown);
    let columns = nodes.iter().map(|node| node.column + 1).max()?;
    let rows = nodes.iter().map(|node| node.row + 1).max()?;
    let (width, height) = (columns * ACROSS - (ACROSS - WIDTH) + 2 * MARGIN, rows * DOWN + MARGIN);
    Some(html! {
        svg role="img" aria-labelledby=(id) width=(width) height=(height) viewBox=(format!("0 0 {width} {height}")) {
            title id=(id) { (title(&shown, crates.len())) }
            @for path in edges(&nodes) { (path) }
            @for node in &nodes { (boxed(node)) }
        }
    })
}

fn title(shown: &[&Crate], total: usize) -> String {
    let counted = |state: State| shown.iter().filter(|krate| krate.state == state).count();
    format!(
        "{} of {total} crates and what they depend on: {} guilty, {} following; the table below says the same",
        shown.len(),
        counted(State::Guilty),
        counted(State::Follower)
    )
}

/// Those of the build; of many, those that differ.
fn of_interest(crates: &[Crate]) -> Vec<&Crate> {
    let built: Vec<&Crate> = crates.iter().filter(|krate| krate.state != State::Absent).collect();
    if built.len() <= MOST {
        return built;
    }
    let differs = |krate: &&Crate| matches!(krate.state, State::Guilty | State::Follower);
    built.into_iter().filter(differs).take(MOST).collect()
}

/// Users stand to the left of what they depend on.
fn place<'a>(crates: &[&'a Crate]) -> Vec<Node<'a>> {
    let known: BTreeMap<&str, &Crate> = crates.iter().map(|krate| (krate.name.as_str(), *krate)).collect();
    let mut columns = BTreeMap::new();
    for krate in roots(&known) {
        sink(krate, 0, &known, &mut columns, &mut BTreeSet::new());
    }
    let mut rows: BTreeMap<usize, usize> = BTreeMap::new();
    let node = |krate: &&'a Crate| {
        let column = columns.get(krate.name.as_str()).copied().unwrap_or_default();
        let next = rows.entry(column).or_default();
        *next += 1;
        Node { krate, column, row: *next - 1 }
    };
    crates.iter().map(node).collect()
}

/// Crates that nobody needs; all of them if each is needed by another one in a circle.
fn roots<'a>(known: &BTreeMap<&'a str, &'a Crate>) -> Vec<&'a Crate> {
    let needed: BTreeSet<&str> = known.values().flat_map(|krate| &krate.needs).map(String::as_str).collect();
    let roots: Vec<&Crate> =
        known.values().filter(|krate| !needed.contains(krate.name.as_str())).copied().collect();
    if roots.is_empty() { known.values().copied().collect() } else { roots }
}

/// Moves a crate, and all below it, at least as far as `column`; a circle is not gone round.
fn sink<'a>(
    krate: &'a Crate,
    column: usize,
    known: &BTreeMap<&'a str, &'a Crate>,
    columns: &mut BTreeMap<&'a str, usize>,
    above: &mut BTreeSet<&'a str>,
) {
    let name = krate.name.as_str();
    if columns.get(name).is_some_and(|old| *old >= column) || !above.insert(name) {
        return;
    }
    columns.insert(name, column);
    for need in krate.needs.iter().filter_map(|need| known.get(need.as_str())) {
        sink(need, column + 1, known, columns, above);
    }
    above.remove(name);
}

fn edges(nodes: &[Node<'_>]) -> Vec<Markup> {
    let known: BTreeMap<&str, &Node<'_>> =
        nodes.iter().map(|node| (node.krate.name.as_str(), node)).collect();
    let to = |from: &Node<'_>, need: &String| {
        let to = known.get(need.as_str())?;
        let is_blamed = |node: &Node<'_>| matches!(node.krate.state, State::Guilty | State::Follower);
        let class = if is_blamed(from) && is_blamed(to) { "edge blamed" } else { "edge" };
        Some(html! { path class=(class) d=(curve(from, to)) {} })
    };
    nodes.iter().flat_map(|from| from.krate.needs.iter().filter_map(move |need| to(from, need))).collect()
}

fn curve(from: &Node<'_>, to: &Node<'_>) -> String {
    let (x1, y1) = (left(from) + WIDTH, top(from) + HEIGHT / 2);
    let (x2, y2) = (left(to), top(to) + HEIGHT / 2);
    let bend = (ACROSS - WIDTH) / 2;
    format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 + bend, x2.saturating_sub(bend))
}

fn left(node: &Node<'_>) -> usize {
    MARGIN + node.column * ACROSS
}

fn top(node: &Node<'_>) -> usize {
    MARGIN + node.row * DOWN
}

fn boxed(node: &Node<'_>) -> Markup {
    let Crate { name, state, .. } = node.krate;
    let name = text::line(name);
    let short = shortened(&name);
    html! {
        g class=(class(*state)) {
            rect x=(left(node)) y=(top(node)) width=(WIDTH) height=(HEIGHT) rx="6" {}
            text x=(left(node) + 10) y=(top(node) + 22) { (state.sign()) " " (short) }
        }
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LETTERS {
        return name.to_owned();
    }
    name.chars().take(LETTERS - 1).chain(['…']).collect()
}

/// The class of a state, as the style knows it.
pub(crate) const fn class(state: State) -> &'static str {
    match state {
        State::Guilty => "guilty",
        State::Follower => "follower",
        State::Same => "same",
        State::Unchecked => "unchecked",
        State::Absent => "absent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(name: &str, needs: &[&str]) -> Crate {
        Crate {
            name: name.to_owned(),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            state: State::Same,
        }
    }

    fn places(crates: &[Crate]) -> Vec<(&str, usize, usize)> {
        let nodes = place(&crates.iter().collect::<Vec<_>>());
        nodes.iter().map(|node| (node.krate.name.as_str(), node.column, node.row)).collect()
    }

    #[test]
    fn users_stand_before_what_they_need_by_any_way() {
        let crates = [krate("app", &["base", "user"]), krate("base", &[]), krate("user", &["base"])];
        assert_eq!(places(&crates), [("app", 0, 0), ("base", 2, 0), ("user", 1, 0)]);
    }

    #[test]
    fn a_circle_has_an_end() {
        let crates = [krate("a", &["b"]), krate("b", &["a", "c"]), krate("c", &[])];
        assert!(places(&crates).iter().all(|(_, column, _)| *column <= 3));
    }

    #[test]
    fn of_very_many_crates_those_that_differ_are_drawn() {
        let mut crates: Vec<Crate> = (0..500).map(|n| krate(&format!("c{n:03}"), &[])).collect();
        crates[7].state = State::Guilty;
        crates[8].state = State::Follower;
        let names: Vec<&str> = of_interest(&crates).iter().map(|krate| krate.name.as_str()).collect();
        assert_eq!(names, ["c007", "c008"]);
    }
}
