//! Where the entries of a foreign archive go, and what of them is kept.

use std::{
    collections::{BTreeMap, btree_map},
    path::Path,
};

use eadem_model::{DEFAULT_EPOCH, TreePath};
use eadem_store::{Content, Node, NodeKind};

use crate::fault::ArchiveFault;

/// The time of every entry of a source layer: cargo compares times of sources only within one
/// build, and some packers refuse what is older than zip.
pub(crate) const MTIME: u64 = DEFAULT_EPOCH;

/// A node as source layers have it: no owner, one time.
pub(crate) fn node(mode: u32, kind: NodeKind) -> Node {
    Node { mode, uid: 0, gid: 0, mtime: MTIME, kind }
}

/// A directory of a source layer.
pub(crate) fn directory() -> Node {
    node(0o755, NodeKind::Directory)
}

/// A file of a source layer; of its mode only "executable by its owner or not" is kept.
pub(crate) fn file(mode: u32, content: Content) -> Node {
    let mode = if mode & 0o100 == 0 { 0o644 } else { 0o755 };
    node(mode, NodeKind::File(content))
}

/// A symbolic link of a source layer.
pub(crate) fn symlink(target: String) -> Node {
    node(0o777, NodeKind::Symlink(target))
}

/// Which leading directories of an archive's names are dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Strip {
    /// Exactly this one, which every entry must have: `NAME-VERSION` of a crate.
    Named(String),
    /// So many, whatever their names.
    Count(u32),
}

impl Strip {
    /// The entry's place, or `None` if it is one of the dropped directories itself.
    ///
    /// # Errors
    /// A name that is no clean relative path, or that does not have the dropped directories.
    pub(crate) fn place(&self, name: &[u8]) -> Result<Option<TreePath>, ArchiveFault> {
        let name = std::str::from_utf8(name).map_err(|_| ArchiveFault::NotText { entry: lossy(name) })?;
        let clean = name.strip_prefix("./").unwrap_or(name);
        let clean = clean.strip_suffix('/').unwrap_or(clean);
        if matches!(clean, "" | ".") && !name.starts_with('/') {
            return Ok(None);
        }
        let path: TreePath =
            clean.parse().map_err(|source| ArchiveFault::Name { entry: name.to_owned(), source })?;
        self.drop_leading(&path)
    }

    fn drop_leading(&self, path: &TreePath) -> Result<Option<TreePath>, ArchiveFault> {
        let n_drop = match self {
            Self::Named(_) => 1,
            Self::Count(count) => *count as usize,
        };
        let mut parts = path.as_str().splitn(n_drop + 1, '/');
        let dropped: Vec<&str> = parts.by_ref().take(n_drop).collect();
        if let Self::Named(top) = self
            && dropped != [top.as_str()]
        {
            return Err(ArchiveFault::OtherTop { entry: path.to_string(), top: top.clone() });
        }
        Ok(parts.next().map(|rest| rest.parse().expect("a part of a clean path is clean")))
    }
}

fn lossy(name: &[u8]) -> String {
    Path::new(&*String::from_utf8_lossy(name)).display().to_string()
}

/// The spellings of an archive's paths: two that differ by case alone are one on some machines.
#[derive(Default)]
pub(crate) struct Spellings(BTreeMap<String, TreePath>);

impl Spellings {
    /// Takes a path and the directories above it.
    pub(crate) fn take(&mut self, path: &TreePath) -> Result<(), ArchiveFault> {
        let mut above = Some(path.clone());
        while let Some(path) = above {
            above = path.parent();
            match self.0.entry(path.as_str().to_lowercase()) {
                btree_map::Entry::Vacant(free) => drop(free.insert(path)),
                btree_map::Entry::Occupied(taken) if *taken.get() == path => break,
                btree_map::Entry::Occupied(taken) => {
                    let other = taken.get().to_string();
                    return Err(ArchiveFault::Case { entry: path.to_string(), other });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn leading_directories_are_dropped() {
        let named = Strip::Named("a-1".to_owned());
        let place = |strip: &Strip, name: &str| {
            strip.place(name.as_bytes()).map(|path| path.map(|path| path.to_string()))
        };
        assert_eq!(place(&named, "a-1/src/lib.rs").expect("fine").as_deref(), Some("src/lib.rs"));
        assert_eq!(place(&named, "./a-1/").expect("fine"), None);
        assert_eq!(place(&Strip::Count(2), "x/y/z").expect("fine").as_deref(), Some("z"));
        assert_eq!(place(&Strip::Count(2), "x/y").expect("fine"), None);
        assert_eq!(place(&Strip::Count(0), "x").expect("fine").as_deref(), Some("x"));
        assert!(matches!(place(&named, "b-1/x"), Err(ArchiveFault::OtherTop { .. })));
    }

    #[test]
    fn paths_that_differ_by_case_alone_are_refused() {
        let mut spellings = Spellings::default();
        let mut take = |path: &str| spellings.take(&path.parse().expect("clean"));
        take("src/a").expect("new");
        take("src/b").expect("new");
        assert!(matches!(take("src/A"), Err(ArchiveFault::Case { .. })));
        assert!(matches!(take("SRC/c"), Err(ArchiveFault::Case { .. })));
    }

    proptest! {
        #[test]
        fn no_name_whatever_leaves_the_tree(name in "([./a\\\\\0é]|\\.\\./){0,12}", count in 0_u32..3) {
            if let Ok(Some(path)) = Strip::Count(count).place(name.as_bytes()) {
                prop_assert!(!path.as_str().starts_with('/'));
                prop_assert!(path.as_str().split('/').all(|part| !matches!(part, "" | "." | "..")));
                prop_assert!(!path.as_str().contains('\0'));
            }
        }

        #[test]
        fn bytes_that_are_no_text_are_refused_or_clean(name in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Ok(Some(path)) = Strip::Count(0).place(&name) {
                prop_assert!(std::str::from_utf8(&name).is_ok());
                prop_assert!(path.as_str().parse::<TreePath>().is_ok());
            }
        }

        #[test]
        fn a_name_with_two_dots_is_never_placed(before in "[a-c]{1,3}", after in "[a-c]{1,3}") {
            let name = format!("{before}/../{after}");
            prop_assert!(Strip::Count(1).place(name.as_bytes()).is_err(), "{}", name);
        }
    }
}
