//! What the tests share.

pub(crate) mod authority;
pub(crate) mod disk;
pub(crate) mod docker;
pub(crate) mod fixture;
pub(crate) mod host;
pub(crate) mod lane;
pub(crate) mod patience;
pub(crate) mod plain;
pub(crate) mod process;
pub(crate) mod run;
pub(crate) mod seed;
pub(crate) mod server;
#[path = "../../runner/docker/tests/support/service.rs"]
#[allow(dead_code, reason = "the engine's own tests do more with daemons")]
pub(crate) mod service;
#[path = "../../runner/sandbox/tests/support/session.rs"]
pub(crate) mod session;
pub(crate) mod sshd;
pub(crate) mod tarball;
pub(crate) mod trace;
pub(crate) mod user;
pub(crate) mod world;

/// The repository.
pub(crate) const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
