//! What the tests share, with each other and with those of the native engine.

#[path = "../../../sandbox/tests/support/attempts.rs"]
#[allow(dead_code, reason = "some attempts are made in the native engine's rooms alone")]
pub(crate) mod attempts;
#[path = "../../../sandbox/tests/support/clock.rs"]
pub(crate) mod clock;
#[path = "../../../sandbox/tests/support/hogs.rs"]
pub(crate) mod hogs;
#[path = "../../../sandbox/tests/support/image.rs"]
pub(crate) mod image;
#[path = "../../../sandbox/tests/support/process.rs"]
#[allow(dead_code, reason = "the native engine's tests look at more")]
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod service;
#[path = "../../../sandbox/tests/support/session.rs"]
pub(crate) mod session;
#[path = "../../../sandbox/tests/support/trial.rs"]
pub(crate) mod trial;
pub(crate) mod world;
