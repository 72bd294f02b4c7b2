//! What `eadem doctor` looks at. Nothing here changes anything: a room or a file that is made to see
//! whether it can be made is removed at once.

pub(crate) mod apparmor;
mod clock;
mod disk;
pub(crate) mod examination;
mod memory;
mod mirror;
mod store;

pub(crate) use examination::examine;
