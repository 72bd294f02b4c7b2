//! The files of one side, wherever they are.

use std::collections::BTreeMap;

use crate::{
    Node,
    archive::{Content, Member},
    explain::Side,
};

/// Files by name.
pub(crate) trait Files {
    /// All names, sorted.
    fn names(&self) -> Vec<&str>;

    /// Whether there is one of a name.
    fn has(&self, name: &str) -> bool;

    /// The bytes of one; none if it is not there or cannot be read.
    fn open(&self, name: &str) -> Option<Box<dyn AsRef<[u8]> + '_>>;
}

/// Files of a tree.
pub(crate) struct OfTree<'a>(pub(crate) Side<'a>);

impl Files for OfTree<'_> {
    fn names(&self) -> Vec<&str> {
        self.0.0.keys().map(String::as_str).collect()
    }

    fn has(&self, name: &str) -> bool {
        matches!(self.0.0.get(name), Some(Node::File { .. }))
    }

    fn open(&self, name: &str) -> Option<Box<dyn AsRef<[u8]> + '_>> {
        self.0.1.open(name).ok().filter(|_| self.has(name))
    }
}

/// Members of an archive.
pub(crate) struct OfMembers<'a>(BTreeMap<String, &'a [u8]>);

impl<'a> OfMembers<'a> {
    /// Members that are not packed by themselves; of two with one name, the last.
    pub(crate) fn of(members: &[Member<'a>]) -> Self {
        let plain = members.iter().filter_map(|member| match member.content {
            Content::Plain(bytes) => Some((name(&member.name).to_owned(), bytes)),
            _ => None,
        });
        Self(plain.collect())
    }
}

/// A name as an image refers to it.
pub(crate) fn name(name: &str) -> &str {
    name.strip_prefix("./").unwrap_or(name)
}

impl Files for OfMembers<'_> {
    fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn open(&self, name: &str) -> Option<Box<dyn AsRef<[u8]> + '_>> {
        let bytes = *self.0.get(name)?;
        Some(Box::new(bytes))
    }
}
