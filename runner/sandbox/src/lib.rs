//! The native engine: rooms made of namespaces, without a daemon and without root.
//!
//! *Power*: processes; it starts the only programs that eadem runs on its own account, and mounts,
//! maps and confines for them. *May import*: model. *Never*: opens a socket to anywhere, prints, or
//! falls back to a weaker room in silence.
//!
//! Four processes stand one behind the other:
//!
//! 1. the **engine** ([`NativeEngine`]), threads of eadem: hands a launch over, reads the
//!    log, watches the clock, and reads the outputs when everything is dead;
//! 2. the **keeper**, a single-threaded re-exec of the same program ([`launcher_main`]): makes the
//!    room's directory, clones pid 1, kills it when asked or when eadem is gone, removes the directory;
//! 3. **pid 1** of the room: mounts, pivots, gives its powers up, reaps, reports the ending;
//! 4. the **payload**: what the plan asks for.
//!
//! Every process dies with the one before it, so no order of deaths leaves a process, a mount or
//! (but for the death of the keeper itself, after which [`sweep`] helps) a directory behind.

mod device;
mod directory;
mod engine;
mod failure;
mod filter;
mod forbidden;
mod identity;
mod init;
mod keeper;
mod launch;
mod log;
mod mount;
mod network;
mod outcome;
mod output;
mod payload;
mod place;
mod privilege;
mod probe;
mod procfs;
mod reap;
mod remove;
mod report;
mod shuffle;
mod source;
mod stage;
mod supervise;

pub use directory::sweep;
pub use engine::NativeEngine;
pub use identity::outer_ids;
pub use keeper::launcher_main;
pub use launch::LAUNCHER_WORD;
