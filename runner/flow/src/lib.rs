//! eadem's order of steps: lock, fetch, plan, build, verify, shell.
//!
//! *Power*: none of its own; it meets the network and the rooms through traits. *May import*:
//! model, store, image, source, cargo, explain. *Never*: opens a socket, starts a process, prints.

mod bench;
mod bisect;
mod build;
mod crates;
mod error;
mod explanation;
mod inquiry;
mod job;
mod kept;
mod lock;
mod log;
mod needs;
mod plan;
mod prepare;
mod preview;
mod progress;
mod published;
mod round;
mod rounds;
mod shell;
mod side;
mod step;
mod suspect;
mod trial;
mod units;
mod verify;

pub use bench::{Bench, Machine};
pub use build::{Built, Recorded, build};
pub use crates::{built_packages, dependencies};
pub use eadem_cargo::{Planned, Standing};
pub use error::{BuildFailure, FlowError};
pub use explanation::explain_trees;
pub use job::Job;
pub use kept::State;
pub use lock::{lock_image, lock_recipe};
pub use needs::{Needed, last_verified};
pub use plan::plan;
pub use prepare::{build_image, fetch};
pub use preview::{Preview, preview};
pub use published::Claim;
pub use shell::{Files, Visit, Wish, discard_kept, visit};
pub use verify::{Proofs, Terms, USUAL_TRIALS, Verification, differences, verify};
