//! What the steps work with.

use std::path::Path;

use eadem_model::{Cancel, Engine, Event, Fetcher, RunId, Tree};
use eadem_store::{Store, StoreError};

/// The place where one invocation of eadem works: its store, its engine, its way to the network.
pub struct Bench<'a> {
    /// Everything on disk.
    pub store: &'a Store,
    /// The network.
    pub fetcher: &'a dyn Fetcher,
    /// What makes rooms.
    pub engine: &'a dyn Engine,
    /// Takes events.
    pub events: &'a (dyn Fn(Event) + Sync),
    /// Ends the work early.
    pub cancel: &'a Cancel,
    /// Seconds since 1970; decides no byte of an output.
    pub clock: &'a (dyn Fn() -> u64 + Sync),
    /// The name of this invocation.
    pub run: &'a RunId,
    /// Whether the state of a failed build is kept, for `eadem shell`.
    pub keep_failed: bool,
    /// Whether the user asked for rooms that close less firmly.
    pub weak: bool,
    /// The machine; decides no byte of an output.
    pub machine: &'a Machine,
    /// The directory that holds `recipes/`.
    pub project_root: &'a Path,
}

/// What a build can learn of the machine that its rooms are on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// How many processors eadem may use.
    pub processors: usize,
    /// The release that the kernel tells.
    pub release: String,
}

impl Bench<'_> {
    /// Whether every file of a tree is still there; what is damaged is removed, and that is said.
    pub(crate) fn still_has(&self, tree: &Tree) -> Result<bool, StoreError> {
        self.store.has_tree(tree).or_else(|error| {
            self.tell(Event::Warning { message: self.store.discard(error)? });
            Ok(false)
        })
    }

    pub(crate) fn tell(&self, event: Event) {
        (self.events)(event);
    }
}
