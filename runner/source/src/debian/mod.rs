//! Source packages of Debian and its kin, unpacked as `dpkg-source` does: without running anything.

mod fault;
mod hunk;
mod patch;
mod quilt;
mod role;
mod unpack;

pub use fault::{DebianError, DebianFault, PatchFault};
pub(crate) use unpack::{Package, open};
