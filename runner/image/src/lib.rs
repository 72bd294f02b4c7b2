//! Root file systems assembled from a distribution's packages: the same lock gives the same image.
//!
//! Packages are unpacked and a listed set of fix-ups takes the place of their maintainer scripts:
//! nothing of a package is ever run.
//!
//! *Power*: the store only. *May import*: model, store. *Never*: the network (it asks a
//! [`eadem_model::Fetcher`]), a process, a clock, the environment, a terminal.

mod ar;
mod archive;
mod assemble;
mod control;
mod date;
mod deb;
mod decode;
mod error;
#[cfg(test)]
mod fixture;
mod fixup;
mod group;
mod inspect;
mod keyring;
mod lock;
mod oci;
mod relation;
mod release;
mod resolve;
mod root;
mod source_package;
mod suite;
mod universe;
mod unpack;
mod usrmerge;
mod version;

pub use archive::EntryFault;
pub use assemble::{BuiltImage, COMPRESSOR, build};
pub use control::ControlError;
pub use date::{parse_release as parse_date, rfc3339};
pub use deb::DebError;
pub use error::{Blame, ImageError};
pub use fixup::FixupError;
pub use inspect::{ImageReport, inspect};
pub use keyring::SignatureError;
pub use lock::lock;
pub use relation::RelationError;
pub use release::ReleaseError;
pub use resolve::ResolveError;
pub use root::RootError;
pub use source_package::find_source;
pub use suite::Suite;
pub use universe::IndexError;
pub use unpack::unpack;

/// Takes events; every long step is given one.
pub type Events<'a> = &'a (dyn Fn(eadem_model::Event) + Sync);
