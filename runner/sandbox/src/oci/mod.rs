//! Rooms that an installed runtime of the Open Container Initiative makes.
//!
//! The keeper clones a **holder** into namespaces of its own: user, mount, process, network and the
//! rest, as for a native room. The holder mounts the image, the inputs and the scratch directories on
//! its stage, as pid 1 of a native room does, and starts the runtime *in there*, with a bundle whose
//! paths are names on the stage. So
//!
//! - the same room value gives the same tree, and nothing of the host shows in its mounts;
//! - the runtime is root of the holder's user namespace alone, also when eadem is root;
//! - whatever the runtime makes – containers, states, mounts, processes – lies in the holder's
//!   namespaces and on its stage, and dies with the holder; there is nothing to delete, and a sweep
//!   has only the room's directory to remove.

mod bundle;
mod engine;
mod filter;
mod holder;
mod log;
mod refusal;
mod runtime;
mod start;

pub use engine::OciEngine;
pub(crate) use holder::run;
pub(crate) use refusal::explain;
pub(crate) use runtime::Runtime;
