//! Rooms whose outcome is known and whose directory is still being removed.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use crate::supervise::Running;

/// Keepers that remove their room while the next one is made.
#[derive(Default)]
pub(crate) struct Leaving(Mutex<Vec<Running>>);

/// More would only mean that rooms are made faster than they can be removed.
const AT_MOST: usize = 8;

impl Leaving {
    /// Lets the keeper remove its room, and waits for the longest ones if there are too many.
    pub(crate) fn add(&self, mut running: Running) -> io::Result<()> {
        if running.dismiss().is_err() {
            // Its keeper is dead.
            return running.finish();
        }
        let mut leaving = self.rooms();
        leaving.push(running);
        let n_over = leaving.len().saturating_sub(AT_MOST);
        let over: Vec<Running> = leaving.drain(..n_over).collect();
        drop(leaving);
        finish(over)
    }

    /// Looks after those that have ended; tells of the first that could not be removed.
    pub(crate) fn glance(&self) -> io::Result<()> {
        let ended = |running: &mut Running| running.has_ended();
        let ended: Vec<Running> = self.rooms().extract_if(.., ended).collect();
        finish(ended)
    }

    /// Waits for all.
    pub(crate) fn settle(&self) -> io::Result<()> {
        let all: Vec<Running> = self.rooms().drain(..).collect();
        finish(all)
    }

    fn rooms(&self) -> std::sync::MutexGuard<'_, Vec<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every one of them is waited for, whatever comes of the others.
fn finish(rooms: Vec<Running>) -> io::Result<()> {
    let results: Vec<_> = rooms.into_iter().map(Running::finish).collect();
    results.into_iter().collect()
}
