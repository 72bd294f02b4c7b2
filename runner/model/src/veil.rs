//! Names behind which a room shows nothing, and which tell who looked.
//!
//! A program that is content without a file that it does not find leaves no other trace of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{RoomPath, Root, TreePath};

/// What a plan shows the names of, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Veil {
    /// The directory that holds the names; inputs may lie in there.
    pub at: Root,
    /// Files and directories that seem to be missing for whoever opens one, or asks what it is.
    pub names: BTreeSet<TreePath>,
}

/// The same in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomVeil {
    /// The directory.
    pub at: RoomPath,
    /// The names.
    pub names: BTreeSet<TreePath>,
}
