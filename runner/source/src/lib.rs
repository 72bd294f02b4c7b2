//! eadem's source layers: everything that a recipe builds from, as one read-only layer.
//!
//! A layer holds `src` (the recipe's own source) and `cargo` (a CARGO_HOME whose only registry is a
//! directory of vendored crates). It depends on the recipe's lock alone.
//!
//! *Power*: the store; and reading directories of the project. *May import*: model, store.
//! *Never*: the network (it asks a `Fetcher`), a process; runs or interprets nothing of a source.

mod archive;
mod bound;
mod debian;
mod dependency;
mod directory;
mod entry;
mod error;
mod fault;
mod format;
mod layer;
mod link;
mod lock;
mod lockfile;
mod own;
#[cfg(test)]
mod tar_by_hand;
mod vendor;
#[cfg(test)]
mod world;

pub use debian::{DebianError, DebianFault, PatchFault};
pub use dependency::dependencies;
pub use directory::DirectoryError;
pub use error::SourceError;
pub use fault::{ArchiveError, ArchiveFault};
pub use layer::source_layer;
pub use lock::{LockedSources, lock_sources};
pub use lockfile::LockfileError;
