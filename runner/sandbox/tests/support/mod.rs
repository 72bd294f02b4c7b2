//! What the tests share.

pub(crate) mod attempts;
pub(crate) mod process;
pub(crate) mod world;
