//! Which places are taken.

use std::collections::BTreeMap;

use eadem_model::TreePath;

use super::error::UnpackError;
use crate::{Node, NodeKind};

/// Every place that is taken, and by what.
#[derive(Default)]
pub(super) struct Names(BTreeMap<TreePath, Claim>);

pub(super) enum Claim {
    Directory { mode: u32, mtime: u64 },
    File,
    Symlink,
    Hardlink(TreePath),
}

impl Claim {
    pub(super) fn of(node: &Node) -> Self {
        match &node.kind {
            NodeKind::Directory => Self::Directory { mode: node.mode, mtime: node.mtime },
            NodeKind::File(_) => Self::File,
            NodeKind::Symlink(_) => Self::Symlink,
            NodeKind::Hardlink(target) => Self::Hardlink(target.clone()),
        }
    }
}

impl Names {
    /// Takes the place of an entry; gives the directories that must be made for it, parents first.
    pub(super) fn claim(&mut self, path: &TreePath, node: &Node) -> Result<Vec<TreePath>, UnpackError> {
        refuse_whiteout(path)?;
        let mut fresh = self.missing_parents(path)?;
        for parent in &fresh {
            self.0.insert(parent.clone(), Claim::Directory { mode: 0o755, mtime: node.mtime });
        }
        let is_directory = matches!(node.kind, NodeKind::Directory);
        match self.0.insert(path.clone(), Claim::of(node)) {
            None if is_directory => fresh.push(path.clone()),
            None => {}
            Some(Claim::Directory { .. }) if is_directory => {}
            Some(_) => return Err(UnpackError::Duplicate { path: path.clone() }),
        }
        Ok(fresh)
    }

    fn missing_parents(&self, path: &TreePath) -> Result<Vec<TreePath>, UnpackError> {
        let mut missing = Vec::new();
        let mut above = path.parent();
        while let Some(parent) = above {
            match self.0.get(&parent) {
                None => {}
                Some(Claim::Directory { .. }) => break,
                Some(_) => return Err(UnpackError::Through { path: path.clone(), parent }),
            }
            above = parent.parent();
            missing.push(parent);
        }
        missing.reverse();
        Ok(missing)
    }

    /// The hard links with their files, in byte order.
    pub(super) fn links(&self) -> impl Iterator<Item = Result<(&TreePath, &TreePath), UnpackError>> {
        self.0.iter().filter_map(|(path, claim)| {
            let Claim::Hardlink(target) = claim else { return None };
            Some(match self.0.get(target) {
                Some(Claim::File) => Ok((path, target)),
                _ => Err(UnpackError::Link { path: path.clone(), target: target.clone() }),
            })
        })
    }

    pub(super) fn directories(&self) -> impl Iterator<Item = (&TreePath, u32, u64)> {
        self.0.iter().filter_map(|(path, claim)| match claim {
            Claim::Directory { mode, mtime } => Some((path, *mode, *mtime)),
            _ => None,
        })
    }
}

fn refuse_whiteout(path: &TreePath) -> Result<(), UnpackError> {
    if path.as_str().split('/').any(|part| part.starts_with(".wh.")) {
        return Err(UnpackError::Whiteout { path: path.clone() });
    }
    Ok(())
}
