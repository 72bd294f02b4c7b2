//! What stands in for maintainer scripts: a fixed list of changes to the unpacked root.
//!
//! The list has a version, which a lock names: another list would give another image.

mod account;
mod alternative;
mod certificate;
mod database;
mod default;
mod directory;
mod loader;

use std::{collections::BTreeMap, io};

use eadem_model::{Event, ImageLock};
use eadem_store::Node;

use crate::{
    Events,
    deb::Deb,
    root::{Root, RootError},
};

/// The version of the list that new locks follow.
///
/// 2: dpkg's database also says what programs that use a library of a package must depend on.
pub(crate) const VERSION: u32 = 2;

/// The first version that locks may still follow.
pub(crate) const FIRST: u32 = 1;

/// The unpacked packages by name.
pub(crate) type Debs = BTreeMap<String, Deb>;

/// Why the root cannot be finished.
#[derive(Debug, thiserror::Error)]
pub enum FixupError {
    /// Entries exclude each other.
    #[error(transparent)]
    Root(#[from] RootError),
    /// A file that a fix-up reads cannot be read.
    #[error("a file of the image cannot be read back")]
    Io(#[from] io::Error),
    /// The loader is told of a directory that it finds only through a cache, which nothing makes.
    #[error("`{file}` names `{dir}`, which the loader does not search without a cache")]
    Loader {
        /// The configuration.
        file: String,
        /// The directory.
        dir: String,
    },
}

/// Applies the list.
pub(crate) fn apply(
    lock: &ImageLock,
    debs: &Debs,
    root: &mut Root,
    events: Events<'_>,
) -> Result<(), FixupError> {
    directory::make(lock.architecture, root)?;
    default::copy(root)?;
    account::make(root)?;
    certificate::bundle(root)?;
    alternative::link(debs, root)?;
    for warning in alternative::unhandled(debs, &lock.links) {
        events(Event::Warning { message: warning });
    }
    loader::check(root)?;
    database::write(lock, debs, root)?;
    for (place, target) in &lock.links {
        root.demand(place, Node::symlink(target, root.epoch()))?;
    }
    Ok(())
}
