//! What the tests share.

pub(crate) mod disk;
pub(crate) mod fixture;
pub(crate) mod lane;
pub(crate) mod patience;
pub(crate) mod process;
pub(crate) mod run;
pub(crate) mod seed;
pub(crate) mod server;
pub(crate) mod tarball;
pub(crate) mod trace;
pub(crate) mod user;
pub(crate) mod world;

/// The repository.
pub(crate) const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
