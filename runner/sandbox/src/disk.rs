//! Watches what a room writes.
//!
//! A room in memory is asked what it holds. Of a room on disk, the host's file system says at once how much
//! it grew; the room's directories are counted only when that is too much, since others write there
//! too, and now and then, since others may remove as much as the room writes.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    time::Duration,
};

use eadem_model::{Limit, Limits};
use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::{
    handover::Handover,
    pace::Pace,
    survey::survey,
    unlinked::unlinked,
    volume::{Amount, Volume},
};

/// While the file system grew too much: counting takes this part of the time at the most.
const OFTEN: u32 = 10;
const SOON: Duration = Duration::from_millis(100);
/// Else.
const RARELY: u32 = 200;
const SELDOM: Duration = Duration::from_secs(10);
/// A machine that is busy with other things makes counting slow, but not needless.
const LONG: Duration = Duration::from_secs(600);
/// Some file systems do not say how many files they hold.
const BLINDLY: Duration = Duration::from_secs(2);

/// The scratch directories of a room.
pub(crate) struct Disk {
    dir: OwnedFd,
    /// What was there before the build.
    before: Amount,
    /// The least that the file system held since.
    lowest: Amount,
    often: Pace,
    seldom: Pace,
}

impl Disk {
    /// Watches a directory of the host and the file system that it lies on.
    pub(crate) fn watch(dir: &Path) -> io::Result<Self> {
        let dir = openat(CWD, dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let volume = Volume::of(&dir)?;
        let first = if volume.counts_files() { SELDOM } else { BLINDLY };
        Ok(Self {
            before: survey(dir.as_fd()).found,
            lowest: volume.used,
            dir,
            often: Pace::after(Duration::ZERO),
            seldom: Pace::after(first),
        })
    }

    /// The limit that the room exceeds.
    pub(crate) fn breach(&mut self, limits: &Limits, room: &Handover) -> Option<Limit> {
        let in_memory = room.memory.held();
        match &room.scratch {
            Some(scratch) => exceeded(limits, in_memory + scratch.held()),
            None => self.breach_on_disk(limits, room, in_memory),
        }
    }

    fn breach_on_disk(&mut self, limits: &Limits, room: &Handover, in_memory: Amount) -> Option<Limit> {
        let volume = Volume::of(&self.dir).ok()?;
        self.lowest = self.lowest.least(volume.used);
        let grown = exceeded(limits, volume.used - self.lowest + in_memory);
        if !(grown.is_some() && self.often.is_due() || self.seldom.is_due()) {
            return None;
        }
        let (found, blind) = self.count(room, volume.counts_files());
        // Who hides what was written is not believed.
        exceeded(limits, found + in_memory).or(grown.filter(|_| blind))
    }

    fn count(&mut self, room: &Handover, counts_files: bool) -> (Amount, bool) {
        let Self { dir, before, often, seldom, .. } = self;
        let least = if counts_files { SELDOM } else { BLINDLY };
        often.work(OFTEN, SOON..SELDOM, || {
            seldom.work(RARELY, least..LONG, || {
                let (survey, nameless) = (survey(dir.as_fd()), unlinked(room));
                (survey.found - *before + nameless.on_disk, survey.blind || nameless.blind)
            })
        })
    }

    /// Counts at the next look, if there is reason to.
    pub(crate) fn hurry(&mut self) {
        self.often.rest(Duration::ZERO);
    }

    /// Whether the host's file system has nothing left to give without harm.
    pub(crate) fn is_nearly_full(&self) -> bool {
        Volume::of(&self.dir).is_ok_and(|volume| volume.is_nearly_full())
    }
}

fn exceeded(limits: &Limits, held: Amount) -> Option<Limit> {
    if held.bytes > limits.disk_bytes {
        Some(Limit::Disk)
    } else {
        (held.files > limits.files).then_some(Limit::Files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_named_before_files() {
        let limits = Limits { disk_bytes: 10, files: 3, ..Limits::default() };
        let held = |bytes, files| exceeded(&limits, Amount { bytes, files });
        assert_eq!([held(10, 3), held(11, 4), held(0, 4)], [None, Some(Limit::Disk), Some(Limit::Files)]);
    }
}
