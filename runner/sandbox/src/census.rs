//! Counts the processes of a room and their memory where no control group does.
//!
//! The next look comes when a limit could be exceeded at the soonest, so a room far from its limits is
//! hardly ever looked at.

use std::{fs, time::Duration};

use crate::{
    handover::Handover,
    inmates::Inmates,
    pace::{Pace, time_for},
    unlinked::unlinked,
};

/// Processes that a fork bomb makes in a second.
const PROCESSES_PER_SECOND: u64 = 20_000;
/// Bytes that a few processors fill in a second.
const BYTES_PER_SECOND: u64 = 4 << 30;
/// How often descriptors are looked through for files in memory that no directory shows.
const SELDOM: Duration = Duration::from_secs(1);
/// A careful count takes long where there are many processes; this part of the time it may take.
const RARELY: u32 = 20;

/// When to look again.
pub(crate) struct Census {
    processes: Pace,
    memory: Pace,
    careful: Pace,
    nameless: Pace,
    nameless_bytes: u64,
}

impl Census {
    pub(crate) fn new() -> Self {
        let now = || Pace::after(Duration::ZERO);
        Self { processes: now(), memory: now(), careful: now(), nameless: now(), nameless_bytes: 0 }
    }

    /// Whether there are more processes and threads than the limit.
    pub(crate) fn processes_over(&mut self, limit: u64, inmates: Inmates<'_>) -> bool {
        // One number for the whole machine is had at once, and it is no less than the room's.
        if !self.processes.is_due() || machine_threads().is_some_and(|n| n <= limit) {
            return false;
        }
        let n = inmates.n_threads();
        self.processes.rest(time_for(limit.saturating_sub(n), PROCESSES_PER_SECOND));
        n > limit
    }

    /// Whether the processes and the files in memory take more bytes than the limit.
    pub(crate) fn memory_over(&mut self, limit: u64, room: &Handover) -> bool {
        if !self.memory.is_due() {
            return false;
        }
        let inmates = room.inmates();
        let files = room.memory.held().bytes + self.nameless_bytes(room);
        let at_most = inmates.resident_bytes() + files;
        self.memory.rest(time_for(limit.saturating_sub(at_most), BYTES_PER_SECOND));
        at_most > limit && self.careful.is_due() && self.carefully(inmates, files) > limit
    }

    /// What is mapped of files in memory is counted with the files already, or else it is more.
    fn carefully(&mut self, inmates: Inmates<'_>, files: u64) -> u64 {
        let (own, shared) =
            self.careful.work(RARELY, Duration::ZERO..SELDOM, || inmates.proportional_bytes());
        own + shared.max(files)
    }

    /// `memfd_create` and the like.
    fn nameless_bytes(&mut self, room: &Handover) -> u64 {
        if self.nameless.is_due() {
            self.nameless_bytes =
                self.nameless.work(RARELY, SELDOM..SELDOM * 2, || unlinked(room).in_memory.bytes);
        }
        self.nameless_bytes
    }
}

/// Processes and threads of the whole machine: the second number of the fourth word.
fn machine_threads() -> Option<u64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').nth(3)?.split_once('/')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_says_how_many_threads_it_has() {
        assert!(machine_threads().is_some_and(|n| n > 1));
    }
}
