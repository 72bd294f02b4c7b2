//! How much more than a limit the kernel gives where eadem watches the limit.
//!
//! Whoever exceeds a limit is to be ended, and not refused something that a program could take in its own
//! way. So the kernel refuses only what is more than the limit and all that can be made between two
//! looks. These numbers depend on the plan alone: a program can ask for them.

use eadem_model::Limits;

use crate::volume::Amount;

/// What a few processors make between two looks, by far.
const PROCESSES: u64 = 2048;
const DISK: Amount = Amount { bytes: 128 << 20, files: 16_384 };

/// Processes and threads that the kernel gives.
pub(crate) fn processes(limits: &Limits) -> u64 {
    more(limits.processes, PROCESSES)
}

/// Bytes and files that a file system of the room's own takes.
pub(crate) fn disk(limits: &Limits) -> Amount {
    Amount { bytes: more(limits.disk_bytes, DISK.bytes), files: more(limits.files, DISK.files) }
}

fn more(limit: u64, least: u64) -> u64 {
    limit.saturating_add(limit.max(least))
}
