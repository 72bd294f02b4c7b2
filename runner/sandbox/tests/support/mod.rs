//! What the tests share.

pub(crate) mod attempts;
pub(crate) mod clock;
pub(crate) mod harness;
pub(crate) mod hogs;
pub(crate) mod image;
pub(crate) mod killing;
pub(crate) mod leak;
pub(crate) mod process;
pub(crate) mod session;
pub(crate) mod trial;
pub(crate) mod world;
