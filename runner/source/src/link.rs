//! Follows symbolic links on paper, to see whether they stay inside.

use eadem_model::TreePath;
use eadem_store::{Layer, NodeKind};

/// So many links are followed before a target counts as endless, as Linux does.
const MAX_LINKS: usize = 40;

/// Finds a symbolic link that leaves the layer's root, and its target.
///
/// A target counts as inside if every step on the way is: `a/../../b` leaves even where it would
/// come back. Targets that are not there are fine; cycles are not.
pub(crate) fn find_leaving(layer: &Layer) -> Option<(TreePath, String)> {
    let leaving = layer.entries().find_map(|(path, node)| match &node.kind {
        NodeKind::Symlink(target) if !stays_inside(layer, path, target) => Some((path, target)),
        _ => None,
    });
    leaving.map(|(path, target)| (path.clone(), target.clone()))
}

fn stays_inside(layer: &Layer, link: &TreePath, target: &str) -> bool {
    let mut place: Vec<String> = parts(link.as_str());
    place.pop();
    let mut n_links = 0;
    let mut todo: Vec<String> = if target.starts_with('/') { return false } else { steps(target) };
    while let Some(step) = todo.pop() {
        match step.as_str() {
            "" | "." => {}
            ".." => {
                if place.pop().is_none() {
                    return false;
                }
            }
            _ => match link_at(layer, &place, &step) {
                None => place.push(step),
                Some(next) if next.starts_with('/') || n_links == MAX_LINKS => return false,
                Some(next) => {
                    n_links += 1;
                    todo.extend(steps(next));
                }
            },
        }
    }
    true
}

fn parts(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}

/// The steps of a target, the first one last.
fn steps(target: &str) -> Vec<String> {
    target.rsplit('/').map(str::to_owned).collect()
}

fn link_at<'a>(layer: &'a Layer, place: &[String], step: &str) -> Option<&'a str> {
    let path = place.iter().map(String::as_str).chain([step]).collect::<Vec<_>>().join("/");
    // A step that is no clean path, such as one with a NUL, is nowhere in the layer.
    match &layer.get(&path.parse().ok()?)?.kind {
        NodeKind::Symlink(target) => Some(target),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry;

    fn leaving(links: &[(&str, &str)]) -> Option<String> {
        let mut layer = Layer::new();
        for (path, target) in links {
            layer.add(path.parse().expect("clean"), entry::symlink((*target).to_owned())).expect("new");
        }
        find_leaving(&layer).map(|(path, _)| path.to_string())
    }

    #[test]
    fn links_that_stay_inside_are_kept() {
        assert_eq!(leaving(&[("a/b", "../c"), ("x", "a/b"), ("y", "nowhere"), ("z", "./a/../x")]), None);
    }

    #[test]
    fn links_that_leave_are_found() {
        for target in ["/etc/passwd", "..", "../x", "a/../../b"] {
            assert_eq!(leaving(&[("link", target)]).as_deref(), Some("link"), "{target}");
        }
    }

    #[test]
    fn a_link_that_leaves_by_way_of_another_is_found() {
        // On paper `deep/up/..` stays inside; through the link it leaves.
        assert_eq!(leaving(&[("deep/up", ".."), ("out", "deep/up/../x")]).as_deref(), Some("out"));
    }

    #[test]
    fn links_in_a_circle_are_refused() {
        assert_eq!(leaving(&[("a", "b"), ("b", "a")]).as_deref(), Some("a"));
    }
}
