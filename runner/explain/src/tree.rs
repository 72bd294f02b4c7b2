//! Two trees, name by name.

use eadem_model::{Change, Confidence, Reason, Spot};

use crate::{
    Node,
    explain::{Search, Side},
    oci::{self, OfTree},
};

/// Compares what stands at each name of either side.
pub(crate) fn compare(search: &Search<'_>, first: Side<'_>, second: Side<'_>) {
    let mut names: Vec<&String> = first.0.keys().chain(second.0.keys()).collect();
    names.sort();
    names.dedup();
    let covered = images(search, first, second);
    for name in names.into_iter().filter(|name| !is_covered(&covered, name, [first, second])) {
        let place = [Spot::File(name.clone())];
        match (first.0.get(name), second.0.get(name)) {
            (Some(left), Some(right)) => nodes(search, &place, [(left, first), (right, second)]),
            (left, _) => {
                search.find(&place, Change::Only { side: if left.is_some() { 1 } else { 2 } }, Vec::new());
            }
        }
    }
}

/// Compares container images, whose files have other names when they differ.
fn images(search: &Search<'_>, first: Side<'_>, second: Side<'_>) -> oci::Covered {
    let place = |name: &str| [(); 2].map(|()| vec![Spot::File(name.to_owned())]);
    oci::compare(search, [&OfTree(first), &OfTree(second)], place)
}

/// Whether all that stands at a name was compared with what has another name on the other side.
fn is_covered(covered: &oci::Covered, name: &str, sides: [Side<'_>; 2]) -> bool {
    let is_done = |n: usize| covered[n].contains(name) || !sides[n].0.contains_key(name);
    is_done(0) && is_done(1)
}

fn nodes(search: &Search<'_>, place: &[Spot], sides: [(&Node, Side<'_>); 2]) {
    let [(left, first), (right, second)] = sides;
    match (left, right) {
        (Node::File { mode: left, .. }, Node::File { mode: right, .. }) => {
            let before = search.n_findings();
            if left != right {
                attribute(search, place, "mode", [format!("{left:04o}"), format!("{right:04o}")]);
            }
            contents(search, before, place, [first, second]);
        }
        (Node::Link { target: left }, Node::Link { target: right }) => {
            if left != right {
                attribute(search, place, "link", [left.clone(), right.clone()]);
            }
        }
        (left, right) if kind(left) == kind(right) => {}
        (left, right) => {
            let values = [kind(left), kind(right)].map(str::to_owned);
            search.find(place, Change::Kind { values }, Vec::new());
        }
    }
}

fn attribute(search: &Search<'_>, place: &[Spot], name: &str, values: [String; 2]) {
    let causes = match name {
        "mode" => vec![crate::cause::cause(Reason::Mode, crate::cause::quoted(&values), Confidence::Likely)],
        _ => crate::cause::of_texts(&values[0], &values[1], search.known),
    };
    search.find(place, Change::Attribute { name: name.to_owned(), values, members: 1 }, causes);
}

/// Compares the bytes of a file of which something was found since there were `before` findings.
fn contents(search: &Search<'_>, before: usize, place: &[Spot], sides: [Side<'_>; 2]) {
    let [Spot::File(name)] = place else { return };
    match sides.map(|(_, blobs)| blobs.open(name)) {
        [Ok(first), Ok(second)] => search.compare(before, place, (*first).as_ref(), (*second).as_ref()),
        [Err(error), _] | [_, Err(error)] => search.unread(error.0),
    }
}

fn kind(node: &Node) -> &'static str {
    match node {
        Node::Directory => "a directory",
        Node::File { .. } => "a file",
        Node::Link { .. } => "a link",
        Node::Other => "a special file",
    }
}
