//! The network of eadem: brings crates, distribution packages and files into the store, verified.
//!
//! *Power*: network. *May import*: model, store. *Never*: lets bytes into the store without the
//! digest that they must have; runs a program but git; writes a byte of a lock or a plan.

mod apt;
mod batch;
mod client;
mod download;
mod error;
mod git;
mod job;
mod network;
mod options;
mod patience;
mod place;
mod progress;
mod reach;
mod registry;
mod shown;
mod trouble;

pub use apt::apt_mirrors;
pub use error::NetworkError;
pub use git::{Commit, GitError};
pub use network::Network;
pub use options::{NetworkOptions, Proxy, SNAPSHOT_ARCHIVE};
pub use reach::{Greeting, Reach, Server};
