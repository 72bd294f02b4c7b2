//! What a build has of other recipes.

use serde::{Deserialize, Serialize};

use crate::{Digest, Name, RoomPath, Setting, TreePath, furniture};

/// What a recipe asks of another one: `{recipe: zlib, at: /build/deps/zlib}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// The other recipe.
    pub recipe: Name,
    /// Where its outputs are shown, read-only; the same place in every round.
    pub at: RoomPath,
}

/// What a plan shows of another recipe's outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supply {
    /// The outputs as a layer, by the digest of its uncompressed tar.
    pub layer: Digest,
    /// Where the room shows them.
    pub at: RoomPath,
}

/// The outputs of another recipe that a build had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supplied {
    /// The other recipe.
    pub recipe: Name,
    /// The digest of its tree.
    pub tree: Digest,
    /// What the plan shows of it.
    #[serde(flatten)]
    pub supply: Supply,
}

impl Supply {
    /// The directory of the layer that holds the outputs: what a room shows is a part of a layer.
    pub fn subpath() -> TreePath {
        "out".parse().expect("a clean path")
    }
}

impl Need {
    /// Why no room can show these where they are to be, if that is so.
    pub(crate) fn contradiction(needs: &[Self]) -> Option<String> {
        let roots = Setting::baseline().directories();
        for (index, Self { recipe, at }) in needs.iter().enumerate() {
            if furniture::is_taken(at) {
                return Some(format!(
                    "`needs` shows `{recipe}` at `{at}`, where each room has something of its own"
                ));
            }
            let others = needs[..index].iter().map(|need| &need.at);
            if let Some(other) = others.chain(&roots).find(|other| furniture::overlap(at, other)) {
                return Some(format!("`needs` shows `{recipe}` at `{at}`, which overlaps `{other}`"));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(at: &str) -> Need {
        Need { recipe: "zlib".parse().expect("a name"), at: at.parse().expect("clean") }
    }

    #[test]
    fn what_is_needed_lies_apart_from_all_that_a_room_has() {
        for good in ["/build/deps/zlib", "/opt/zlib", "/usr/local/zlib", "/build/sources"] {
            assert_eq!(Need::contradiction(&[need(good)]), None, "{good}");
        }
        for bad in [
            "/etc/zlib",
            "/proc",
            "/tmp/x",
            "/var/tmp/x",
            "/build",
            "/build/src/deps",
            "/home",
            "/build/target",
        ] {
            let said = Need::contradiction(&[need(bad)]).unwrap_or_else(|| panic!("{bad} is borne"));
            assert!(said.contains(bad), "{said}");
        }
    }

    #[test]
    fn two_needs_lie_apart_from_each_other() {
        assert_eq!(Need::contradiction(&[need("/opt/a"), need("/opt/ab")]), None);
        for (one, other) in [("/opt/a", "/opt/a"), ("/opt/a", "/opt/a/b"), ("/opt/a/b", "/opt/a")] {
            let said = Need::contradiction(&[need(one), need(other)]).expect("they overlap");
            assert_eq!(said, format!("`needs` shows `zlib` at `{other}`, which overlaps `{one}`"));
        }
    }
}
