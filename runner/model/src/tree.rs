//! What a build left, as a value that can be compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, TreePath};

/// A directory of outputs: entries in byte order, with digests, without owners and times.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tree {
    /// Every entry but the root.
    pub entries: BTreeMap<TreePath, Entry>,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Entry {
    /// A directory, mode 0755.
    Directory,
    /// A file, mode 0644, or 0755 if executable.
    File {
        /// Its content.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
        /// Whether it may be run.
        executable: bool,
    },
    /// A symbolic link.
    Symlink {
        /// Its target as the build wrote it.
        target: String,
    },
}

impl Tree {
    /// The bytes that the tree is stored as.
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::canonical_json(self)
    }

    /// The tree's identity.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Its files and what they hold.
    pub fn files(&self) -> impl Iterator<Item = (&TreePath, Digest)> {
        self.entries.iter().filter_map(|(path, entry)| match entry {
            Entry::File { digest, .. } => Some((path, *digest)),
            _ => None,
        })
    }

    /// Whether an entry is a link to something that the tree does not hold.
    ///
    /// Two trees with such a link may be equal while what is meant by them is not.
    pub fn leads_out(&self, path: &TreePath) -> bool {
        matches!(self.entries.get(path), Some(Entry::Symlink { target }) if !self.holds(path, target))
    }

    /// Whether a link's target, read from where the link stands, is an entry.
    fn holds(&self, link: &TreePath, target: &str) -> bool {
        let mut parts: Vec<&str> = link.as_str().split('/').collect();
        parts.pop();
        for part in target.split('/') {
            match part {
                "." => {}
                ".." if parts.pop().is_some() => {}
                ".." => return false,
                part => parts.push(part),
            }
        }
        parts.join("/").parse().is_ok_and(|path: TreePath| self.entries.contains_key(&path))
    }

    /// The places at which two trees differ, in byte order.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut paths: Vec<&TreePath> = self.entries.keys().chain(other.entries.keys()).collect();
        paths.sort();
        paths.dedup();
        let differs = |path: &&TreePath| self.entries.get(*path) != other.entries.get(*path);
        let difference = |path: &TreePath| Difference {
            path: path.clone(),
            first: self.entries.get(path).cloned(),
            second: other.entries.get(path).cloned(),
        };
        paths.into_iter().filter(differs).map(difference).collect()
    }
}

/// One place at which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where.
    pub path: TreePath,
    /// What the first tree has there.
    pub first: Option<Entry>,
    /// What the second tree has there.
    pub second: Option<Entry>,
}

/// An output that differs, and where its bytes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputDifference {
    /// The two entries.
    pub entries: Difference,
    /// The first byte at which two files differ.
    pub first_offset: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8], executable: bool) -> Entry {
        Entry::File { digest: Digest::of(content), size: content.len() as u64, executable }
    }

    fn tree(entries: &[(&str, Entry)]) -> Tree {
        let entry = |(path, entry): &(&str, Entry)| (path.parse().expect("clean"), entry.clone());
        Tree { entries: entries.iter().map(entry).collect() }
    }

    #[test]
    fn the_digest_of_a_small_tree_is_the_known_one() {
        let tree = tree(&[("bin", Entry::Directory), ("bin/a", file(b"a", true))]);
        assert_eq!(
            tree.digest().to_string(),
            "sha256:45d46d053684519d9b7138d5746c8ec8d8912c08a8e892c0ccd1c4462caf4993"
        );
    }

    #[test]
    fn a_link_to_what_the_tree_does_not_hold_is_found() {
        let link = |target: &str| Entry::Symlink { target: target.to_owned() };
        let with = |target: &str| {
            tree(&[("bin", Entry::Directory), ("bin/a", file(b"a", true)), ("bin/b", link(target))])
        };
        for target in ["a", "./a", "../bin/a"] {
            assert!(!with(target).leads_out(&"bin/b".parse().expect("clean")), "{target}");
        }
        for target in ["c", "/bin/a", "../../bin/a", "../a"] {
            assert!(with(target).leads_out(&"bin/b".parse().expect("clean")), "{target}");
        }
    }

    #[test]
    fn every_difference_is_listed_in_order() {
        let first = tree(&[("a", file(b"1", false)), ("b", file(b"2", false)), ("c", file(b"3", false))]);
        let second = tree(&[("b", file(b"2", true)), ("c", file(b"3", false)), ("d", file(b"4", false))]);
        let paths: Vec<String> =
            first.differences(&second).iter().map(|difference| difference.path.to_string()).collect();
        assert_eq!(paths, ["a", "b", "d"]);
        assert!(first.differences(&first).is_empty());
    }
}
