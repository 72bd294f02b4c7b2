//! The native engine: rooms made of namespaces, without a daemon and without root.
//!
//! *Power*: processes; it starts the only programs that eadem runs on its own account, and mounts,
//! maps and confines for them. Of the host's programs it starts newuidmap and newgidmap alone. *May import*: model, terminal. *Never*: opens a socket to anywhere, prints, or
//! falls back to a weaker room in silence.
//!
//! Four processes stand one behind the other:
//!
//! 1. the **engine** ([`NativeEngine`]), threads of eadem: hands a launch over, reads the
//!    log, watches the clock, and reads the outputs when everything is dead;
//! 2. the **keeper**, a single-threaded re-exec of the same program ([`launcher_main`]): makes the
//!    room's directory and control groups, clones pid 1, watches its limits, kills it when it exceeds one,
//!    when asked or when eadem is gone, removes groups and directory; the next room need not wait for that;
//! 3. **pid 1** of the room: mounts, pivots, gives its powers up, reaps, reports the ending;
//! 4. the **payload**: what the plan asks for.
//!
//! The engine does not execute a keeper for each room: a **launcher**, executed with the first one, forks
//! them. It is a way to start keepers sooner, and nothing else depends on it.
//!
//! A room with a wall clock of its own has a fifth, the **timekeeper** (`clock`), which the keeper forks.
//!
//! Somebody may enter a room ([`eadem_model::Terminal`]): then the engine carries bytes between eadem's own
//! standard streams and the payload's, and the user's terminal stays outside.
//!
//! Every process dies with the one before it, so no order of deaths leaves a process, a mount or
//! (but for the death of the keeper itself, after which [`sweep`] helps) a directory behind.

mod ample;
mod census;
mod cgroup;
mod checkup;
mod clock;
mod controller;
mod counter;
mod delegation;
mod device;
mod directory;
mod disk;
mod door;
mod engine;
mod failure;
mod filter;
mod forbidden;
mod fork;
mod group;
mod guard;
mod halt;
mod handover;
mod headroom;
mod held;
mod identity;
mod idmap;
mod init;
mod inmates;
mod keeper;
mod kept;
mod launch;
mod launcher;
mod leaving;
mod lent;
mod log;
mod missing;
mod mount;
mod names;
mod network;
mod newuidmap;
mod oci;
mod outcome;
mod output;
mod pace;
mod passing;
mod payload;
mod place;
mod privilege;
mod probe;
mod procfs;
mod quota;
mod range;
mod reap;
mod reclaim;
mod remove;
mod report;
mod sacrifice;
mod shuffle;
mod source;
mod stage;
mod starter;
mod stdio;
mod supervise;
mod survey;
mod terminal;
mod unlinked;
mod veil;
mod volume;
mod weak;
mod workshop;

pub use directory::sweep;
pub use engine::NativeEngine;
#[doc(hidden)]
pub use halt::Step;
pub use identity::outer_ids;
pub use keeper::launcher_main;
pub use launch::LAUNCHER_WORD;
pub use oci::OciEngine;
