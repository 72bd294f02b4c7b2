//! The docker engine: rooms made by Docker Engine or Podman, through the API that both have.
//!
//! *Power*: a socket; it also starts ssh when the daemon's address says so. *May import*: model,
//! terminal. *Never*: mounts a directory of the host into a room, pulls an image, prints, or passes over a difference to the
//! native engine's rooms in silence.
//!
//! The daemon may run elsewhere, so nothing is shown to it by path. For each room there are
//!
//! 1. an **image** of the round's layers, loaded once and kept (`image`);
//! 2. a **stage**, a container that never starts: what is uploaded into it becomes the room's own layer
//!    and its inputs, which are volumes (`stage`);
//! 3. the **container** itself, with a read-only root, the inputs read-only, and a volume for each
//!    directory that the build may write (`config`, `live`);
//! 4. the outputs, downloaded as an archive and looked at before they are handed over (`output`).
//!
//! All but the image is removed on every path (`stay`); what a killed eadem left is found by its labels
//! (`sweep`).

mod abilities;
mod archive;
mod checkup;
mod config;
mod daemon;
mod download;
mod endpoint;
mod engine;
mod halt;
mod image;
mod kept;
mod layer;
mod limit;
mod live;
mod output;
mod owner;
mod profile;
mod refusal;
mod replay;
mod ssh;
mod stage;
mod stay;
mod sweep;
mod tally;
mod terminal;
mod upload;
mod visit;
mod words;
mod wrapper;

pub use checkup::examine;
pub use endpoint::Surroundings;
pub use engine::DockerEngine;
